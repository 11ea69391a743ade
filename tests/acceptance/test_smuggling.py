"""Requests that two readers could understand differently, and headers that could carry others (docs/security.md)."""
import json

from harness import client, steps
from harness.case import Case, main


def post(text, headers=b"", framing=None):
    body = json.dumps(client.prompt(text=text)).encode()
    framing = b"Content-Length: %d\r\n" % len(body) if framing is None else framing
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n" + framing + headers + b"\r\n" + body


class Smuggling(Case):
    def setUp(self):
        super().setUp()
        self.u = self.upstream(steps.ok())

    def texts(self):
        return [hit.json()["messages"][0]["content"] for hit in self.u.hits]

    def answers(self, router, data):
        """Statuses of all that comes until the router closes."""
        found = []
        with client.Connection(router.url, timeout=10) as c:
            c.raw(data)
            try:
                while True:
                    found.append(c.reply().status)
            except (client.Closed, OSError):
                return found

    def test_a_second_request_hidden_in_the_first_is_not_served(self):
        router = self.serve(server={"idle_timeout": 0.5})
        hidden = post("smuggled")
        chunk = b"0\r\n\r\n"
        cases = {
            "chunked with a length (CL.TE)": b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % len(chunk),
            "a length with chunked (TE.CL)": b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n" % len(chunk),
            "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "chunked twice in one": b"Transfer-Encoding: chunked, chunked\r\n",
            "chunked and identity": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "identity": b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
            "a tab before chunked, a length": b"Transfer-Encoding:\tchunked\r\nContent-Length: 5\r\n",
            "vertical tab": b"Transfer-Encoding: \x0bchunked\r\n",
            "folded": b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n",
            "a blank before the colon": b"Transfer-Encoding : chunked\r\n",
            "a quoted word": b'Transfer-Encoding: "chunked"\r\n',
            "a header that begins with a blank": b" Transfer-Encoding: chunked\r\n",
            "a bare CR": b"X: y\rTransfer-Encoding: chunked\r\n",
            "a bare LF": b"X: y\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "a NUL": b"X: \0\r\nContent-Length: 5\r\n",
            "lengths that differ": b"Content-Length: 5\r\nContent-Length: 6\r\n",
            "lengths that differ in one": b"Content-Length: 5, 6\r\n",
        }
        for name, framing in cases.items():
            with self.subTest(name):
                head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n"
                self.assertEqual(self.answers(router, head + chunk + hidden), [400])
        self.assertEqual(self.u.hits, [])

    def test_a_body_where_none_belongs_is_no_request(self):
        router = self.serve(server={"idle_timeout": 0.5}, auth={"keys": {"me": "right"}})
        hidden = post("smuggled", b"Authorization: Bearer right\r\n")
        for name, line in (("of a GET", b"GET /healthz HTTP/1.1"), ("at an unknown path", b"POST /nope HTTP/1.1")):
            with self.subTest(name):
                data = line + b"\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden
                self.assertEqual(len(self.answers(router, data)), 1)
        # Refused before its body is read: the rest of the connection is no request.
        for name, headers in (("wrong key", b"Authorization: Bearer wrong\r\n"),
                              ("strange expectation", b"Authorization: Bearer right\r\nExpect: tea\r\n")):
            with self.subTest(name):
                data = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % len(hidden)
                        + headers + b"\r\n" + hidden)
                self.assertEqual(len(self.answers(router, data)), 1)
        self.assertEqual(self.u.hits, [])

    def test_a_request_says_once_and_plainly_for_which_host_it_is(self):
        router = self.serve()
        for lines in (b"", b"Host: a\r\nHost: a\r\n", b"Host: a b\r\n"):
            with self.subTest(lines):
                self.assertEqual(self.answers(router, b"GET /healthz HTTP/1.1\r\n" + lines + b"\r\n"), [400])
        self.assertEqual(self.answers(router, b"GET /healthz HTTP/1.0\r\n\r\n"), [200])

    def test_no_header_of_a_client_carries_another_one_anywhere(self):
        router = self.serve()
        for name in ("x-request-id", "anthropic-beta", "x-echelon-fallback-groups", "User-Agent", "x-api-key"):
            for value in (b"a\rX-Injected: 1", b"a\nX-Injected: 1", b"a\0b", b"a\r\n X-Injected: 1"):
                with self.subTest(name=name, value=value):
                    before = len(self.u.hits)
                    with client.Connection(router.url, timeout=10) as c:
                        c.raw(post("hi", name.encode() + b": " + value + b"\r\n"))
                        reply = c.reply()
                    self.assertIsNone(reply.header("x-injected"))
                    for hit in self.u.hits[before:]:
                        self.assertNotIn("x-injected", [k.lower() for k, _ in hit.headers])

    def test_an_id_is_echoed_only_if_it_is_harmless(self):
        router = self.serve()
        for given, same in (("abc-1.2:3_4", True), ("a b", False), ("x" * 129, False), ("<script>", False),
                            ("caf\xe9", False)):
            with self.subTest(given):
                reply = router.chat(headers=[("x-request-id", given)])
                self.assertOk(reply)
                self.assertEqual(reply.header("x-request-id") == given, same)

    def test_only_headers_that_are_meant_for_it_reach_an_upstream(self):
        router = self.serve()
        private = [("Cookie", "session=1"), ("X-Forwarded-For", "1.2.3.4"), ("Authorization", "Bearer client"),
                   ("x-api-key", "client"), ("Host", "evil.test"), ("X-Anything", "1")]
        self.assertOk(router.chat(headers=private[:4] + private[5:]))
        sent = json.dumps(self.u.hits[-1].headers).lower()
        for name, value in private:
            if name not in ("Authorization", "Host"):
                self.assertNotIn(name.lower(), sent)
            self.assertNotIn(f'"{value.lower()}"', sent)


if __name__ == "__main__":
    main()
