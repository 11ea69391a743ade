"""Rate limits: exact, without seams, and counted for each key on its own."""
import time

from harness import client, steps
from harness.case import SLACK, Case, Clock, config, group, main, tier


def bucket(size, rate):
    return {"enabled": True, "algorithm": "token_bucket", "bucket_size": size, "refill_rate": rate}


def window(seconds, most):
    return {"enabled": True, "algorithm": "sliding_window", "window_size": seconds, "max_requests": most}


class Rate(Case):
    def pools(self, limits):
        """A router with a pool for each limiter, all of the one group g."""
        self.upstream(steps.ok())
        return self.serve(every={"concurrency_limit": 500, "rpm_limit": 60000}, polling_pools={
            name: {"task_groups": ["g"], "rotation_strategy": "round_robin", "rate_limiting": limit}
            for name, limit in limits.items()})

    def hits_of(self, name):
        """Arrival times of a pool's requests: their prompt is its name."""
        return [h.at for h in self.hits.hits if h.json()["messages"][0]["content"] == name]

    def ask(self, router, name):
        reply = router.chat(name, text=name)
        if reply.status != 200:
            self.assertError(reply, 429)
            self.assertRetryAfter(reply, 1, 60)
        return reply.status == 200

    def test_rpm_130_requests_at_once_reach_the_upstream_100_times(self):
        u = self.upstream(steps.ok())
        router = self.serve(every={"rpm_limit": 100, "concurrency_limit": 200})
        replies = client.at_once(130, lambda _: router.chat())
        refused = [r for r in replies if r.status != 200]
        self.assertEqual((len(u.hits), len(refused)), (100, 30))
        for reply in refused:
            self.assertError(reply, 429)
            self.assertRetryAfter(reply, 1, 60)
            self.assertLess(reply.took, 1.0 + SLACK)
        self.assertError(router.chat(), 429)
        self.assertEqual(len(u.hits), 100)

    def test_a_tier_whose_rate_is_spent_passes_on_to_the_next(self):
        self.upstream(steps.ok("one"))
        self.upstream(steps.ok("two"))
        router = self.serve(tiers={1: {"rpm_limit": 2}})
        self.assertEqual([router.chat().text for _ in range(4)], ["one", "one", "two", "two"])

    def test_RATE_2_a_sliding_window_has_no_seam(self):
        names = [f"p{i}" for i in range(20)]
        router = self.pools({name: window(2, 5) for name in names})
        clock = Clock()

        def run(i):
            start = 0.2 + 0.05 * i  # Each pool at another phase of the second.
            counts = []
            for at in (start, start + 1.8, start + 2.2, start + 6.3):
                clock.wait_until(at)
                counts.append(sum(self.ask(router, names[i]) for _ in range(5)))
            return counts
        for counts in client.at_once(20, run):
            self.assertEqual((counts[0], counts[-1]), (5, 5), counts)
        for name in names:
            at = self.hits_of(name)
            # What is 2.0 s apart in the router may come a little closer at the upstream.
            self.assertTrue(all(b - a > 1.9 for a, b in zip(at, at[5:])), name)

    def test_RATE_3_fractions_of_tokens_add_up(self):
        router = self.pools({"slow": bucket(5, 1.0), "fast": bucket(5, 2.0)})

        def slow():
            self.assertEqual([self.ask(router, "slow") for _ in range(5)], [True] * 5)
            clock = Clock()
            for tick in range(1, 120):
                clock.wait_until(0.05 * tick)
                self.ask(router, "slow")

        def fast():
            self.assertEqual([self.ask(router, "fast") for _ in range(6)], [True] * 5 + [False])
            time.sleep(0.6)
            self.assertTrue(self.ask(router, "fast"))
        for result in client.at_once(2, lambda i: (slow, fast)[i]()):
            self.assertIsNone(result)
        late = self.hits_of("slow")[5:]
        self.assertTrue(5 <= len(late) <= 7, late)
        for a, b in zip(late, late[1:]):
            self.assertTrue(0.8 <= b - a <= 1.3, late)

    def test_RATE_5_limits_side_by_side_do_not_share_a_clock(self):
        router = self.pools({"p1": bucket(5, 2.0), "p2": window(2, 8)})
        clock = Clock()

        def load(i):
            for tick in range(56):  # 4/s for 14 s.
                clock.wait_until(0.25 * tick)
                self.ask(router, ("p1", "p2")[i])
        for result in client.at_once(2, load):
            self.assertIsNone(result)
        last = {name: sum(at - clock.start >= 7 for at in self.hits_of(name)) for name in ("p1", "p2")}
        self.assertTrue(12 <= last["p1"] <= 16, last)
        # Two starts exactly 2 s apart share a window: at worst each ninth tick comes a moment too early.
        self.assertTrue(24 <= last["p2"] <= 29, last)

    def test_RATE_6_failed_requests_count_as_well(self):
        u = self.upstream(steps.error(400))
        router = self.serve(polling_pools={"p": {"task_groups": ["g"], "rotation_strategy": "round_robin",
                                                 "rate_limiting": bucket(5, 0.01)}})
        self.assertEqual([router.chat("p").status for _ in range(10)], [400] * 5 + [429] * 5)
        self.assertEqual(len(u.hits), 5)

    def test_the_limiter_of_the_whole_router_holds_for_every_target(self):
        self.upstream(steps.ok())
        self.upstream(steps.ok())
        settings = config(self.upstreams, groups={n: group(tier([f"m{i}"])) for i, n in enumerate("ab", 1)},
                          rate_limiting={"enabled": True, "algorithm": "sliding_window",
                                         "sliding_window": {"window_size": 60, "max_requests": 5}})
        router = self.serve(settings)
        statuses = [router.chat(t).status for t in "abababab"]
        self.assertEqual(statuses, [200] * 5 + [429] * 3)


if __name__ == "__main__":
    main()
