"""Traces: what the caller says of them, what upstreams and the collector are told, and what a dead collector costs."""
import re

from harness import client, steps
from harness.case import Case, config, group, main, tier
from harness.collector import Collector

SERVER, CLIENT, INTERNAL = 2, 3, 1
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Traces(Case):
    def collector(self, **place):
        made = Collector(**place)
        self.addCleanup(made.http.kill)
        return made

    def traced(self, collector, traces=(), **changes):
        return self.serve(telemetry={"traces": {"endpoint": collector.url, **dict(traces)}}, **changes)

    def metric(self, router, line):
        """The value of a series of /metrics; 0 if it is not there."""
        found = re.search(rf"^{re.escape(line)} (\S+)$", router.get("/metrics").body.decode(), re.M)
        return float(found.group(1)) if found else 0.0

    def test_a_request_is_a_tree_of_spans_with_its_attempts_and_decisions(self):
        self.upstream(steps.error(503))
        self.upstream(steps.ok())
        collector = self.collector()
        router = self.traced(collector, {"service_name": "edge"})
        reply = router.chat(temperature=0.5, max_tokens=7)
        self.assertOk(reply)
        root, *children = collector.trace_of(reply.header("x-request-id"))
        self.assertEqual((root.name, root.kind, root.parent, root.failed), ("POST /v1/chat/completions", SERVER, None, False))
        self.assertEqual(root.resource["service.name"], "edge")
        self.assertEqual((root["http.response.status_code"], root["echelon.target"], root["echelon.route"], root["echelon.attempts"]),
                         (200, "g", "g.echelon2/m2", 2))
        first, second = sorted(children, key=lambda s: s.start)
        for span in (first, second):
            self.assertEqual((span.kind, span.parent, span.trace), (CLIENT, root.id, root.trace))
            self.assertTrue(root.start <= span.start <= span.end <= root.end, (root.raw, span.raw))
            self.assertEqual((span["gen_ai.operation.name"], span["gen_ai.provider.name"], span["gen_ai.request.temperature"],
                              span["gen_ai.request.max_tokens"]), ("chat", "openai", 0.5, 7))
        self.assertEqual((first.name, first.failed, first["error.type"], first["http.response.status_code"], first["echelon.model"]),
                         ("chat real-1", True, "server_error", 503, "m1"))
        self.assertEqual((second.name, second.failed, second["gen_ai.request.model"], second["gen_ai.response.model"],
                          second["gen_ai.response.finish_reasons"], second["gen_ai.usage.input_tokens"], second["gen_ai.usage.output_tokens"],
                          second["server.port"]),
                         ("chat real-2", False, "real-2", "real-model", ["stop"], 3, 2, self.upstreams[1].port))
        self.assertEqual([name for name, _ in root.events], ["attempt", "failed", "move", "attempt", "answered"])
        self.assertEqual(root.events[1][1]["echelon.actor"], first["echelon.route"])
        hit = collector.http.hits[0]
        self.assertEqual((hit.method, hit.path, hit.header("content-type")), ("POST", "/v1/traces", "application/json"))

    def test_the_callers_trace_goes_on_and_upstreams_are_told_the_attempts_span(self):
        u = self.upstream(steps.either())
        collector = self.collector()
        router = self.traced(collector)
        reply = router.chat(stream=True, headers=(("traceparent", f"00-{TRACE}-{CALLER}-01"), ("tracestate", "a=1"), ("tracestate", "b=2")))
        self.assertOk(reply)
        root, attempt = collector.trace_of(reply.header("x-request-id"))
        self.assertEqual((root.trace, root.parent, root.raw["traceState"]), (TRACE, CALLER, "a=1,b=2"))
        self.assertEqual(u.hits[0].header("traceparent"), f"00-{TRACE}-{attempt.id}-01")
        self.assertEqual(u.hits[0].header("tracestate"), "a=1,b=2")
        self.assertGreaterEqual(attempt["gen_ai.response.time_to_first_chunk"], 0)
        self.assertEqual((attempt["gen_ai.request.stream"], attempt["gen_ai.response.finish_reasons"]), (True, ["stop"]))

    def test_a_caller_that_does_not_record_is_followed_and_bad_headers_begin_a_new_trace(self):
        u = self.upstream(steps.ok())
        collector = self.collector()
        router = self.traced(collector)
        self.assertOk(router.chat(headers=(("traceparent", f"00-{TRACE}-{CALLER}-00"),)))
        self.assertRegex(u.hits[-1].header("traceparent"), f"^00-{TRACE}-[0-9a-f]{{16}}-00$")
        ids = []
        for bad in (f"00-{TRACE.upper()}-{CALLER}-01", f"00-{'0' * 32}-{CALLER}-01", f"00-{TRACE}-{'0' * 16}-01", f"ff-{TRACE}-{CALLER}-01",
                    f"00-{TRACE}-{CALLER}-01-more", f"00-{TRACE}-{CALLER}", "x"):
            reply = router.chat(headers=(("traceparent", bad), ("tracestate", "a=1")))
            ids.append(reply.header("x-request-id"))
            self.assertIsNone(u.hits[-1].header("tracestate"))
            self.assertNotIn(TRACE, u.hits[-1].header("traceparent"))
        for x in ids:
            self.assertIsNone(collector.trace_of(x)[0].parent)
        # All of these are there: the one that was not to be recorded would be, too.
        self.assertNotIn(TRACE, {s.trace for s in collector.spans()})

    def test_ratio_0_records_nothing_but_what_a_caller_records(self):
        u = self.upstream(steps.ok())
        collector = self.collector()
        router = self.traced(collector, {"ratio": 0})
        self.assertOk(router.chat())
        self.assertTrue(u.hits[-1].header("traceparent").endswith("-00"))
        reply = router.chat(headers=(("traceparent", f"00-{TRACE}-{CALLER}-01"),))
        self.assertTrue(collector.trace_of(reply.header("x-request-id")))
        self.assertEqual({s.trace for s in collector.spans()}, {TRACE})

    def test_a_wait_for_a_permit_is_a_span(self):
        self.upstream(steps.after(0.3, steps.ok()))
        collector = self.collector()
        router = self.traced(collector, groups={"g": group(tier(["m1"], concurrency_limit=1))})
        replies = client.at_once(2, lambda _: router.chat())
        waits = [s for r in replies for s in collector.trace_of(r.header("x-request-id")) if s.name == "queue wait"]
        self.assertEqual([(s.kind, s["echelon.actor"], s["echelon.result"]) for s in waits], [(INTERNAL, "echelon/g.echelon1", "turn")])
        self.assertGreater(waits[0].end - waits[0].start, 100_000_000)

    def test_a_refused_request_has_its_span_too(self):
        self.upstream(steps.ok())
        collector = self.collector()
        router = self.traced(collector, auth={"keys": {"team": "sk-team"}})
        ours = router.chat(headers=(("Authorization", "Bearer sk-team"),))
        self.assertEqual(collector.trace_of(ours.header("x-request-id"))[0]["echelon.client"], "team")
        reply = router.chat()
        self.assertEqual(reply.status, 401)
        root, = collector.trace_of(reply.header("x-request-id"))
        self.assertEqual((root["http.response.status_code"], root["error.type"], root.failed), (401, "invalid_api_key", False))

    def test_off_by_default_and_switched_by_a_reload(self):
        u = self.upstream(steps.ok())
        collector = self.collector()
        router = self.serve()
        self.assertOk(router.chat(headers=(("traceparent", f"00-{TRACE}-{CALLER}-01"),)))
        self.assertIsNone(u.hits[-1].header("traceparent"))
        router.write(config(self.upstreams, telemetry={"traces": {"endpoint": collector.url + "/v1/traces", "propagate": False,
                                                                  "headers": {"x-token": "secret"}}}))
        changed = router.post("/admin/reload").json()["changes"]["changed"]
        self.assertIn("telemetry.traces: on", changed)
        reply = router.chat()
        self.assertTrue(collector.trace_of(reply.header("x-request-id")))
        self.assertIsNone(u.hits[-1].header("traceparent"))
        self.assertEqual((collector.http.hits[0].path, collector.http.hits[0].header("x-token")), ("/v1/traces", "secret"))

    def test_what_a_collector_does_not_take_is_counted_and_costs_no_request(self):
        self.upstream(steps.ok())
        collector = self.collector()
        router = self.traced(collector, {"max_queue": 20})
        collector.http.play(steps.hang())
        self.assertOk(router.chat())
        self.assertTrue(client.until(lambda: collector.http.hits, 15))
        # It has one batch and does not answer: the queue takes ten requests of two spans each.
        for _ in range(15):
            self.assertOk(router.chat())
        dropped = self.metric(router, 'echelon_trace_spans_total{result="dropped"}')
        self.assertEqual(dropped, 10)
        collector.http.kill()
        self.assertTrue(client.until(lambda: self.metric(router, 'echelon_trace_spans_total{result="failed"}') >= 2, 30))
        self.assertIn("the collector does not take spans", router.log())

    def test_what_waits_at_the_end_is_sent(self):
        self.upstream(steps.ok())
        collector = self.collector()
        router = self.traced(collector)
        reply = router.chat()
        self.assertEqual(router.terminate(), 0)
        self.assertTrue(collector.trace_of(reply.header("x-request-id"), 5))

    def test_a_refusal_is_not_repeated_and_a_busy_collector_is_asked_again(self):
        self.upstream(steps.ok())
        collector = self.collector()
        router = self.traced(collector)
        collector.http.play(steps.error(400), steps.error(503), lambda x: x.json(200, {"partialSuccess": {"rejectedSpans": "1"}}))
        self.assertOk(router.chat())
        self.assertTrue(client.until(lambda: self.metric(router, 'echelon_trace_spans_total{result="failed"}') == 2, 15))
        self.assertEqual(len(collector.http.hits), 1)
        self.assertOk(router.chat())
        self.assertTrue(client.until(lambda: self.metric(router, 'echelon_trace_spans_total{result="sent"}') == 1, 15))
        self.assertEqual(self.metric(router, 'echelon_trace_spans_total{result="failed"}'), 3)
        self.assertEqual(collector.http.hits[1].body, collector.http.hits[2].body)


if __name__ == "__main__":
    main()
