"""Hedging, fallback by cause, retry budgets, active health checks and odd weights, from outside."""
import threading
import time

from harness import client, steps
from harness.case import SLACK, Case, Clock, config, group, main, tier


class Hedging(Case):
    def pair(self, **changes):
        """A router with one tier of two models, hedged after 200 ms."""
        one = tier(["m1", "m2"], hedge_after=0.2, timeout=5, **changes)
        return self.serve(groups={"g": group(one)})

    def test_a_late_first_model_is_overtaken_and_its_call_cancelled(self):
        slow = self.upstream(steps.after(20, steps.ok("slow")))
        self.upstream(steps.ok("fast"))
        router = self.pair()
        reply = router.chat()
        self.assertOk(reply, "fast")
        self.assertTook(reply.took, 0.2, 0.4)
        self.assertEqual(reply.header("x-echelon-route"), "g.echelon1/m2")
        self.assertEqual(reply.header("x-echelon-attempts"), "2")
        self.assertTrue(client.until(lambda: slow.hits[0].closed_at), "the loser's connection is closed")
        for path in ("echelon/g.echelon1", "model/m1", "model/m2", "group/g"):
            self.assertEqual(router.in_flight(path), 0, path)
        self.assertEqual((router.failures("model/m1"), router.breaker("model/m1")), (0, "closed"))
        record = router.get(f"/admin/requests/{reply.header('x-request-id')}").json()
        self.assertEqual([s["step"] for s in record["steps"]], ["attempt", "hedge", "lost", "answered"])

    def test_a_first_model_that_answers_in_time_is_not_hedged(self):
        self.upstream(steps.ok("one"))
        self.upstream(steps.ok("two"))
        router = self.pair()
        self.assertOk(router.chat(), "one")
        self.assertHits("U1")

    def test_the_first_model_may_still_win(self):
        self.upstream(steps.after(0.5, steps.ok("first")))
        second = self.upstream(steps.after(20, steps.ok("second")))
        reply = self.pair().chat()
        self.assertOk(reply, "first")
        self.assertHits("U1,U2")
        self.assertTrue(client.until(lambda: second.hits[0].closed_at))

    def test_a_stream_goes_to_the_first_content_and_is_of_one_model(self):
        def late(x):
            x.sse_head()
            x.chunk(steps.event(steps.delta("", role="assistant")))  # No content yet.
            if not x.peer_left(20):
                x.chunk(steps.event(steps.delta("slow")))
        self.upstream(late)
        self.upstream(steps.stream("fa", "st", delay=0.1))
        reply = self.pair().chat(stream=True)
        self.assertOk(reply)
        self.assertEqual(reply.content(), "fast")
        self.assertEqual(reply.finish_reasons(), ["stop"])
        self.assertHits("U1,U2")

    def test_a_first_model_that_fails_leaves_the_answer_to_its_hedge(self):
        self.upstream(steps.after(0.4, steps.error(500)))
        self.upstream(steps.after(0.6, steps.ok("hedge")))
        reply = self.pair().chat()
        self.assertOk(reply, "hedge")
        self.assertHits("U1,U2")

    def test_a_hedge_that_fails_changes_nothing(self):
        self.upstream(steps.after(0.6, steps.ok("first")))
        self.upstream(steps.error(500))
        reply = self.pair().chat()
        self.assertOk(reply, "first")
        self.assertHits("U1,U2")

    def test_both_fail_and_the_next_tier_answers(self):
        self.upstream(steps.after(0.5, steps.error(500)))
        self.upstream(steps.error(500))
        self.upstream(steps.ok("third"))
        one = tier(["m1", "m2"], hedge_after=0.2, timeout=5)
        router = self.serve(groups={"g": group(one, tier(["m3"]))})
        self.assertOk(router.chat(), "third")
        self.assertHits("U1,U2,U3")

    def test_a_client_that_leaves_ends_both_attempts(self):
        first = self.upstream(steps.hang())
        second = self.upstream(steps.hang())
        router = self.pair(concurrency_limit=2)
        with client.Connection(router.url) as c:
            c.send("POST", "/v1/chat/completions", client.prompt())
            self.assertTrue(client.until(lambda: second.hits))
        self.assertTrue(client.until(lambda: first.hits[0].closed_at and second.hits[0].closed_at))
        self.assertTrue(client.until(lambda: router.in_flight() == 0))


class Causes(Case):
    def overflow(self):
        return steps.error(400, steps.failure("This model's maximum context length is 8192 tokens",
                                              "invalid_request_error", "context_length_exceeded"))

    def filtered(self):
        return steps.error(400, steps.failure("filtered", "invalid_request_error", "content_filter"))

    def three(self, **more):
        settings = config(self.upstreams, groups={
            "g": group(tier(["m1"]), tier(["m2"]), **more), "big": group(tier(["m3"]))})
        for name, window in (("m1", 8192), ("m2", 4096), ("m3", 200000)):
            settings["models"][name]["context_window"] = window
        return settings

    def test_without_the_option_the_client_gets_the_models_own_400(self):
        self.upstream(self.overflow())
        self.upstream(steps.ok())
        self.upstream(steps.ok())
        reply = self.serve(self.three()).chat()
        self.assertEqual(self.assertError(reply, 400)["code"], "context_length_exceeded")
        self.assertHits("U1")

    def test_too_long_a_prompt_goes_to_the_group_that_was_named(self):
        self.upstream(self.overflow())
        self.upstream(steps.ok())
        self.upstream(steps.ok("big"))
        reply = self.serve(self.three(on_context_overflow=["big"])).chat()
        self.assertOk(reply, "big")
        self.assertEqual(reply.header("x-echelon-route"), "big.echelon1/m3")
        self.assertHits("U1,U3")

    def test_next_passes_over_models_whose_window_is_not_larger(self):
        self.upstream(self.overflow())
        self.upstream(steps.ok("small"))
        self.upstream(steps.ok("big"))
        settings = self.three(on_context_overflow="next")
        settings["task_groups"]["g"]["echelon3"] = tier(["m3"], 3)
        self.assertOk(self.serve(settings).chat(), "big")
        self.assertHits("U1,U3")

    def test_a_filtered_prompt_goes_where_it_is_allowed_in_a_stream_too(self):
        for stream in (False, True):
            with self.fresh(stream):
                self.upstream(self.filtered())
                self.upstream(steps.ok())
                self.upstream(steps.either("fine"))
                reply = self.serve(self.three(on_content_policy=["big"])).chat(stream=stream)
                self.assertOk(reply)
                self.assertEqual(reply.content() if stream else reply.text, "fine")
                self.assertHits("U1,U3")


class Budget(Case):
    def test_an_outage_is_not_multiplied_by_retries(self):
        u = self.upstream(steps.error(500))
        router = self.serve(every={"max_retries": 3, "rpm_limit": 100000, "concurrency_limit": 500},
                            breaker={"failure_threshold": 100000})
        for _ in range(20):
            for reply in client.at_once(20, lambda _: router.chat()):
                self.assertError(reply, 502)
        # 400 requests; a fifth of the requests of the last ten seconds, at most, were repeated.
        self.assertTrue(400 < len(u.hits) <= 400 + 80, len(u.hits))

    def test_a_single_request_has_all_its_retries(self):
        self.upstream(steps.error(500))
        self.assertError(self.serve(every={"max_retries": 4}).chat(), 502)
        self.assertEqual(len(self.upstreams[0].hits), 5)


class Health(Case):
    def pool(self, interval, **changes):
        settings = config(self.upstreams, groups={f"g{i}": group(
            tier([f"m{i}"], rpm_limit=50), breaker={"failure_threshold": 1, "recovery_time": 600})
            for i in range(1, len(self.upstreams) + 1)}, polling_pools={"p": {
                "task_groups": [f"g{i}" for i in range(1, len(self.upstreams) + 1)],
                "rotation_strategy": "round_robin", "failure_threshold": 1, "recovery_time": 600,
                "slow_start": 0, "health_check_interval": interval, **changes}})
        return self.serve(settings)

    def test_an_ejected_member_is_asked_actively_and_comes_back_long_before_its_recovery_time(self):
        well = threading.Event()
        first = self.upstream(lambda x: (steps.ok("one") if well.is_set() else steps.error(500))(x))
        self.upstream(steps.ok("two"))
        router = self.pool(0.3)
        self.assertOk(router.chat("p"), "two")  # One failed, and is out for ten minutes.
        out = lambda: [m["ejected"] for m in router.actor("pool/p")["members"]]
        self.assertEqual(out(), [True, False])
        spent = 50 - router.actor("echelon/g1.echelon1")["limiter"]["available"]
        # Checks go on while it is down, and it stays out.
        self.assertTrue(client.until(lambda: len(first.hits) >= 3), first.hits)
        self.assertEqual(out(), [True, False])
        self.assertEqual(50 - router.actor("echelon/g1.echelon1")["limiter"]["available"], spent,
                         "checks spend no unit of users")
        self.assertEqual(first.hits[-1].json()["max_tokens"], 1)
        well.set()
        self.assertTrue(client.until(lambda: out() == [False, False]))
        texts = {router.chat("p").text for _ in range(4)}
        self.assertEqual(texts, {"one", "two"})
        seen = len(first.hits)
        time.sleep(0.8)
        self.assertEqual(len(first.hits), seen, "members that are in are not checked")
        self.assertIn('echelon_health_checks_total{pool="p",result="ok"}', router.get("/metrics").body.decode())

    def test_without_an_interval_nobody_is_asked(self):
        first = self.upstream(steps.error(500))
        self.upstream(steps.ok("two"))
        router = self.pool(0)
        self.assertOk(router.chat("p"), "two")
        time.sleep(0.7)
        self.assertEqual(len(first.hits), 1)


class Keys(Case):
    def keyed(self, keys, **provider):
        settings = config(self.upstreams)
        settings["providers"]["u1"].pop("api_key")
        settings["providers"]["u1"].update({"api_keys": keys, **provider})
        return settings

    def used(self, upstream):
        return [h.header("authorization").split()[1] for h in upstream.hits]

    def test_keys_take_turns_and_a_dead_one_sits_out_unseen(self):
        def answer(x):
            (steps.error(401) if x.hit.header("authorization").endswith("dead") else steps.ok("one"))(x)
        u = self.upstream(answer)
        self.upstream(steps.ok("two"))
        router = self.serve(self.keyed(["dead", "alive", "well"]))
        for _ in range(6):
            self.assertOk(router.chat(), "one")
        used = self.used(u)
        self.assertEqual(used.count("dead"), 1, used)
        self.assertEqual(used.count("alive"), 3, used)
        self.assertEqual((router.failures("model/m1"), router.actor("model/m1")["breaker"]["benched"]), (0, False))
        self.assertNotIn("dead", router.output().replace("deadline", ""))

    def test_when_every_key_is_dead_the_model_is_left(self):
        u = self.upstream(steps.error(401))
        self.upstream(steps.ok("two"))
        router = self.serve(self.keyed(["k1", "k2"]))
        self.assertOk(router.chat(), "two")
        self.assertEqual(sorted(self.used(u)), ["k1", "k2"])
        self.assertTrue(router.actor("model/m1")["breaker"]["benched"])

    def test_the_clients_own_key_goes_on_only_where_that_is_configured(self):
        u = self.upstream(steps.ok())
        own = [("Authorization", "Bearer clients-own")]
        self.assertOk(self.serve(self.keyed(["routers"])).chat(headers=own))
        self.assertOk(self.serve(self.keyed(["routers"], forward_authorization=True)).chat(headers=own))
        self.assertEqual(self.used(u), ["routers", "clients-own"])

    def test_strict_mode_says_what_a_provider_cannot_express(self):
        self.upstream(steps.ok(), kind="anthropic")
        settings = config(self.upstreams, server={"strict": True})
        reply = self.serve(settings).chat(logit_bias={"5": 1})
        self.assertEqual(self.assertError(reply, 400)["param"], "logit_bias")
        self.assertHits("")


class Weights(Case):
    def serve_weights(self, *weights):
        for i, _ in enumerate(weights, 1):
            self.upstream(steps.ok(f"m{i}"))
        settings = config(self.upstreams, groups={"g": group(tier([f"m{i}" for i in range(1, len(weights) + 1)]))})
        for i, weight in enumerate(weights, 1):
            if weight is not None:
                settings["models"][f"m{i}"]["weight"] = weight
        return self.serve(settings)

    def shares(self, router, requests=100):
        texts = [router.chat().text for _ in range(requests)]
        return [texts.count(f"m{i}") for i in range(1, len(self.upstreams) + 1)]

    def test_ROTATION_2_odd_weights_are_defined(self):
        huge = 2147483647
        for weights, expected in (((0, 1), [0, 100]), ((0, 0), [50, 50]), ((huge, huge), [50, 50]),
                                  ((None, None), [50, 50]), ((7,), [100])):
            with self.fresh(weights):
                self.assertEqual(self.shares(self.serve_weights(*weights)), expected)

    def test_ROTATION_2_weights_below_zero_and_fractions_are_refused(self):
        for weight in (-1, 0.5):
            with self.fresh(weight):
                with self.assertRaisesRegex(RuntimeError, r"models\.m1\.weight must be"):
                    self.serve_weights(weight, 1)

    def test_ROTATION_2_a_pool_of_one_and_a_pool_that_is_all_open(self):
        self.upstream(steps.error(500))
        router = self.serve(breaker={"failure_threshold": 1, "recovery_time": 60},
                            polling_pools={"p": {"task_groups": ["g"], "rotation_strategy": "weighted",
                                                 "failure_threshold": 1, "recovery_time": 60}})
        self.assertError(router.chat("p"), 502)
        clock = Clock()
        for _ in range(20):
            self.assertError(router.chat("p"), 503)
        self.assertLess(clock.now, 2 + SLACK)
        self.assertEqual(len(self.upstreams[0].hits), 1)


if __name__ == "__main__":
    main()
