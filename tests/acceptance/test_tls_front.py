"""HTTPS in front: versions, certificates that change while connections live, and clients' certificates."""
import contextlib
import http.client
import json
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import urllib.parse

from harness import client, steps
from harness.case import Case, main
from harness.certificates import Authority
from harness.router import run


class Tls(Case):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self)
        folder = tempfile.TemporaryDirectory(prefix="echelon-front-")
        self.addCleanup(folder.cleanup)
        self.cert, self.key = (str(pathlib.Path(folder.name, x)) for x in ("cert.pem", "key.pem"))
        self.show("IP:127.0.0.1,DNS:first.test")

    def show(self, names, days=30):
        """Another certificate in the place of the one before, as a renewal does it."""
        for made, place in zip(self.authority.files(names, days), (self.cert, self.key)):
            shutil.copy(made, place + ".new")
            pathlib.Path(place + ".new").replace(place)

    def https(self, **more):
        return self.serve(server={"tls": {"cert": self.cert, "key": self.key, **more}})

    def trusting(self):
        context = ssl.create_default_context(cafile=self.authority.ca)
        context.check_hostname = False
        return context

    def open(self, router, context=None):
        port = urllib.parse.urlsplit(router.url).port
        found = (context or self.trusting()).wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=20),
                                                         server_hostname="127.0.0.1")
        self.addCleanup(found.close)
        return found

    def ask(self, router, context=None, stream=False):
        parts = urllib.parse.urlsplit(router.url)
        with contextlib.closing(http.client.HTTPSConnection(parts.hostname, parts.port, timeout=20,
                                                            context=context or self.trusting())) as c:
            c.request("POST", "/v1/chat/completions", json.dumps(client.prompt(stream=stream)))
            reply = c.getresponse()
            return reply.status, reply.read()

    def told_end(self, router):
        """When the certificate ends, as /metrics tells it."""
        parts = urllib.parse.urlsplit(router.url)
        with contextlib.closing(http.client.HTTPSConnection(parts.hostname, parts.port, timeout=20, context=self.trusting())) as c:
            c.request("GET", "/metrics")
            return int(re.search(rb"^echelon_http_certificate_end_seconds (\d+)$", c.getresponse().read(), re.M).group(1))

    def names(self, router):
        return [name for kind, name in self.open(router).getpeercert()["subjectAltName"] if kind == "DNS"]

    def test_plain_answers_and_streams_come_by_HTTPS(self):
        self.upstream(steps.ok()).answer(
            lambda hit: steps.stream(["a", "b"]) if hit.json().get("stream") else steps.ok("ok"))
        router = self.https()
        self.assertTrue(router.url.startswith("https://"), router.url)
        status, body = self.ask(router)
        self.assertEqual((status, json.loads(body)["choices"][0]["message"]["content"]), (200, "ok"))
        status, body = self.ask(router, stream=True)
        self.assertEqual(status, 200)
        self.assertTrue(body.endswith(b"data: [DONE]\n\n"), body)

    def test_only_TLS_1_2_and_later_and_HTTP_1_1_are_spoken(self):
        self.upstream(steps.ok())
        router = self.https()
        at = router.url.removeprefix("https://")

        def openssl(*more):
            return subprocess.run(["openssl", "s_client", "-connect", at, "-CAfile", self.authority.ca, *more],
                                  input=b"", capture_output=True, timeout=20, check=False)
        for version in ("-tls1_2", "-tls1_3"):
            done = openssl(version, "-alpn", "h2,http/1.1")
            self.assertIn(b"Verify return code: 0 (ok)", done.stdout, done)
            self.assertIn(b"ALPN protocol: http/1.1", done.stdout)
        old = openssl("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
        self.assertNotEqual(old.returncode, 0, old)
        self.assertNotIn(b"BEGIN CERTIFICATE", old.stdout)
        # Who speaks plain HTTP, or nothing that is TLS, is closed and harms nobody.
        for data in (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 100):
            with socket.create_connection(("127.0.0.1", int(at.rsplit(":", 1)[1])), timeout=20) as plain:
                plain.sendall(data)
                with contextlib.suppress(ConnectionResetError):
                    self.assertNotIn(b"200", plain.recv(1000))
        self.assertEqual(self.ask(router)[0], 200)

    def test_a_renewed_certificate_is_shown_and_no_connection_is_dropped(self):
        self.upstream(steps.ok())
        router = self.https()
        old = self.open(router)

        first = self.told_end(router)
        self.assertEqual(first, ssl.cert_time_to_seconds(old.getpeercert()["notAfter"]))
        self.show("IP:127.0.0.1,DNS:second.test", days=60)
        self.assertTrue(client.until(lambda: self.names(router) == ["second.test"]))
        self.assertTrue(client.until(lambda: self.told_end(router) >= first + 30 * 86400))
        self.show("IP:127.0.0.1,DNS:third.test")
        router.signal(signal.SIGHUP)
        self.assertTrue(client.until(lambda: self.names(router) == ["third.test"]))
        # What cannot be used changes nothing and is said.
        pathlib.Path(self.cert).write_text("nonsense")
        self.assertTrue(client.until(lambda: "stays in force" in router.log()))
        self.assertIn(self.cert, router.log())
        self.assertEqual(self.names(router), ["third.test"])
        old.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(old.recv(1000).startswith(b"HTTP/1.1 200"), "the first connection lives on")

    def test_clients_need_a_certificate_where_an_authority_is_given(self):
        self.upstream(steps.ok())
        router = self.https(client_ca=self.authority.ca)
        known = self.trusting()
        known.load_cert_chain(*self.authority.files("DNS:client.test"))
        self.assertEqual(self.ask(router, known)[0], 200)
        foreign = self.trusting()
        foreign.load_cert_chain(*self.authority.files("DNS:client.test", signed=False))
        for context in (self.trusting(), foreign):
            with self.assertRaises((ssl.SSLError, OSError, http.client.HTTPException)):
                self.ask(router, context)
        self.assertEqual(len(self.hits.hits), 1)

    def test_a_client_that_leaves_is_noticed(self):
        left = []

        def step(x):
            left.append(x.peer_left(20))
        self.upstream(lambda x: (x.sse_head(), x.chunk(steps.event(steps.delta("one "))), step(x)))
        router = self.https()
        c = self.open(router)
        body = json.dumps(client.prompt(stream=True)).encode()
        c.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        data = b""
        while b"one" not in data:
            data += c.recv(1000)
        with contextlib.suppress(OSError):
            c.unwrap()  # A farewell before the end, as well-behaved clients send it.
        c.close()
        self.assertTrue(client.until(lambda: left))
        self.assertTrue(left[0], "the upstream's connection is closed")

    def test_files_that_cannot_be_used_are_told_at_the_start(self):
        self.upstream(steps.ok())
        other, _ = self.authority.files("DNS:other.test")
        for what, cert, said in (("missing", self.cert + ".none", "server.tls.cert: cannot use .*none"),
                                 ("another's key", other, "is not the key of|cannot use .*key.pem")):
            with self.subTest(what), self.assertRaisesRegex(RuntimeError, said):
                self.serve(server={"tls": {"cert": cert, "key": self.key}})


if __name__ == "__main__":
    main()
