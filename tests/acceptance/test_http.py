"""The HTTP front and the hop to the upstream: framing, sizes, headers and bad input."""
import hashlib
import json
import pathlib
import tempfile

from harness import client, steps
from harness.case import SLACK, Case, main
from harness.router import run


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Sizes(Case):
    def test_HTTP_2_big_requests_pass_whole(self):
        u = self.upstream(steps.ok())
        router = self.serve(every={"timeout": 30})
        for mib in (3, 20):
            text = "AbC0/+" * (mib * 2**20 // 6)
            body = json.dumps(client.prompt(text=text)).encode()
            for chunked in (False, True):
                with self.subTest(mib=mib, chunked=chunked), client.Connection(router.url) as c:
                    if chunked:
                        c.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                              b"Transfer-Encoding: chunked\r\n\r\n")
                        for at in range(0, len(body), 65536):
                            piece = body[at:at + 65536]
                            c.raw(b"%x\r\n" % len(piece) + piece + b"\r\n")
                        c.raw(b"0\r\n\r\n")
                    else:
                        c.send("POST", "/v1/chat/completions", body)
                    self.assertOk(c.reply(), "ok")
                    self.assertEqual(digest(u.hits[-1].json()["messages"][0]["content"]), digest(text))

    def test_HTTP_2_big_answers_pass_whole(self):
        text = "0123456789ab" * 2**20
        self.upstream(steps.ok(text))
        reply = self.serve(every={"timeout": 30}).chat()
        self.assertEqual(digest(reply.text), digest(text))

    def test_HTTP_2_the_limit_does_not_count_the_sum_of_a_stream(self):
        piece = steps.event(steps.delta("x" * 2**20))

        def step(x):
            x.sse_head()
            for _ in range(100):
                x.chunk(piece)
            x.chunk(steps.event(steps.delta(finish="stop")))
            x.chunk(steps.event("[DONE]"))
            x.end()
        self.upstream(step)
        router = self.serve(every={"timeout": 30})
        with client.Connection(router.url, timeout=60) as c:
            c.send("POST", "/v1/chat/completions", client.prompt(stream=True))
            head = c.head()
            total, tail = 0, b""
            while c.piece(head):
                total += head.body.count(b"x")
                tail, head.body = (tail + head.body)[-64:], b""
        self.assertGreaterEqual(total, 100 * 2**20)
        self.assertTrue(tail.endswith(b"data: [DONE]\n\n"), tail)

    def test_a_body_over_the_limit_is_413_and_the_server_lives_on(self):
        u = self.upstream(steps.ok())
        router = self.serve()
        body = json.dumps(client.prompt(text="x" * (40 * 2**20))).encode()
        with client.Connection(router.url) as c:
            try:
                c.send("POST", "/v1/chat/completions", body)
            except OSError:
                pass  # The router may close before it was given all.
            try:
                self.assertError(c.reply(), 413)
            except (OSError, client.Closed):
                self.fail("no answer before the connection was closed")
        self.assertEqual(u.hits, [])
        self.assertOk(router.chat())


class BadInput(Case):
    def setUp(self):
        super().setUp()
        self.u = self.upstream(steps.ok())
        self.router = self.serve()

    def bad(self, body, status=400):
        error = self.assertError(self.router.post("/v1/chat/completions", body), status)
        self.assertEqual(self.u.hits, [])
        return error

    def test_broken_json_is_400(self):
        for body in (b"", b"{", b'{"model": "g"', b"hello", b"\xff\xfe", b"[" * 100_000):
            with self.subTest(body[:20]):
                self.assertEqual(self.bad(body)["type"], "invalid_request_error")
        self.assertOk(self.router.chat())

    def test_wrong_types_are_400_and_name_the_field(self):
        good = client.prompt()
        for field, value in (("model", 5), ("model", None), ("model", ""), ("messages", "hi"), ("messages", []),
                             ("messages", [5]), ("stream", "true"), ("temperature", "hot"), ("max_tokens", "many"),
                             ("tools", {}), ("stop", 5)):
            with self.subTest(field=field, value=value):
                error = self.bad({**good, field: value})
                self.assertIn(field, str(error["param"]))
        for body in ([], "text", 5, None):
            with self.subTest(body=body):
                self.bad(json.dumps(body).encode())
        without = dict(good)
        del without["model"]
        self.assertEqual(self.bad(without)["param"], "model")
        self.assertOk(self.router.chat())

    def test_an_unknown_target_is_404(self):
        for target in ("nope", "g.nope", "nope.echelon1", "g.echelon1.x", "model/m1"):
            with self.subTest(target):
                error = self.bad(client.prompt(target), 404)
                self.assertEqual(error["code"], "model_not_found")
                self.assertIn(target, error["message"])

    def test_an_unknown_path_and_a_wrong_method_are_said_so(self):
        self.assertError(self.router.get("/v1/nope"), 404)
        reply = self.router.get("/v1/chat/completions")
        self.assertError(reply, 405)
        self.assertIn("POST", reply.header("allow") or "")

    def test_HEAD_is_answered_as_GET_without_a_body(self):
        with client.Connection(self.router.url) as c:
            for path, status in (("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/v1/models", 200), ("/admin/state", 200),
                                 ("/dashboard", 200), ("/v1/nope", 404)):
                with self.subTest(path):
                    c.raw(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                    reply = c.head()
                    self.assertEqual(reply.status, status)
                    self.assertGreater(int(reply.header("content-length")), 0)
            # Nothing of those could be read as this one's answer.
            c.send("GET", "/healthz")
            self.assertEqual(c.rest(c.head()).json(), {"status": "ok"})

    def test_a_wrong_method_is_405_and_says_the_right_ones(self):
        for method, path, allow in (("HEAD", "/v1/chat/completions", "POST"), ("HEAD", "/admin/events", "GET"), ("HEAD", "/admin/reload", "POST"),
                                    ("POST", "/healthz", "GET, HEAD"), ("DELETE", "/readyz", "GET, HEAD"), ("PUT", "/metrics", "GET, HEAD"),
                                    ("POST", "/admin/state", "GET, HEAD"), ("POST", "/admin/requests/x", "GET, HEAD"),
                                    ("POST", "/admin/explain/g", "GET, HEAD"), ("GET", "/admin/reload", "POST"), ("GET", "/admin/drain", "POST"),
                                    ("GET", "/admin/actors/model/m1/kill", "POST"), ("POST", "/v1/models", "GET, HEAD"),
                                    ("POST", "/dashboard/main.js", "GET, HEAD")):
            with self.subTest(method=method, path=path), client.Connection(self.router.url) as c:
                c.raw(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
                reply = c.head()
                self.assertEqual((reply.status, reply.header("allow"), reply.header("connection")), (405, allow, "close"))
                rest = c.reader.read()
                self.assertEqual(rest == b"", method == "HEAD")

    def test_a_fallback_header_that_names_nothing_is_400_or_404(self):
        reply = self.router.chat(headers=[("x-echelon-fallback-groups", "nope.echelon1")])
        self.assertError(reply, 400, 404)

    def test_a_broken_number_in_a_header_is_400(self):
        for name in ("x-echelon-timeout-ms", "x-echelon-priority"):
            for value in ("soon", "-1", "99999999999999999999", ""):
                with self.subTest(name=name, value=value):
                    self.assertError(self.router.chat(headers=[(name, value)]), 400)

    def test_every_front_answers_in_the_shape_of_its_api(self):
        reply = self.router.post("/v1/messages", {"model": "nope", "max_tokens": 5, "messages": [
            {"role": "user", "content": "hi"}]})
        self.assertEqual((reply.status, reply.json()["type"]), (404, "error"))
        self.assertEqual(reply.json()["error"]["type"], "not_found_error")


class Configuration(Case):
    def serve_code(self, path):
        return run("serve", "--config", str(path), "--listen", "127.0.0.1:0")

    def test_an_unreadable_configuration_is_exit_2(self):
        with tempfile.TemporaryDirectory() as folder:
            for command in (("serve", "--listen", "127.0.0.1:0"), ("validate",)):
                done = run(command[0], "--config", str(pathlib.Path(folder, "none.yaml")), *command[1:])
                self.assertEqual(done.returncode, 2, done)
                self.assertIn("none.yaml", done.stderr + done.stdout)

    def test_a_faulty_configuration_is_exit_1_and_says_where(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "bad.yaml")
            path.write_text("task_groups:\n  g:\n    echelon1: {models: [openai-x], rpm_limit: -1}\n"
                            "    echelon1: {models: [openai-y]}\n    fallback_stratgy: echelon_down\n")
            for command in (("serve", "--listen", "127.0.0.1:0"), ("validate",)):
                done = run(command[0], "--config", str(path), *command[1:])
                self.assertEqual(done.returncode, 1, done)
                text = done.stdout + done.stderr
                self.assertRegex(text, r"bad\.yaml:[34]:\d+: error: .*rpm_limit")
                self.assertRegex(text, r"bad\.yaml:5:\d+: error: .*fallback_strategy")

    def test_help_and_wrong_usage_are_as_people_expect(self):
        self.assertEqual(run("--help").returncode, 0)
        for command in ("serve", "validate", "call", "status", "simulate", "bench"):
            done = run(command, "--help")
            self.assertEqual(done.returncode, 0, command)
            self.assertIn("--", done.stdout)
        self.assertNotEqual(run("nonsense").returncode, 0)
        self.assertNotEqual(run("serve", "--nonsense").returncode, 0)


class Hop(Case):
    def test_HTTP_3_expect_100_continue_is_answered(self):
        u = self.upstream(steps.ok())
        router = self.serve(auth={"keys": {"me": "client-key"}})
        body = json.dumps(client.prompt(text="x" * 2_000_000)).encode()

        def head(length, key="client-key", expect="100-continue"):
            return (f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    f"Authorization: Bearer {key}\r\nExpect: {expect}\r\nContent-Length: {length}\r\n\r\n").encode()
        with client.Connection(router.url) as c:
            c.raw(head(len(body)))
            interim = c.head()
            self.assertEqual(interim.status, 100)
            self.assertTook(interim.head_at - interim.sent_at, 0, 0.05)
            c.raw(body)
            self.assertOk(c.reply(), "ok")
        self.assertIsNone(u.hits[0].header("expect"))
        for what, data, statuses in (("wrong key", head(len(body), key="wrong"), (401,)),
                                     ("too big", head(64 * 2**20), (413,)),
                                     ("foo", head(len(body), expect="foo"), (417,))):
            with self.subTest(what), client.Connection(router.url, timeout=5) as c:
                c.raw(data)
                self.assertError(c.reply(), *statuses)
        self.assertEqual(len(u.hits), 1)

    def test_HTTP_4_hop_by_hop_headers_stay_on_their_hop(self):
        answer = json.dumps(steps.completion("ok")).encode()

        def step(x):
            x.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close, X-Secret-Hop\r\n"
                  b"X-Secret-Hop: 1\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n")
            x.chunk(answer)
            x.raw(b"0\r\nX-T: 1\r\n\r\n")
            x.close()
        u = self.upstream(step)
        router = self.serve()
        body = json.dumps(client.prompt()).encode()
        with client.Connection(router.url) as c:
            for _ in range(2):
                c.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                      b"Connection: keep-alive, X-Drop\r\nX-Drop: 1\r\nTE: trailers\r\nProxy-Authorization: x\r\n"
                      b"Upgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
                reply = c.reply()
                self.assertOk(reply, "ok")
                self.assertEqual(reply.count("content-length") + reply.count("transfer-encoding"), 1)
                for name in ("x-secret-hop", "keep-alive", "trailer", "x-t"):
                    self.assertIsNone(reply.header(name))
        for hit in u.hits:
            names = [k.lower() for k, _ in hit.headers]
            self.assertEqual(names.count("content-length") + names.count("transfer-encoding"), 1)
            for name in ("x-drop", "te", "proxy-authorization", "upgrade"):
                self.assertNotIn(name, names)

    def test_HTTP_6_ambiguous_framing_is_refused(self):
        u = self.upstream(steps.ok())
        router = self.serve()
        body = json.dumps(client.prompt()).encode()
        size = b"%x" % len(body)
        chunked = size + b"\r\n" + body + b"\r\n0\r\n\r\n"
        length = b"Content-Length: %d\r\n" % len(body)
        encoding = b"Transfer-Encoding: chunked\r\n"
        cases = {
            "length, then chunked": (length + encoding, chunked),
            "chunked, then length": (encoding + length, chunked),
            "two lengths": (length + b"Content-Length: 5\r\n", body),
            "plus": (b"Content-Length: +%d\r\n" % len(body), body),
            "minus": (b"Content-Length: -1\r\n", body),
            "list of two": (b"Content-Length: 5, 6\r\n", body),
            "hex": (b"Content-Length: 0x5\r\n", body),
            "gzip and length": (b"Transfer-Encoding: gzip\r\n" + length, body),
            "xchunked": (b"Transfer-Encoding: xchunked\r\n", chunked),
            "blank before the colon": (b"Content-Length : %d\r\n" % len(body), body),
            "bare LF in an extension": (encoding, size + b";x=\n1\r\n" + body + b"\r\n0\r\n\r\n"),
            "size beyond 64 bits": (encoding, b"F" * 17 + b"\r\n" + body + b"\r\n0\r\n\r\n"),
        }
        for name, (headers, data) in cases.items():
            with self.subTest(name), client.Connection(router.url, timeout=10) as c:
                c.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                      + headers + b"\r\n" + data)
                reply = c.reply()
                self.assertEqual(reply.status, 400)
                self.assertEqual(c.reader.read(1), b"", "the connection is closed")
        self.assertEqual(u.hits, [])
        self.assertOk(router.chat())

    def test_a_connection_is_kept_and_pipelined_requests_are_answered_in_order(self):
        self.upstream(steps.ok()).answer(lambda hit: steps.ok(hit.json()["messages"][0]["content"]))
        router = self.serve()
        with client.Connection(router.url) as c:
            for i in range(5):
                c.send("POST", "/v1/chat/completions", client.prompt(text=f"n{i}"))
            self.assertEqual([c.reply().text for _ in range(5)], [f"n{i}" for i in range(5)])
        self.assertEqual(self.upstreams[0].connections, 1, "the connection to the upstream is kept too")

    def test_health_models_and_metrics_are_served(self):
        self.upstream(steps.ok())
        router = self.serve()
        self.assertEqual(router.get("/healthz").status, 200)
        self.assertEqual(router.get("/readyz").status, 200)
        listed = {m["id"] for m in router.get("/v1/models").json()["data"]}
        self.assertLessEqual({"g", "g.echelon1", "m1"}, listed)
        self.assertOk(router.chat())
        self.assertIn("echelon", router.get("/metrics").body.decode())
        self.assertLess(router.get("/healthz").took, SLACK)


if __name__ == "__main__":
    main()
