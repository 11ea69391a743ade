"""Fallback ends, and no attempt is made twice where it cannot help."""
import time

from harness import client, steps
from harness.case import Case, group, main, providers, tier


class Loop(Case):
    def ring(self, **sections):
        return {"task_groups": {"a": group(tier(["m1"])), "b": group(tier(["m2"]))},
                "global_fallback": {"enabled": True, "max_attempts": 50, "retry_delay": 0.0},
                **providers(self.upstreams), **sections}

    def test_LOOP_1_a_ring_of_fallbacks_ends(self):
        self.upstream(steps.error(500))
        self.upstream(steps.error(500))
        router = self.serve(self.ring(workflow_nodes={"n": {
            "type": "llm", "llm_group": "a.echelon1",
            "fallback_groups": ["b.echelon1", "a.echelon1", "b.echelon1"]}}))
        reply = router.chat("n")
        self.assertError(reply, 500, 502, 503)
        self.assertTook(reply.took, 0, 1.0)
        self.assertHits("U1,U2")

    def test_LOOP_2_one_bad_request_floods_neither_the_log_nor_liveness(self):
        big = steps.failure("x" * 100_000)
        for _ in range(9):
            self.upstream(steps.after(0.1, steps.error(500, big)))
        groups = {f"g{i}": group(tier([f"m{i + 1}"])) for i in range(9)}
        others = [f"g{i}.echelon1" for i in range(1, 9)]
        router = self.serve({"task_groups": groups,
                             "global_fallback": {"enabled": True, "max_attempts": 50, "retry_delay": 0.0},
                             **providers(self.upstreams),
                             "workflow_nodes": {"n": {"type": "llm", "llm_group": "g0.echelon1",
                                                      "fallback_groups": others + others}}})
        before = len(router.log())
        answer = client.later(lambda: router.chat("n"))
        polls = []
        until = time.monotonic() + 1.2
        while time.monotonic() < until:
            polls.append(router.get("/healthz"))
            time.sleep(0.1)
        self.assertError(answer(), 502)
        self.assertEqual([p.status for p in polls], [200] * len(polls))
        self.assertTook(max(p.took for p in polls), 0, 0.2)
        self.assertHits(",".join(f"U{i}" for i in range(1, 10)))
        self.assertLess(len(answer().body), 4096)
        self.assertLess(len(router.log()) - before, 64 * 1024)

    def test_LOOP_3_retries_leave_a_member_as_soon_as_its_breaker_opens(self):
        self.upstream(steps.error(500))
        self.upstream(steps.ok("two"))
        router = self.serve(breaker={"failure_threshold": 1}, tiers={1: {"max_retries": 3}})
        self.assertOk(router.chat(), "two")
        self.assertHits("U1,U2")

    def anthropic_second(self):
        self.upstream(steps.error(503))
        self.upstream(lambda x: x.json(200, {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "real-2", "stop_sequence": None,
            "content": [{"type": "text", "text": "two"}], "stop_reason": "end_turn",
            "usage": {"input_tokens": 1, "output_tokens": 1}}), kind="anthropic")
        return self.serve(tiers={2: {"max_retries": 5}})

    def test_LOOP_4_a_field_that_the_next_provider_lacks_is_mapped_or_dropped(self):
        router = self.anthropic_second()
        self.assertOk(router.chat(reasoning_effort="none"), "two")
        self.assertHits("U1,U2")

    def test_LOOP_4_a_request_that_cannot_be_translated_is_not_tried_again(self):
        router = self.anthropic_second()
        body = {"model": "g", "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":'}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "1"}]}
        error = self.assertError(router.post("/v1/chat/completions", body), 400)
        self.assertIn("arguments", error["message"] + str(error["param"]))
        self.assertEqual(len(self.upstreams[0].hits), 1)
        self.assertLessEqual(len(self.upstreams[1].hits), 1)


if __name__ == "__main__":
    main()
