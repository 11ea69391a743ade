"""Deadlines, and how a stream starts, fails and ends."""
import json
import time

from harness import client, steps
from harness.case import SLACK, Case, Clock, main

DELTAS = [steps.event(steps.delta("one ")), steps.event(steps.delta("two "))]
ANTHROPIC = [steps.named_event(e) for e in (
    {"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "real-1", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "one "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "two "}})]


def plain_stream(*pieces):
    """A stream that ends with its connection, not with a framing of its own."""
    def step(x):
        x.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + b"".join(pieces))
        x.close()
    return step


# How a stream is cut after its first content.
CUTS = {"FIN": plain_stream(*DELTAS),
        "RST": steps.pieces(*DELTAS, then=lambda x: (time.sleep(0.1), x.reset())),
        "chunked without its end": steps.pieces(*DELTAS, then=steps.fin)}


class Deadlines(Case):
    def test_DEADLINE_1_the_wait_for_the_first_token_is_cut_on_time(self):
        for name, first in (("headers only", steps.pieces(then=steps.hang(10))), ("nothing", steps.hang(10))):
            with self.fresh(name):
                self.upstream(first)
                self.upstream(steps.stream("ok"))
                router = self.serve(tiers={1: {"timeout": 1}})
                with client.Connection(router.url) as c:
                    c.send("POST", "/v1/chat/completions", client.prompt(stream=True))
                    head = c.head()
                    at = c.until(head, b"ok")
                    self.assertEqual(c.rest(head).content(), "ok")
                self.assertTook(at - head.sent_at, 1.0, 1.5)
                self.assertTrue(client.until(lambda: self.upstreams[0].hits[0].closed_at, 1))
                self.assertLess(self.upstreams[0].hits[0].closed_at, at + 0.1)

    def test_DEADLINE_2_a_stream_that_stalls_is_ended_and_said_to_be_cut(self):
        self.upstream(steps.pieces(*DELTAS, then=steps.hang()))
        self.upstream(steps.stream("never"))
        router = self.serve(tiers={1: {"timeout": 1}})
        reply = router.chat(stream=True)
        self.assertEqual((reply.status, reply.content()), (200, "one two "))
        self.assertEqual(len(reply.errors()), 1)
        self.assertEqual(reply.finish_reasons(), [])
        self.assertTook(reply.took, 1.0, 1.5)
        self.assertHits("U1")
        self.assertTrue(client.until(lambda: router.in_flight() == 0, 1))
        self.assertEqual(router.failures("model/m1"), 1)

    def test_DEADLINE_2_half_a_plain_body_is_never_passed_on(self):
        def half(x):
            body = json.dumps(steps.completion("half")).encode()
            x.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
            x.raw(body[:len(body) // 2])
            steps.hang()(x)
        self.upstream(half)
        self.assertError(self.serve(every={"timeout": 1}).chat(), 504)

    def test_DEADLINE_3_a_hung_first_choice_leaves_time_for_the_second(self):
        self.upstream(steps.hang())
        self.upstream(steps.after(1, steps.ok("two")))
        router = self.serve(tiers={1: {"timeout": 1}, 2: {"timeout": 4}}, workflow_nodes={
            "n": {"type": "llm", "llm_group": "g.echelon1", "fallback_groups": ["g.echelon2"],
                  "task_config": {"timeout": 5}}})
        reply = router.chat("n")
        self.assertOk(reply, "two")
        self.assertTook(reply.took, 2.0, 2.4)

    def test_one_total_deadline_covers_every_attempt(self):
        self.upstream(steps.hang())
        self.upstream(steps.hang())
        router = self.serve(server={"total_timeout": 1})
        reply = router.chat()
        self.assertError(reply, 504)
        self.assertTook(reply.took, 1.0, 1.2)


class Endings(Case):
    def test_ENDING_1_a_cut_stream_does_not_look_finished(self):
        for name, step in CUTS.items():
            with self.fresh(name):
                self.upstream(step)
                self.upstream(steps.stream("never"))
                self.cut(self.serve(), "one two ")

    def test_ENDING_1_a_cut_stream_of_another_format_does_not_either(self):
        self.upstream(steps.pieces(*ANTHROPIC, then=steps.fin), kind="anthropic")
        self.cut(self.serve(), "one two ")

    def test_ENDING_4_an_error_object_in_the_middle_reaches_the_client_as_an_error(self):
        self.upstream(steps.pieces(DELTAS[0], steps.failure("boom"), "[DONE]", then=lambda x: x.end()))
        error = self.cut(self.serve(), "one ")
        self.assertIn("boom", error["message"])

    def cut(self, router, content):
        reply = router.chat(stream=True)
        self.assertEqual((reply.status, reply.content()), (200, content))
        self.assertEqual(len(reply.errors()), 1, reply)
        self.assertEqual(set(reply.errors()[0]), {"message", "type", "param", "code"})
        self.assertEqual(reply.finish_reasons(), [])
        self.assertIn(b"error", reply.body.split(b"\n\n")[-2] + reply.body.split(b"\n\n")[-3])
        self.assertHits("U1")
        self.assertEqual(router.failures("model/m1"), 1)
        return reply.errors()[0]

    def test_ENDING_2_as_long_as_no_byte_was_sent_errors_keep_their_status(self):
        self.upstream(steps.error(400, steps.failure("bad field", "invalid_request_error")))
        error = self.assertError(self.serve().chat(stream=True), 400)
        self.assertIn("bad field", error["message"])

    def test_ENDING_3_leaving_mid_stream_stops_the_upstream(self):
        self.upstream(steps.trickle(0.2, 20))
        self.upstream(steps.stream("never"))
        router = self.serve()
        with client.Connection(router.url) as c:
            c.send("POST", "/v1/chat/completions", client.prompt(stream=True))
            head = c.head()
            for _ in range(3):
                self.assertTrue(c.piece(head))
        left = time.monotonic()
        self.assertTrue(client.until(lambda: self.upstreams[0].hits[0].closed_at, 3))
        self.assertTook(self.upstreams[0].hits[0].closed_at - left, 0, 0.5)
        self.assertTrue(client.until(lambda: router.in_flight() == 0))
        self.assertEqual(router.failures("model/m1"), 0)
        self.assertHits("U1")

    def test_FIDELITY_2_two_models_outputs_are_never_glued_together(self):
        self.upstream(CUTS["RST"])
        self.upstream(steps.stream("four"))
        reply = self.serve().chat(stream=True)
        self.assertNotIn("four", reply.content())
        self.assertEqual(len(reply.errors()), 1)
        self.assertHits("U1")

    def test_what_comes_before_the_first_content_does_not_commit(self):
        self.upstream(steps.pieces(b": ping\n\n", steps.delta("", role="assistant"), then=steps.reset))
        self.upstream(steps.stream("two"))
        reply = self.serve().chat(stream=True)
        self.assertEqual((reply.status, reply.content(), reply.errors()), (200, "two", []))


class Framing(Case):
    def test_SSE_5_the_last_event_counts_even_without_its_blank_line(self):
        end = b"data: " + json.dumps(steps.delta(finish="stop")).encode()
        self.upstream(plain_stream(*DELTAS, end))
        reply = self.serve().chat(stream=True)
        self.assertEqual((reply.content(), reply.finish_reasons()), ("one two ", ["stop"]))
        self.assertEqual((reply.errors(), reply.events()[-1]), ([], "[DONE]"))

    def test_SSE_6_stream_answers_carry_the_headers_that_stop_buffering(self):
        sent = []

        def step(x):
            x.sse_head()
            for i in range(10):
                sent.append(time.monotonic())
                x.chunk(steps.event(steps.delta(f"<{i}>")))
                time.sleep(0.1)
            x.chunk(steps.event(steps.delta(finish="stop")))
            x.chunk(steps.event("[DONE]"))
            x.end()
        self.upstream(step)
        router = self.serve()
        with client.Connection(router.url) as c:
            c.send("POST", "/v1/chat/completions", client.prompt(stream=True))
            head = c.head()
            seen = [c.until(head, f"<{i}>".encode()) for i in range(10)]
            c.rest(head)
        self.assertTrue(head.header("content-type").startswith("text/event-stream"))
        self.assertIn("no-cache", head.header("cache-control"))
        self.assertEqual(head.header("x-accel-buffering"), "no")
        self.assertIsNone(head.header("content-length"))
        self.assertIsNone(head.header("content-encoding"))
        delays = sorted(b - a for a, b in zip(sent, seen))
        self.assertLess(delays[5], 0.05, delays)
        self.assertLess(delays[-1], 0.05 + SLACK, delays)
        self.assertEqual(head.events()[-1], "[DONE]")

    def test_SHAPE_6_only_a_true_stream_field_makes_a_stream(self):
        self.upstream(steps.either("ok"))
        router = self.serve()
        for fields, headers in (({}, ()), ({"stream": None}, ()),
                                ({"stream": False}, [("Accept", "text/event-stream")])):
            reply = router.chat(headers=headers, **fields)
            self.assertOk(reply, "ok")
            self.assertTrue(reply.header("content-type").startswith("application/json"))
        reply = router.chat(headers=[("Accept", "application/json")], stream=True)
        self.assertTrue(reply.header("content-type").startswith("text/event-stream"))
        self.assertEqual(reply.content(), "ok")
        error = self.assertError(router.chat(stream="true"), 400)
        self.assertEqual(error["param"], "stream")

    def test_usage_is_sent_in_a_stream_only_to_those_who_ask(self):
        usage = {**steps.delta(), "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2,
                                                           "total_tokens": 3}}
        self.upstream(steps.pieces(*DELTAS, steps.delta(finish="stop"), usage, "[DONE]", then=lambda x: x.end()))
        router = self.serve()
        clock = Clock()
        asked = router.chat(stream=True, stream_options={"include_usage": True}).chunks()
        self.assertEqual((asked[-1]["choices"], asked[-1]["usage"]["total_tokens"]), ([], 3))
        self.assertEqual([c for c in router.chat(stream=True).chunks() if c.get("usage")], [])
        self.assertLess(clock.now, 1 + SLACK)


if __name__ == "__main__":
    main()
