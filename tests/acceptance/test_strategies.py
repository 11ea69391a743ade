"""Each fallback strategy: which upstream is asked, how often and in what order."""
from harness import steps
from harness.case import Case, config, group, main, tier


class Strategies(Case):
    def route(self, strategy, tiers, owners=None, expect=None, fallback=None):
        """One request through group g of these tiers; all upstreams but `expect` answer 500."""
        count = 1 + max(int(m[1:]) for t in tiers for m in t["models"])
        for number in range(1, count):
            self.upstream(steps.ok("won") if f"m{number}" == expect else steps.error(500))
        settings = config(self.upstreams, groups={"g": group(*tiers, strategy=strategy)}, fallback=fallback)
        for model, provider in (owners or {}).items():
            settings["models"][model] = {"provider": provider, "model": model}
        router = self.serve(settings)
        return router.chat()

    def test_echelon_down_makes_the_tiers_attempts_then_goes_down_by_priority(self):
        reply = self.route("echelon_down", [tier(["m1"], max_retries=2), tier(["m2"], max_retries=1), tier(["m3"])],
                           expect="m3")
        self.assertOk(reply, "won")
        self.assertHits("U1,U1,U1,U2,U2,U3")
        self.assertEqual(reply.header("x-echelon-attempts"), "6")

    def test_echelon_down_prefers_a_model_not_tried_for_a_retry(self):
        reply = self.route("echelon_down", [tier(["m1", "m2"], max_retries=1), tier(["m3"])], expect="m3")
        self.assertOk(reply, "won")
        self.assertHits("U1,U2,U3")

    def test_echelon_down_leaves_a_model_untried_when_the_retries_are_spent(self):
        reply = self.route("echelon_down", [tier(["m1", "m2"]), tier(["m3"])], expect="m3")
        self.assertOk(reply, "won")
        self.assertHits("U1,U3")

    def test_echelon_down_stops_at_the_first_tier_that_answers(self):
        reply = self.route("echelon_down", [tier(["m1"]), tier(["m2"]), tier(["m3"])], expect="m2")
        self.assertOk(reply, "won")
        self.assertHits("U1,U2")
        self.assertEqual(reply.header("x-echelon-route"), "g.echelon2/m2")

    def test_model_rotate_tries_every_model_of_the_tier_before_the_next_tier(self):
        reply = self.route("model_rotate", [tier(["m1", "m2", "m3"]), tier(["m4"])], expect="m4")
        self.assertOk(reply, "won")
        self.assertHits("U1,U2,U3,U4")

    def test_model_rotate_makes_the_retries_after_every_model_was_tried(self):
        reply = self.route("model_rotate", [tier(["m1", "m2"], max_retries=1), tier(["m3"])], expect="m3")
        self.assertOk(reply, "won")
        hits = str(self.hits).split(",")
        self.assertEqual((hits[:2], hits[3:]), (["U1", "U2"], ["U3"]))
        self.assertIn(hits[2], ("U1", "U2"))

    def test_model_rotate_stops_at_the_first_model_that_answers(self):
        reply = self.route("model_rotate", [tier(["m1", "m2", "m3"]), tier(["m4"])], expect="m2")
        self.assertOk(reply, "won")
        self.assertHits("U1,U2")

    def test_provider_failover_goes_to_another_provider_of_the_tier_first(self):
        reply = self.route("provider_failover", [tier(["m1", "m2"]), tier(["m3"])], expect="m2")
        self.assertOk(reply, "won")
        self.assertHits("U1,U2")

    def test_provider_failover_goes_on_to_the_lower_tiers(self):
        reply = self.route("provider_failover", [tier(["m1", "m2"]), tier(["m3"])], expect="m3")
        self.assertOk(reply, "won")
        self.assertHits("U1,U2,U3")

    def test_provider_failover_skips_models_of_the_provider_that_just_failed(self):
        # m2 is another model of m1's provider: it is passed over for m3.
        reply = self.route("provider_failover", [tier(["m1", "m2", "m3"]), tier(["m4"])], owners={"m2": "u1"},
                           expect="m3")
        self.assertOk(reply, "won")
        self.assertHits("U1,U3")
        self.assertEqual([h.json()["model"] for h in self.upstreams[0].hits], ["real-1"])

    def test_no_strategy_moves_on_for_the_clients_own_fault(self):
        for strategy in ("echelon_down", "model_rotate", "provider_failover"):
            with self.fresh(strategy):
                self.upstream(steps.error(400, steps.failure("bad field", "invalid_request_error")))
                self.upstream(steps.ok())
                self.upstream(steps.ok())
                settings = config(self.upstreams, groups={
                    "g": group(tier(["m1", "m2"], max_retries=3), tier(["m3"]), strategy=strategy)})
                self.assertError(self.serve(settings).chat(), 400)
                self.assertHits("U1")

    def test_max_attempts_caps_the_moves_to_other_tiers(self):
        reply = self.route("echelon_down", [tier(["m1"], max_retries=1), tier(["m2"]), tier(["m3"]), tier(["m4"])],
                           expect="m4", fallback={"max_attempts": 2})
        self.assertError(reply, 502)
        self.assertHits("U1,U1,U2,U3")

    def test_a_disabled_global_fallback_stays_in_the_tier(self):
        reply = self.route("echelon_down", [tier(["m1"]), tier(["m2"])], expect="m2", fallback={"enabled": False})
        self.assertError(reply, 502)
        self.assertHits("U1")

    def test_the_models_of_a_tier_take_turns(self):
        self.upstream(steps.ok())
        self.upstream(steps.ok())
        router = self.serve(config(self.upstreams, groups={"g": group(tier(["m1", "m2"]))}))
        for _ in range(4):
            self.assertOk(router.chat())
        self.assertHits("U1,U2,U1,U2")

    def test_a_node_goes_through_its_groups_and_then_its_pool(self):
        for _ in range(3):
            self.upstream(steps.error(500))
        self.upstream(steps.ok("won"))
        settings = config(self.upstreams, groups={n: group(tier([f"m{i}"])) for i, n in enumerate("abcd", 1)})
        settings["polling_pools"] = {"p": {"task_groups": ["a", "d"], "rotation_strategy": "round_robin"}}
        settings["workflow_nodes"] = {"n": {"type": "llm", "llm_group": "a.echelon1", "polling_pool": "p",
                                            "fallback_groups": ["b.echelon1", "c.echelon1"]}}
        self.assertOk(self.serve(settings).chat("n"), "won")
        self.assertHits("U1,U2,U3,U4")

    def test_groups_named_in_the_request_are_tried_when_the_target_fails(self):
        self.upstream(steps.error(500))
        self.upstream(steps.error(500))
        self.upstream(steps.ok("won"))
        router = self.serve(config(self.upstreams, groups={n: group(tier([f"m{i}"])) for i, n in enumerate("abc", 1)}))
        reply = router.chat("a.echelon1", headers=[("x-echelon-fallback-groups", "b.echelon1,c.echelon1")])
        self.assertOk(reply, "won")
        self.assertHits("U1,U2,U3")


if __name__ == "__main__":
    main()
