"""What makes the router go on to the next tier."""
import contextlib

from harness import client, steps
from harness.case import Case, main

OVERLOADED = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'


def refused(u):
    u.refuse()


def reset_before_reading(u):
    u.on_accept = steps.reset_on_accept


# TRIGGER.3: how a connection fails.
TRANSPORT = {
    "a port closed": refused,
    "b reset before reading": reset_before_reading,
    "c reset after reading": lambda u: u.play(steps.reset),
    "d closed with no bytes": lambda u: u.play(steps.fin),
    "e closed in the head": lambda u: u.play(steps.raw(b"HTTP/1.1 200 OK\r\nContent-Le")),
    "f garbage": lambda u: u.play(steps.raw(b"\x00\x01")),
}


class Trigger(Case):
    def pair(self, first, second=None, **changes):
        self.upstream(first)
        self.upstream(second or steps.either("two"))
        return self.serve(**changes)

    def test_TRIGGER_1_a_429_falls_over_at_once_when_no_retries_are_configured(self):
        router = self.pair(steps.error(429, headers=[("Retry-After", "45")]))
        reply = router.chat()
        self.assertOk(reply, "two")
        self.assertTook(reply.took, 0, 0.5)
        self.assertHits("U1,U2")
        self.assertEqual(router.failures("model/m1"), 0)

    def test_TRIGGER_2_an_overload_told_inside_a_200_stream_counts_as_a_failure(self):
        self.upstream(steps.pieces(OVERLOADED, then=lambda x: (x.end(), x.close())), kind="anthropic")
        self.upstream(steps.stream("ok"))
        router = self.serve()
        reply = router.chat(stream=True)
        self.assertEqual((reply.status, reply.content()), (200, "ok"))
        self.assertEqual(reply.errors(), [])
        self.assertEqual(reply.events().count("[DONE]"), 1)
        self.assertEqual(router.failures("model/m1"), 1)

    def test_TRIGGER_3_each_transport_failure_is_one_failure(self):
        for name, arrange in TRANSPORT.items():
            for stream in (False, True):
                with self.fresh(f"{name}, stream={stream}"):
                    router = self.pair(steps.hang())
                    arrange(self.upstreams[0])
                    reply = router.chat(stream=stream)
                    self.assertOk(reply)
                    self.assertEqual(reply.content() if stream else reply.text, "two")
                    self.assertEqual(router.failures("model/m1"), 1)
                    self.assertLessEqual(self.upstreams[0].connections, 1)

    def test_TRIGGER_3_five_transport_failures_in_a_row_open_the_breaker(self):
        router = self.pair(steps.hang())
        first = self.upstreams[0]
        for number, arrange in enumerate(TRANSPORT.values(), 1):
            arrange(first)
            before = first.connections
            self.assertOk(router.chat(), "two")
            if number < 6:
                self.assertEqual(router.failures("model/m1"), number)
            else:
                self.assertEqual(first.connections, before, "the sixth request leaves U1 alone")
            first.on_accept = None
            if number == 1:
                first.listen()
        self.assertEqual(router.breaker("model/m1"), "open")

    def test_TRIGGER_4_an_error_that_is_no_json_falls_over(self):
        router = self.pair(steps.reply(502, b"<html>Bad Gateway</html>", "text/html"))
        self.assertOk(router.chat(), "two")

    def test_TRIGGER_4_an_error_that_is_no_json_reaches_the_client_as_json(self):
        self.upstream(steps.reply(502, b"<html>Bad Gateway</html>", "text/html"))
        reply = self.serve().chat()
        self.assertError(reply, 502)
        self.assertNotIn(b"<html>", reply.body)

    def test_TRIGGER_5_a_dead_credential_fails_over_and_is_not_retried(self):
        for status in (401, 402, 403):
            with self.fresh(status):
                router = self.pair(steps.error(status), tiers={1: {"max_retries": 3}})
                self.assertOk(router.chat(), "two")
                self.assertHits("U1,U2")
                self.assertOk(router.chat(), "two")
                self.assertHits("U1,U2,U2")  # Benched.

    def test_TRIGGER_5_a_401_of_every_upstream_is_not_the_clients_401(self):
        router = self.pair(steps.error(401), steps.error(401))
        self.assertError(router.chat(), 502, 503)
        self.assertHits("U1,U2")

    def test_TRIGGER_6_statuses_that_mean_slow_fall_over(self):
        for status in (408, 504, 529):
            with self.fresh(status):
                self.assertOk(self.pair(steps.error(status)).chat(), "two")
                self.assertHits("U1,U2")

    def test_TRIGGER_6_an_own_timeout_falls_over(self):
        reply = self.pair(steps.hang(), tiers={1: {"timeout": 1}}).chat()
        self.assertOk(reply, "two")
        self.assertTook(reply.took, 1.0, 1.4)
        self.assertHits("U1,U2")

    def test_an_answer_larger_than_it_may_be_falls_over_and_is_not_read_on(self):
        sent = []

        def endless(x):
            x.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
            with contextlib.suppress(OSError):
                while len(sent) < 1000:  # 60 MB
                    x.chunk(b" " * 60000)
                    sent.append(60000)
            x.close()
        reply = self.pair(endless, server={"max_reply_bytes": 100000}).chat()
        self.assertOk(reply, "two")
        self.assertHits("U1,U2")
        self.assertLess(sum(sent), 30e6, "what the sockets of the kernel hold")
        self.upstreams[1].play(steps.ok("y" * 200000))
        reply = self.routers[0].chat()
        self.assertEqual(self.assertError(reply, 502)["code"], "reply_too_large")

    def test_the_reply_names_the_route_and_the_attempts(self):
        reply = self.pair(steps.error(500)).chat()
        self.assertEqual(reply.header("x-echelon-route"), "g.echelon2/m2")
        self.assertEqual(reply.header("x-echelon-attempts"), "2")
        self.assertTrue(reply.header("x-request-id"))

    def test_the_last_failure_gives_the_status(self):
        for status, expected in ((500, 502), (503, 503), (404, 404), (409, 409), (402, 502)):
            with self.fresh(status):
                self.upstream(steps.error(status))
                self.assertError(self.serve().chat(), expected)

    def test_an_own_timeout_as_the_last_failure_is_504(self):
        self.upstream(steps.hang())
        reply = self.serve(every={"timeout": 0.3}).chat()
        self.assertError(reply, 504)
        self.assertTook(reply.took, 0.3, 0.6)
        self.assertTrue(client.until(lambda: self.upstreams[0].hits[0].closed_at), "the call is cancelled")


if __name__ == "__main__":
    main()
