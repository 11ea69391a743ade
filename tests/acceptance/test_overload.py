"""More than the router takes on: connections, requests, memory and descriptors (docs/security.md)."""
import asyncio
import contextlib
import json
import os
import re
import resource
import socket
import threading
import time

from harness import client, sockets, steps
from harness.case import Case, group, main, tier

KEYS = {"auth": {"keys": {"greedy": "key-greedy", "modest": "key-modest"}}}


def bearer(key):
    return [("Authorization", f"Bearer {key}")]


def report(figures):
    """For bench/overload."""
    if os.environ.get("ECHELON_OVERLOAD_SECONDS"):
        print(figures, flush=True)


class Shedding(Case):
    def shed(self, router, reason):
        return int(re.search(rf'echelon_http_shed_total{{reason="{reason}"}} (\d+)',
                             router.get("/metrics").body.decode())[1])

    def held(self, count, every=None, **server):
        """A router whose upstream holds each request until `self.go`, with `count` of them under way."""
        self.go = threading.Event()
        self.addCleanup(self.go.set)
        self.upstream().answer(lambda hit: lambda x: (self.go.wait(20), steps.ok("ok")(x)))
        router = self.serve(every={"timeout": 30, **(every or {})}, server=server, **KEYS)
        self.waits = [client.later(lambda: router.chat(headers=bearer("key-greedy"))) for _ in range(count)]
        self.assertTrue(client.until(lambda: router.in_flight() == count))
        return router

    def finish(self):
        self.go.set()
        for wait in self.waits:
            self.assertOk(wait(), "ok")

    def test_the_least_important_are_shed_first_and_the_most_important_last(self):
        router = self.held(5, max_requests=10)
        shed = router.chat(headers=[*bearer("key-modest"), ("x-echelon-priority", "9")])
        self.assertEqual(self.assertError(shed, 503)["code"], "overloaded")
        self.assertRetryAfter(shed, 1, 1)
        important = client.later(lambda: router.chat(
            headers=[*bearer("key-modest"), ("x-echelon-priority", "0")]))
        self.assertTrue(client.until(lambda: router.in_flight() == 6))
        self.assertEqual(self.shed(router, "request_limit"), 1)
        self.finish()
        self.assertOk(important(), "ok")

    def test_a_client_with_more_than_its_share_gives_way_to_another(self):
        router = self.held(7, max_requests=10)
        modest = client.later(lambda: router.chat(headers=bearer("key-modest")))
        self.assertTrue(client.until(lambda: router.in_flight() == 8))
        self.assertEqual(self.assertError(router.chat(headers=bearer("key-greedy")), 429)["code"],
                         "fair_share_exceeded")
        self.assertEqual(self.shed(router, "fair_share"), 1)
        self.finish()
        self.assertOk(modest(), "ok")

    def test_a_client_may_have_so_many_requests_and_keeps_its_connection(self):
        router = self.held(2, max_requests_per_client=2)
        with client.Connection(router.url) as c:
            for _ in range(2):
                c.send("POST", "/v1/chat/completions", client.prompt(), bearer("key-greedy"))
                self.assertEqual(self.assertError(c.reply(), 429)["code"], "too_many_requests")
        self.finish()
        self.assertOk(router.chat(headers=bearer("key-greedy")), "ok")

    def test_bodies_take_no_more_memory_than_they_may(self):
        router = self.held(1, max_memory_bytes=1_000_000)
        for chunked in (False, True):
            with self.subTest(chunked=chunked), client.Connection(router.url) as c:
                framing = b"Transfer-Encoding: chunked\r\n\r\n1e8480\r\n" if chunked \
                    else b"Content-Length: 2000000\r\n\r\n"
                with contextlib.suppress(OSError):  # The router may close before it was given all.
                    c.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                          b"Authorization: Bearer key-modest\r\n" + framing + b"x" * 2_000_000)
                reply = c.reply()
                self.assertEqual(self.assertError(reply, 503)["code"], "overloaded")
                self.assertRetryAfter(reply, 1, 1)
        self.assertEqual(self.shed(router, "memory"), 2)
        self.finish()
        self.assertTrue(client.until(lambda: b"echelon_http_held_bytes 0\n" in router.get("/metrics").body))
        self.assertOk(router.chat(headers=bearer("key-modest"), text="x" * 500_000), "ok")


class Connections(Case):
    def full(self, router, count):
        """So many connections that have been answered once."""
        held = [client.Connection(router.url) for _ in range(count)]
        for c in held:
            self.addCleanup(c.close)
            c.send("GET", "/healthz")
            self.assertEqual(c.reply().status, 200)
        return held

    def test_connections_beyond_the_cap_are_told_so(self):
        self.upstream(steps.ok())
        for key in ("max_connections", "max_connections_per_client"):
            with self.subTest(key):
                router = self.serve(server={key: 5})
                held = self.full(router, 5)
                reply = client.request(router.url, "GET", "/healthz")
                self.assertEqual(self.assertError(reply, 503)["code"], "too_many_connections")
                self.assertRetryAfter(reply, 1, 1)
                held[0].close()
                self.assertTrue(client.until(lambda: self.served(router)))

    @staticmethod
    def served(router):
        with contextlib.suppress(OSError, client.Closed):
            return router.chat().status == 200
        return False

    def test_a_lack_of_descriptors_is_survived(self):
        self.upstream(steps.ok())
        router = self.serve()
        self.assertOk(router.chat())
        pid = router.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        count = len(os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (count + 10, before[1]))
        held = [socket.create_connection(("127.0.0.1", sockets.port_of(router.url)), timeout=20) for _ in range(40)]
        for s in held:
            self.addCleanup(s.close)
        # Those beyond what the descriptors are enough for are turned away, not left waiting.
        told = client.until(lambda: router.log().count("cannot accept a connection"), 20)
        self.assertEqual(told, 1, "one warning for all")
        held[-1].settimeout(20)
        self.assertTrue(held[-1].recv(100).startswith(b"HTTP/1.1 503"))
        for s in held:
            s.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        self.assertTrue(client.until(lambda: self.served(router)))
        self.assertIn(b'reason="no_descriptor"', router.get("/metrics").body)
        self.assertEqual(router.failures(), 0, "no upstream is blamed")

    @contextlib.contextmanager
    def without_descriptors(self, router):
        """The router opens none while this lasts; what it has goes on."""
        pid = router.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = {int(x) for x in os.listdir(f"/proc/{pid}/fd")}
        free = next(i for i in range(len(used) + 1) if i not in used)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, before[1]))
        yield
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)

    def test_no_upstream_is_blamed_where_the_router_has_no_descriptor_to_call_it(self):
        self.upstream(steps.ok())
        self.upstream(steps.ok())
        router = self.serve(groups={"g": group(tier(["m1"]), tier(["m2"]), breaker={
            "failure_threshold": 1, "recovery_time": 60})}, polling_pools={"p": {
                "task_groups": ["g"], "failure_threshold": 1, "recovery_time": 60}})
        with client.Connection(router.url) as c:
            def chat(target, **kw):
                c.send("POST", "/v1/chat/completions", {**client.prompt(**kw), "model": target})
                return c.reply()
            c.send("GET", "/healthz")
            self.assertEqual(c.reply().status, 200)
            with self.without_descriptors(router):
                for target, stream in (("g", False), ("g", True), ("p", False), ("m1", False)):
                    with self.subTest(target, stream=stream):
                        reply = chat(target, stream=stream)
                        error = self.assertError(reply, 503)
                        self.assertEqual(error["code"], "router_exhausted")
                        self.assertIn("Too many open files", error["message"])
                        self.assertRetryAfter(reply, 1, 1)
            self.assertHits("")
            # Each breaker opens after one failure: that none is open shows that nothing was counted.
            for target in ("g", "p", "m1"):
                self.assertOk(chat(target))
            self.assertHits("U1,U1,U1")
        for path in ("model/m1", "model/m2", "echelon/g.echelon1", "group/g", "pool/p"):
            self.assertEqual(router.failures(path), 0, path)
        metrics = router.get("/metrics").body.decode()
        for model, least in (("m1", 4), ("m2", 3)):
            count = re.search(rf'echelon_attempts_total{{model="{model}",outcome="router_exhausted"}} (\d+)', metrics)
            self.assertGreaterEqual(int(count[1]), least)

    def test_an_idle_connection_is_closed_and_a_new_one_sooner(self):
        self.upstream(steps.ok())
        router = self.serve(server={"header_timeout": 1, "idle_timeout": 3})
        with client.Connection(router.url) as used, client.Connection(router.url) as unused:
            used.send("POST", "/v1/chat/completions", client.prompt())
            self.assertOk(used.reply())
            start = time.monotonic()
            self.assertEqual(unused.reader.read(1), b"")
            self.assertTook(time.monotonic() - start, 0, 1.5)
            self.assertEqual(used.reader.read(1), b"")
            self.assertTook(time.monotonic() - start, 2, 4)

    def test_a_head_larger_than_it_may_be_is_431(self):
        u = self.upstream(steps.ok())
        router = self.serve(server={"max_header_bytes": 2000})
        self.assertError(router.chat(headers=[("x-long", "x" * 3000)]), 431)
        self.assertError(router.chat(headers=[(f"x-{i}", "y") for i in range(400)]), 431)
        self.assertEqual(u.hits, [])
        self.assertOk(router.chat(headers=[("x-long", "x" * 1000)]))

    def test_a_client_that_takes_nothing_is_cut_off(self):
        def flood(x):
            x.sse_head()
            for _ in range(600):
                x.chunk(steps.event(steps.delta("y" * 60000)))
            x.end()
        self.upstream(flood)
        router = self.serve(every={"timeout": 60}, server={"write_timeout": 1})
        with client.Connection(router.url) as c:
            c.send("POST", "/v1/chat/completions", client.prompt(stream=True))
            self.assertTrue(client.until(lambda: router.in_flight() == 1))
            self.assertTrue(client.until(lambda: router.in_flight() == 0, 20))


class Flood(Case):
    """Ten times of what the upstream takes; bench/overload makes it longer."""
    PERMITS, TAKES = 4, 0.1  # 40 answers a second.
    SECONDS = int(os.environ.get("ECHELON_OVERLOAD_SECONDS", "6"))

    def test_goodput_memory_and_the_important_ones_hold_under_ten_times_of_the_capacity(self):
        asyncio.run(self.play())

    async def upstream_of(self, reader, writer):
        # Cancelled: the test is over.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                await sockets.body_of(reader)
                await asyncio.sleep(self.TAKES)
                body = json.dumps(steps.completion("ok")).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             b"Content-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    async def play(self):
        server = await asyncio.start_server(self.upstream_of, "127.0.0.1", 0, backlog=1024)
        tier = {"models": ["m"], "priority": 1, "timeout": 10, "concurrency_limit": self.PERMITS,
                "rpm_limit": 1000000}
        router = await asyncio.to_thread(self.serve, {
            "providers": {"u": {"kind": "openai", "api_key": "k",
                                "base_url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}},
            "models": {"m": {"provider": "u", "model": "real"}}, "task_groups": {"g": {"echelon1": tier}},
            "concurrency_control": {"enabled": True, "levels": [{"echelon_level": {"limit": 50, "queue_size": 56}}]},
            "server": {"max_requests": 60}})
        self.port = sockets.port_of(router.url)
        peak = (await self.load(self.PERMITS, 3))[5][200] / 3
        before = router.rss()
        rate = 10 * self.PERMITS / self.TAKES
        over = await self.load(rate, self.SECONDS, every=True)
        good = sum(by.get(200, 0) for by in over.values()) / self.SECONDS
        # With a sanitizer turning away costs so much that this is about what still gets through.
        slow = bool(os.environ.get("ECHELON_SANITIZE"))
        self.assertGreaterEqual(good, (0.2 if slow else 0.8) * peak, (over, peak))
        self.assertLessEqual(set().union(*over.values()), {200, 429, 503})
        important = over[0].get(200, 0) / sum(over[0].values())
        self.assertGreaterEqual(important, 0.4 if slow else 0.95, over)
        grown = router.rss() - before
        if not slow:  # A sanitizer keeps what was freed.
            self.assertLess(grown, 30e6)
        start = time.monotonic()
        self.assertOk(await asyncio.to_thread(router.chat))
        recovery = time.monotonic() - start
        self.assertTook(recovery, 0, 2)
        server.close()
        report(f"{self.SECONDS} s of 10 times the capacity: {good:.1f} answers/s of {peak:.1f}/s at the peak "
               f"({100 * good / peak:.0f} %), {100 * important:.1f} % of the important requests answered; "
               f"memory {grown / 1e6:+.1f} MB; the next answer {1000 * recovery:.0f} ms after the end; by priority {over}")

    async def load(self, count, seconds, every=False):
        """`count` clients one after the other, or with `every` that many requests each second; statuses by priority."""
        found = {}

        async def one(priority):
            reader, writer = await sockets.connect(self.port)
            writer.write(sockets.post("/v1/chat/completions", client.prompt()).replace(
                b"Host: x", b"Host: x\r\nx-echelon-priority: %d" % priority))
            status = int((await reader.read(-1)).split(b" ", 2)[1])
            writer.close()
            found.setdefault(priority, {}).setdefault(status, 0)
            found[priority][status] += 1
        end = time.monotonic() + seconds
        if not every:
            async def again():
                while time.monotonic() < end:
                    await one(5)
            await asyncio.gather(*[again() for _ in range(count)])
            return found
        tasks, made, start = [], 0, time.monotonic()
        while (now := time.monotonic()) < end:
            while made < (now - start) * count:
                # One in 80 is important.
                tasks.append(asyncio.create_task(one(0 if made % 80 == 0 else 5 + made % 5)))
                made += 1
            await asyncio.sleep(0.005)
        await asyncio.gather(*tasks)
        return found


class Crowd(Case):
    """bench/overload makes it larger."""
    IDLE, SLOW = (int(x) for x in os.environ.get("ECHELON_CROWD", "1500,300").split(","))

    def test_idle_and_slow_clients_do_not_disturb_others(self):
        self.upstream(steps.ok())
        router = self.serve(server={"header_timeout": 60, "body_timeout": 60, "max_connections": 16384})
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        slowest = asyncio.run(self.play(sockets.port_of(router.url)))
        self.assertLess(slowest, 1)
        report(f"beside {self.IDLE} idle connections and {self.SLOW} slow senders the slowest of 20 answers took "
               f"{1000 * slowest:.0f} ms; the router has {router.rss() / 1e6:.0f} MB")

    async def play(self, port):
        held = []
        for i in range(self.IDLE + self.SLOW):
            held.append(await sockets.connect(port))
            if i >= self.IDLE:
                held[-1][1].write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        request, slowest = sockets.post("/v1/chat/completions", client.prompt()), 0.0
        for _ in range(20):
            for _, writer in held[self.IDLE:]:
                writer.write(b" ")
            start = time.monotonic()
            reader, writer = await sockets.connect(port)
            writer.write(request)
            self.assertTrue((await reader.read(-1)).startswith(b"HTTP/1.1 200"))
            writer.close()
            slowest = max(slowest, time.monotonic() - start)
        for _, writer in held:
            writer.close()
        return slowest


if __name__ == "__main__":
    main()
