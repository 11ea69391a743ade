"""Circuit breakers: what opens them, what probes them and what closes them."""
import threading

from harness import client, steps
from harness.case import SLACK, Case, Clock, config, group, main, tier


def by_word(word, status):
    """`status` if the prompt holds the word, else 200."""
    def choose(hit):
        return steps.error(status) if word in hit.body.decode() else steps.ok()
    return choose


class Breaker(Case):
    def test_BREAKER_2_half_open_lets_through_as_many_probes_as_configured(self):
        for probes in (1, 3):
            with self.fresh(f"half_open_requests {probes}"):
                answer = threading.Event()
                u = self.upstream(steps.error(500), steps.when(answer, steps.ok()))
                router = self.serve(every={"timeout": 20}, breaker={
                    "failure_threshold": 1, "recovery_time": 1, "half_open_requests": probes})
                clock = Clock()
                self.assertError(router.chat(), 502)
                clock.wait_until(1.2)
                refused = []

                def ask(_):
                    reply = router.chat()
                    if reply.status != 200:
                        refused.append(reply)
                        if len(refused) == 50 - probes:
                            answer.set()  # All others were answered while the probes ran.
                    return reply
                replies = client.at_once(50, ask)
                self.assertEqual(len(u.hits), 1 + probes)
                self.assertEqual(sorted(r.status for r in replies), [200] * probes + [503] * (50 - probes))
                for reply in refused:
                    self.assertError(reply, 503)
                    self.assertTook(reply.took, 0, 0.1)

    def test_BREAKER_3_the_clients_own_mistakes_do_not_open_the_breaker(self):
        for status in (400, 413, 422):
            with self.fresh(status):
                u = self.upstream(steps.ok()).answer(by_word("bad", status))
                self.upstream(steps.ok("two"))
                router = self.serve()
                for _ in range(20):
                    self.assertError(router.chat(text="bad"), status)
                self.assertOk(router.chat(text="good"), "ok")
                self.assertEqual(len(u.hits), 21)
                self.assertEqual(self.upstreams[1].hits, [])

    def test_BREAKER_4_one_blip_does_not_take_a_member_out(self):
        u = self.upstream(*[steps.error(500)] * 4, steps.ok())
        router = self.serve()
        for _ in range(4):
            self.assertError(router.chat(), 502)
        self.assertOk(router.chat())
        self.assertEqual(len(u.hits), 5)

    def test_BREAKER_4_as_many_failures_as_the_threshold_do(self):
        u = self.upstream(steps.error(500))
        router = self.serve()
        for _ in range(5):
            self.assertError(router.chat(), 502)
        refused = router.chat()
        self.assertError(refused, 503)
        self.assertRetryAfter(refused, 1, 2)
        self.assertEqual(len(u.hits), 5)

    def test_BREAKER_5_old_failures_are_forgotten(self):
        bad, good = steps.error(500), steps.ok()
        u = self.upstream(bad, bad, *[good] * 100, bad, *[good] * 100, bad, good)
        router = self.serve(breaker={"failure_threshold": 3})
        with client.Connection(router.url) as c:
            statuses = []
            for _ in range(205):
                c.send("POST", "/v1/chat/completions", client.prompt())
                statuses.append(c.reply().status)
        self.assertEqual(len(u.hits), 205)
        self.assertEqual(statuses, [502] * 2 + [200] * 100 + [502] + [200] * 100 + [502, 200])

    def test_BREAKER_9_the_rule_for_closing_with_several_probes(self):
        bad, good = steps.error(500), steps.ok()
        u = self.upstream(bad, good, good, good, bad, good, bad, bad, good, good, good)
        router = self.serve(breaker={"failure_threshold": 1, "recovery_time": 1, "half_open_requests": 3})

        def opened(status=502):
            self.assertError(router.chat(), status)
            clock = Clock()
            self.assertEqual(router.breaker("echelon/g.echelon1"), "open")
            hits = len(u.hits)
            clock.wait_until(0.7)
            self.assertError(router.chat(), 503)
            self.assertEqual(len(u.hits), hits, "open for a full recovery_time")
            clock.wait_until(1.1)

        def probe(state):
            self.assertOk(router.chat())
            self.assertEqual(router.breaker("echelon/g.echelon1"), state)
        opened()
        probe("half_open")
        probe("half_open")
        probe("closed")
        opened()
        probe("half_open")
        opened()  # (b) One success, then a failure.
        opened()  # (c) A failure at once.
        probe("half_open")
        probe("half_open")  # The success of (b) is not carried over.
        probe("closed")
        self.assertEqual(len(u.hits), 11)


class BreakerAndTime(Case):
    def test_BREAKER_1_a_probe_that_never_finishes_does_not_hold_the_slot_for_ever(self):
        u = self.upstream(steps.error(500), steps.hang(), steps.ok())
        router = self.serve(every={"timeout": 1}, breaker={"failure_threshold": 1, "recovery_time": 2})
        clock = Clock()
        self.assertError(router.chat(), 502)
        clock.wait_until(2.2)
        probe = client.later(router.chat)
        self.assertTrue(client.until(lambda: len(u.hits) == 2))
        clock.wait_until(3.0)
        self.assertError(router.chat(), 503)
        self.assertEqual(len(u.hits), 2, "refused by the router itself")
        self.assertError(probe(), 504)
        self.assertLess(probe().took, 1.2 + SLACK)
        clock.wait_until(6.0)
        self.assertOk(router.chat())
        self.assertEqual(len(u.hits), 3)
        self.assertEqual(router.breaker("echelon/g.echelon1"), "closed")

    def test_BREAKER_6_a_second_longer_cool_down_wins_over_a_first_shorter_one(self):
        both = threading.Event()
        u = self.upstream(steps.when(both, steps.error(429, headers=[("Retry-After", "1")])),
                          steps.when(both, steps.after(0.25, steps.error(429, headers=[("Retry-After", "4")]))),
                          steps.ok())
        router = self.serve(breaker={"failure_threshold": 1, "recovery_time": 1})
        pair = [client.later(router.chat) for _ in range(2)]
        self.assertTrue(client.until(lambda: len(u.hits) == 2))
        clock = Clock()
        both.set()
        for reply in pair:
            self.assertRetryAfter(reply(), 1, 4)
        for tick in range(1, 24):
            clock.wait_until(0.25 * tick)
            router.chat()
            if len(u.hits) > 2:
                break
        self.assertEqual(len(u.hits), 3)
        self.assertTook(u.hits[2].at - clock.start, 4.2, 4.8)

    def test_BREAKER_7_open_means_no_hits_for_the_whole_recovery_time(self):
        first = self.upstream(steps.error(500))
        self.upstream(steps.ok("two"))
        settings = config(self.upstreams, groups={"g": group(
            tier(["m1", "m2"]), breaker={"failure_threshold": 1, "recovery_time": 5})})
        settings["models"]["m1"]["weight"], settings["models"]["m2"]["weight"] = 200, 1
        router = self.serve(settings)
        clock = Clock()
        statuses = []
        for tick in range(50):
            clock.wait_until(0.1 * tick)
            if clock.now < 4.9:
                statuses.append(router.chat().status)
        self.assertEqual(len(first.hits), 1)
        self.assertEqual(statuses, [502] + [200] * (len(statuses) - 1))
        clock.wait_until(5.3)
        router.chat()
        self.assertEqual(len(first.hits), 2, "a probe after the recovery time")

    def test_BREAKER_8_a_group_that_is_open_fails_fast_and_comes_back_by_itself(self):
        clock = Clock()
        for _ in range(4):
            self.upstream(steps.ok()).answer(lambda _: steps.error(500) if clock.now < 3 else steps.ok())
        quick = {"failure_threshold": 1, "recovery_time": 2}
        settings = config(self.upstreams, groups={
            "g": group(tier(["m1"]), tier(["m2"]), tier(["m3"]), breaker=quick),
            "h": group(tier(["m4"]), breaker=quick)})
        settings["workflow_nodes"] = {"n": {"type": "llm", "llm_group": "g.echelon1", "fallback_groups": [
            "g.echelon2", "g.echelon3", "h.echelon1"]}}
        router = self.serve(settings)
        clock = Clock()
        replies = []
        for tick in range(65):
            clock.wait_until(0.1 * tick)
            replies.append((clock.now, router.chat("n")))
        refused = [r for _, r in replies if r.status == 503]
        self.assertGreater(len(refused), 20)
        for reply in refused:
            self.assertError(reply, 503)
            self.assertRetryAfter(reply, 1, 2)
        fast = sorted(r.took for r in refused)
        self.assertLess(fast[len(fast) * 9 // 10], 0.05 + SLACK)
        for upstream in self.upstreams:
            early = [h for h in upstream.hits if h.at - clock.start < 1.9]
            self.assertEqual(len(early), 1, "one failure, then no hits but probes")
        back = next(at for at, r in replies if r.status == 200)
        self.assertLess(back, 5.5 + SLACK)
        after = [r for at, r in replies if at >= back]
        self.assertEqual({r.status for r in after}, {200})
        self.assertEqual({r.header("x-echelon-route") for r in after}, {"g.echelon1/m1"})

    def test_ROTATION_1_a_heavy_but_dead_member_does_not_hide_a_light_one(self):
        first = self.upstream(steps.error(500))
        self.upstream(steps.ok("two"))
        settings = config(self.upstreams, groups={
            "a": group(tier(["m1"]), breaker={"failure_threshold": 1, "recovery_time": 60}),
            "b": group(tier(["m2"])),
            "g": group(tier(["m1", "m2"]), breaker={"failure_threshold": 1, "recovery_time": 60})})
        settings["models"]["m1"]["weight"], settings["models"]["m2"]["weight"] = 60, 1
        settings["polling_pools"] = {"p": {"task_groups": ["a", "b"], "rotation_strategy": "weighted"}}
        router = self.serve(settings)
        self.assertError(router.chat("a"), 502)
        for target in ("p", "g"):
            hits = len(first.hits)
            replies = [router.chat(target) for _ in range(21)]
            # The tier of g has a breaker of its own at m1: at most one attempt finds out.
            self.assertLessEqual(len(first.hits) - hits, 1)
            for reply in replies[1:]:
                self.assertOk(reply, "two")
                self.assertTook(reply.took, 0, 0.1)


if __name__ == "__main__":
    main()
