"""The front under many clients: one writer per socket, slow senders, and addresses of upstreams."""
import asyncio
import json
import os
import time

from harness import client, sockets, steps
from harness.case import Case, main
from harness.nodes import pause

STREAMS, CHUNKS = 200, 1000


# Streams whose client has seen a comment.
heard = [asyncio.Event() for _ in range(STREAMS)]


async def relay(reader, writer):
    """An upstream whose stream repeats the prompt with a number, CHUNKS times, in writes of many events, and is silent
    before its end until the client has seen a comment."""
    name = (await sockets.body_of(reader))["messages"][0]["content"]
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
    try:
        for first in range(0, CHUNKS, 50):
            for i in range(first, first + 50):
                writer.write(b"data: " + json.dumps(steps.delta(f"{name}:{i} ")).encode() + b"\n\n")
            await writer.drain()
            await asyncio.sleep(0.02)
        await asyncio.wait_for(heard[int(name[1:])].wait(), 60)
        writer.write(steps.event(steps.delta(finish="stop")) + steps.event("[DONE]"))
        await writer.drain()
    except OSError:
        pass
    writer.close()


class Writers(Case):
    def test_HTTP_7_one_writer_per_socket(self):
        asyncio.run(self.play())

    async def play(self):
        server = await asyncio.start_server(relay, "127.0.0.1", 0, backlog=1024)
        tier = {"models": ["m"], "priority": 1, "timeout": 120, "concurrency_limit": 1000, "rpm_limit": 100000}
        router = await asyncio.to_thread(self.serve, {
            "providers": {"u": {"kind": "openai", "base_url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
                                "api_key": "k"}},
            "models": {"m": {"provider": "u", "model": "real"}},
            "task_groups": {"g": {"echelon1": tier}}}, env={"ECHELON_TEST_SILENCE_MS": "10"})
        bodies = await asyncio.gather(*[self.read(router.url, i) for i in range(STREAMS)])
        for i, body in enumerate(bodies):
            blocks = body.decode().split("\n\n")
            self.assertEqual(blocks.pop(), "")
            self.assertEqual(blocks.pop(), "data: [DONE]")
            self.assertIn(": keep-alive", blocks)
            events = [json.loads(b.removeprefix("data: ")) for b in blocks if b != ": keep-alive"]
            text = "".join(e["choices"][0]["delta"].get("content") or "" for e in events)
            self.assertEqual(text, "".join(f"s{i}:{n} " for n in range(CHUNKS)))
        server.close()

    @staticmethod
    async def read(url, i):
        reader, writer = await sockets.connect(sockets.port_of(url), limit=1 << 14)
        writer.write(sockets.post("/v1/chat/completions", client.prompt(text=f"s{i}", stream=True)))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        data = b""
        while piece := await reader.read(1 << 14):
            data += piece
            if b": keep-alive" in data[-len(piece) - 12:]:
                heard[i].set()
            if i % 2:
                await asyncio.sleep(0.01)  # A slow reader.
        writer.close()
        return sockets.unchunk(data)


class BackPressure(Case):
    def test_a_client_that_does_not_read_stops_the_upstream_and_costs_little(self):
        sent = []

        def flood(x):
            x.sse_head()
            event = steps.event(steps.delta("y" * 60000))
            for _ in range(1500):  # 90 MB
                x.chunk(event)
                sent.append(len(event))
            x.chunk(steps.event(steps.delta(finish="stop")) + steps.event("[DONE]"))
            x.end()
        self.upstream(flood)
        router = self.serve(every={"timeout": 60})
        before = router.rss()
        with client.Connection(router.url) as c:
            c.send("POST", "/v1/chat/completions", client.prompt(stream=True))
            head = c.head()
            self.assertTrue(c.piece(head))

            def still():
                """Nothing more goes out."""
                count = len(sent)
                time.sleep(0.5)
                return len(sent) == count
            self.assertTrue(client.until(still, 20))
            # What the sockets of the kernel hold on both hops, and little of ours.
            self.assertLess(sum(sent), 40e6)
            while len(head.body) < 15e6:
                self.assertTrue(c.piece(head))
            if not os.environ.get("ECHELON_SANITIZE"):  # A sanitizer keeps what was freed.
                self.assertLess(router.rss() - before, 30e6)
        self.assertTrue(client.until(lambda: router.in_flight() == 0))


class Slow(Case):
    """docs/configuration.md: server.header_timeout and server.body_timeout."""

    def test_HTTP_8_slow_senders_are_cut_and_disturb_nobody(self):
        self.upstream(steps.ok())
        router = self.serve(server={"header_timeout": 3, "body_timeout": 3})
        waits, slowest = asyncio.run(self.play(sockets.port_of(router.url)))
        for wait in waits:
            self.assertTook(wait, 0, 4.5)
        self.assertLess(slowest, 1)
        self.assertOk(router.chat())

    def test_who_is_too_slow_is_told_so(self):
        u = self.upstream(steps.ok())
        router = self.serve(server={"header_timeout": 1, "body_timeout": 1})
        body = client.prompt()
        for part in (b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n",
                     b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"):
            with self.subTest(part), client.Connection(router.url) as slow:
                slow.raw(part)
                reply = slow.reply()
                self.assertEqual((reply.status, reply.header("connection")), (408, "close"))
                self.assertEqual(reply.json()["error"]["code"], "request_timeout")
                self.assertEqual(slow.reader.read(1), b"")
        self.assertEqual(u.hits, [])
        self.assertOk(router.chat())
        # What a connection waited for once does not count against its next request.
        with client.Connection(router.url) as c:
            for _ in range(3):
                c.send("POST", "/v1/chat/completions", body)
                self.assertOk(c.reply())
                pause(0.6)

    async def play(self, port):
        head = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{", b" ")
        kinds = [(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n", b"a")] * 500 + [head] * 100 + [(b"", b"")] * 100
        over = asyncio.Event()
        good = asyncio.create_task(self.good(port, over))
        waits = await asyncio.gather(*[self.dribble(port, *k) for k in kinds])
        over.set()
        return waits, await good

    @staticmethod
    async def dribble(port, first, then):
        """A byte now and then until the router has had enough; how long that took."""
        reader, writer = await sockets.connect(port)
        start = time.monotonic()
        writer.write(first)
        while time.monotonic() < start + 20:
            try:
                if not await asyncio.wait_for(reader.read(4096), 0.5):
                    break
            except asyncio.TimeoutError:
                writer.write(then)
            except OSError:
                break
        writer.close()
        return time.monotonic() - start

    @staticmethod
    async def good(port, over):
        slowest = 0.0
        request = sockets.post("/v1/chat/completions", client.prompt())
        while not over.is_set():
            start = time.monotonic()
            reader, writer = await sockets.connect(port)
            writer.write(request)
            assert (await reader.read(-1)).startswith(b"HTTP/1.1 200")
            writer.close()
            slowest = max(slowest, time.monotonic() - start)
            await asyncio.sleep(0.3)
        return slowest


class Addresses(Case):
    def serve_at(self, base):
        settings = {"task_groups": {"g": {"echelon1": {"models": ["m"], "priority": 1}}}, "providers": {"u": {"kind": "openai", "base_url": base, "api_key": "k"}},
                    "models": {"m": {"provider": "u", "model": "real"}},
                    "global_fallback": {"retry_delay": 0.0}}
        return self.serve(settings)

    def test_HTTP_9_IPv6_literals_in_base_urls_work(self):
        u = self.upstream(steps.ok(), address="::1")
        for path in ("", "/v1", "/v1/"):
            with self.subTest(path):
                self.assertOk(self.serve_at(u.url + path).chat("m"), "ok")
                hit = u.hits[-1]
                self.assertEqual((hit.path, hit.header("host")), ("/v1/chat/completions", f"[::1]:{u.port}"))

    def test_HTTP_9_no_port_means_port_80(self):
        """Nothing listens there; what matters is where the router tried."""
        router = self.serve_at("http://[::1]")
        self.assertError(router.chat("m"), 502)
        self.assertIn("[::1]:80", router.log())

    def test_HTTP_9_bad_urls_are_refused_at_the_start(self):
        for base in ("http://::1:80", "http://[::1", "localhost:80"):
            with self.subTest(base), self.assertRaisesRegex(RuntimeError, "base_url"):
                self.serve_at(base)

    def test_HTTP_9_the_router_listens_on_IPv6_and_on_both(self):
        self.upstream(steps.ok())
        self.assertOk(self.serve(listen="[::1]:0").chat(), "ok")
        both = self.serve(listen="[::]:0")
        for host in ("127.0.0.1", "[::1]"):
            self.assertOk(client.chat(f"http://{host}:{both.url.rsplit(':', 1)[1]}"), "ok")


if __name__ == "__main__":
    main()
