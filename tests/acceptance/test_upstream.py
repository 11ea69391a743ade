"""The hop to the upstream: kept connections, codings, addresses, names and certificates."""
import gzip
import json
import random
import ssl
import time
import zlib

from harness import client, steps, wires
from harness.case import SLACK, Case, Clock, config, main
from harness.certificates import Authority
from harness.names import Names, black_hole


def idle_close(seconds):
    """Keeps connections alive, and closes one that was idle for so long, without having said so."""
    def on_accept(conn):
        conn.settimeout(seconds)
        return False
    return on_accept


class Kept(Case):
    def test_HTTP_1_a_kept_connection_that_was_just_closed_is_not_the_requests_fault(self):
        u = self.upstream(steps.ok())
        u.on_accept = idle_close(0.3)
        self.upstream(steps.ok("two"))
        router = self.serve()
        rounds, clients = 30, 20

        pause = random.Random(1)
        for _ in range(rounds):  # Together, so that all connections are idle for as long.
            for reply in client.at_once(clients, lambda _: router.chat()):
                self.assertOk(reply, "ok")
            time.sleep(pause.uniform(0.27, 0.31))
        self.assertNotIn("U2", str(self.hits))
        self.assertEqual(len(u.hits), rounds * clients, "no request was read twice")
        self.assertGreater(u.connections, 3 * clients, "connections were closed in between")
        self.assertEqual(router.failures("model/m1"), 0)

    def test_HTTP_1_after_a_byte_of_an_answer_nothing_is_sent_again(self):
        def half_a_head(x):
            x.raw(b"HTTP/1.1 200 OK\r\nContent-")
            x.close()
        u = self.upstream(steps.ok(), half_a_head)
        router = self.serve()
        with client.Connection(router.url) as c:  # One connection, one thread of the router, one pool.
            c.send("POST", "/v1/chat/completions", client.prompt())
            self.assertOk(c.reply())
            c.send("POST", "/v1/chat/completions", client.prompt())
            self.assertError(c.reply(), 502)
        self.assertEqual((len(u.hits), u.connections), (2, 1))

    def test_HTTP_1_a_fresh_connection_that_dies_is_a_failure(self):
        u = self.upstream(steps.fin)
        router = self.serve()
        self.assertError(router.chat(), 502)
        self.assertEqual((len(u.hits), u.connections), (1, 1))


CODERS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress}


class Codings(Case):
    def test_HTTP_5_coded_answers_are_undone_whatever_the_client_accepts(self):
        for kind in ("openai", "anthropic", "gemini"):
            for name, code in CODERS.items():
                for stream in (False, True):
                    with self.fresh(f"{kind} {name} {'stream' if stream else 'plain'}"):
                        body = b"".join(wires.stream(kind, "größe ", "ok")) if stream else wires.plain(kind, "größe ok")
                        kind_of = "text/event-stream" if stream else "application/json"
                        self.upstream(steps.reply(200, code(body), kind_of, [("Content-Encoding", name)]), kind=kind)
                        router = self.serve()
                        for accepted in ((), [("Accept-Encoding", "gzip, br")]):
                            reply = router.chat(stream=stream, headers=accepted)
                            self.assertEqual(reply.status, 200, reply)
                            self.assertIsNone(reply.header("content-encoding"))
                            self.assertEqual(reply.content() if stream else reply.text, "größe ok")
                        for hit in self.upstreams[0].hits:
                            self.assertEqual(hit.header("accept-encoding"), "identity")

    def test_HTTP_5_a_coding_that_is_not_known_falls_over(self):
        for name in ("br", "zstd", "gzip, gzip", "compress"):
            for stream in (False, True):
                with self.fresh(f"{name} {stream}"):
                    self.upstream(steps.reply(200, b"\x0b\x02\x80", "application/json", [("Content-Encoding", name)]))
                    self.upstream(steps.either("two"))
                    reply = self.serve().chat(stream=stream)
                    self.assertEqual(reply.status, 200)
                    self.assertEqual(reply.content() if stream else reply.text, "two")

    def test_HTTP_5_damaged_or_cut_content_is_no_answer(self):
        whole = gzip.compress(json.dumps(steps.completion("x" * 1000)).encode())
        for name, body in (("cut", whole[:-9]), ("not gzip", b"{}"), ("empty", b"")):
            with self.fresh(name):
                self.upstream(steps.reply(200, body, "application/json", [("Content-Encoding", "gzip")]))
                self.assertError(self.serve().chat(), 502)

    def test_HTTP_5_a_coded_error_is_read(self):
        body = gzip.compress(json.dumps(steps.failure("bad field", "invalid_request_error")).encode())
        self.upstream(steps.reply(400, body, "application/json", [("Content-Encoding", "gzip")]))
        self.assertIn("bad field", self.assertError(self.serve().chat(), 400)["message"])


class NamedCase(Case):
    def by_name(self, names, **more):
        """A router whose m1 is at the name up.test, at the first upstream's port."""
        settings = config(self.upstreams, **more)
        scheme = "https" if self.upstreams[0].tls else "http"
        settings["providers"]["u1"]["base_url"] = f"{scheme}://up.test:{self.upstreams[0].port}/v1"
        return settings, names.wrap


class Addresses(NamedCase):
    def test_HTTP_10_a_dead_address_family_does_not_hide_a_live_one(self):
        names = Names(self, up_test=["::1", "127.0.0.1"])
        u = self.upstream(lambda x: (x.json(200, steps.completion()), x.close()))
        settings, wrap = self.by_name(names)
        router = self.serve(settings, wrap=wrap)
        for _ in range(10):
            self.assertOk(router.chat(), "ok")
        self.assertEqual(u.connections, 10)
        black_hole(self, "::1", u.port)
        took = []
        for _ in range(10):
            reply = router.chat()
            self.assertOk(reply, "ok")
            took.append(reply.took)
        self.assertLess(took[0], 0.5 + SLACK)
        self.assertLess(sorted(took)[5], 0.1)
        self.assertEqual(router.failures("model/m1"), 0)

    def test_HTTP_10_a_black_hole_from_the_start_costs_one_wait(self):
        names = Names(self, up_test=["::1", "127.0.0.1"])
        u = self.upstream(lambda x: (x.json(200, steps.completion()), x.close()))
        black_hole(self, "::1", u.port)
        settings, wrap = self.by_name(names)
        router = self.serve({**settings, "server": {"threads": 1}}, wrap=wrap)
        took = [router.chat().took for _ in range(10)]
        self.assertEqual(len(u.hits), 10)
        self.assertLess(took[0], 0.5 + SLACK)
        self.assertLess(max(took[1:]), 0.2, "the family that worked comes first")
        self.assertEqual(router.failures("model/m1"), 0)

    def test_HTTP_11_a_changed_address_is_found(self):
        names = Names(self, up_test=["127.0.0.2"])
        first = self.upstream(steps.ok("old"), address="127.0.0.2")
        settings, wrap = self.by_name(names, breaker={"failure_threshold": 100})
        router = self.serve(settings, wrap=wrap)
        for _ in range(3):
            self.assertOk(router.chat(), "old")
        first.kill()
        second = self.upstream(steps.ok("new"), address="127.0.0.3", port=first.port)
        clock = Clock()
        names.set(up_test=["127.0.0.3"])
        client.until(lambda: router.chat().status == 200, 10, 0.1)
        self.assertLess(clock.now, 5)
        for _ in range(5):
            self.assertOk(router.chat(), "new")
        self.assertEqual(second.name, "U2")

    def test_HTTP_11_a_name_that_is_not_found_is_a_failure_of_that_model_only(self):
        names = Names(self)
        self.upstream(steps.ok("never"))
        self.upstream(steps.ok("two"))
        settings, wrap = self.by_name(names)
        router = self.serve(settings, wrap=wrap)
        for reply in client.at_once(20, lambda _: router.chat()):
            self.assertOk(reply, "two")
        self.assertOk(router.chat("m2"), "two")
        self.assertIn("up.test", router.log())
        self.assertGreater(router.failures("model/m1"), 0)

    def test_HTTP_11_a_lookup_that_hangs_holds_up_nobody_else(self):
        names = Names(self, silent_server=True, up_two=["127.0.0.1"])
        self.upstream(steps.ok("never"))
        two = self.upstream(lambda x: (x.json(200, steps.completion("two")), x.close()))
        settings, wrap = self.by_name(names)
        settings["providers"]["u1"]["connect_timeout"] = 1
        settings["providers"]["u2"]["base_url"] = f"http://up.two:{two.port}/v1"
        router = self.serve({**settings, "server": {"threads": 1}}, wrap=wrap)
        hanging = [client.later(lambda: router.chat("m1")) for _ in range(4)]
        for _ in range(5):
            reply = router.chat("m2")
            self.assertOk(reply, "two")
            self.assertLess(reply.took, 0.2)
        for one in hanging:
            reply = one()
            self.assertError(reply, 502)
            self.assertTook(reply.took, 1.0, 1.2)


class Certificates(NamedCase):
    def tls(self, san="DNS:up.test", must_name="up.test", **how):
        seen = []

        def on_name(name):
            seen.append(name)
            return None if name == must_name else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        authority = Authority(self)
        self.upstream(steps.ok("one"), tls=authority.server(san, on_name=on_name, **how))
        self.upstream(steps.ok("two"))
        return authority, seen

    def run_one(self, authority, base_url=None):
        names = Names(self, up_test=["127.0.0.1"])
        settings, wrap = self.by_name(names)
        settings["providers"]["u1"]["ca_file"] = authority.ca
        if base_url:
            settings["providers"]["u1"]["base_url"] = base_url
        router = self.serve(settings, args=("--log-level", "debug"), wrap=wrap)
        return router, router.chat()

    def test_HTTP_12_a_good_certificate_is_accepted_and_the_name_is_sent(self):
        authority, seen = self.tls()
        router, reply = self.run_one(authority)
        self.assertOk(reply, "one")
        self.assertEqual(seen, ["up.test"])
        self.assertNotIn("PRIVATE KEY", router.output())

    def test_HTTP_12_no_name_is_sent_for_an_address(self):
        authority, seen = self.tls("IP:127.0.0.1", must_name=None)
        _, reply = self.run_one(authority, self.upstreams[0].url + "/v1")
        self.assertOk(reply, "one")
        self.assertEqual([x for x in seen if x], [])

    def test_HTTP_12_other_certificates_are_connection_failures_that_say_why(self):
        for name, how, why in (("self-signed", {"signed": False}, "self-signed"), ("expired", {"days": -1}, "expired"),
                               ("wrong name", {"san": "DNS:other.test"}, "hostname mismatch")):
            with self.fresh(name):
                authority, seen = self.tls(**how)
                router, reply = self.run_one(authority)
                self.assertOk(reply, "two")
                self.assertHits("U2")
                self.assertEqual(seen, ["up.test"], "one handshake, no second one without checking")
                self.assertIn(why, router.log())
                self.assertNotIn("PRIVATE KEY", router.output())
                self.assertEqual(router.failures("model/m1"), 1)


class Proxies(Case):
    def test_a_relaying_proxy_carries_the_request_and_its_refusal_falls_over(self):
        self.upstream(steps.ok("relayed"))
        self.upstream(steps.ok("two"))
        settings = config(self.upstreams)
        proxy = self.upstreams[0]
        settings["providers"]["u1"].update(base_url="http://up.test/v1", proxy=proxy.url)
        router = self.serve(settings)
        self.assertOk(router.chat(), "relayed")
        self.assertEqual(proxy.hits[0].path, "http://up.test/v1/chat/completions")
        proxy.play(lambda x: x.reply(407))
        self.assertOk(router.chat(), "two")
        self.assertIn("407", router.log())

    def test_the_environments_proxy_is_used_but_for_what_no_proxy_names(self):
        proxy = self.upstream(steps.ok("relayed"))
        self.upstream(steps.ok("two"))
        settings = config(self.upstreams)
        settings["providers"]["u1"]["base_url"] = "http://up.test/v1"
        env = {"HTTP_PROXY": proxy.url.replace("//", "//me:SECRETPW@"), "http_proxy": "", "NO_PROXY": "", "no_proxy": ""}
        router = self.serve(settings, env=env, args=("--log-level", "debug"))
        self.assertOk(router.chat(), "relayed")
        self.assertTrue(proxy.hits[0].header("proxy-authorization").startswith("Basic "))
        self.assertOk(router.chat("m2"), "two")  # Loopback goes direct.
        self.assertNotIn("SECRETPW", router.output())
        router = self.serve(settings, env={**env, "NO_PROXY": "x.test,up.test"})
        router.chat()
        self.assertEqual(len(proxy.hits), 1)


del NamedCase
if __name__ == "__main__":
    main()
