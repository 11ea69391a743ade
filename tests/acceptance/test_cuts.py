"""2,000 streams at once, many of them cut at a random byte: none may look finished that is not.

ECHELON_SEED replays a run, ECHELON_STREAMS changes the number.
"""
import asyncio
import json
import os
import pathlib
import random
import resource
import socket
import struct

from harness import client, sockets, wires
from harness.case import Case, main

STREAMS = int(os.environ.get("ECHELON_STREAMS", "2000"))
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}


class CutUpstream:
    """Answers the prompt `n` by plans[n]: raw bytes and how they end."""

    def __init__(self, plans):
        self.plans = plans

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=4096)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def serve(self, reader, writer):
        try:
            plan = self.plans[int(self.prompt(await sockets.body_of(reader)))]
            for piece in plan.pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if plan.end == "RST":
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except (OSError, asyncio.IncompleteReadError):
            pass
        writer.close()

    @staticmethod
    def prompt(body):
        if "contents" in body:
            return body["contents"][-1]["parts"][0]["text"]
        content = body["messages"][-1]["content"]
        return content if isinstance(content, str) else content[0]["text"]


class Plan:
    """One stream: which wire, what text, and where it is cut."""

    def __init__(self, number, chance):
        self.kind = chance.choice(wires.KINDS)
        self.api = chance.choice(list(PATHS))
        words = [f"{number}.{i}é " for i in range(chance.randint(1, 30))]
        self.text = "".join(words)
        body = b"".join(f"{len(e):x}\r\n".encode() + e + b"\r\n" for e in wires.stream(self.kind, *words)) + b"0\r\n\r\n"
        whole = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + body
        self.end = chance.choice(["right", "FIN", "RST"])
        if self.end != "right":
            whole = whole[:chance.randrange(len(whole) - 5)]
        self.pieces = []
        while whole:
            size = chance.randint(1, 400)
            self.pieces.append(whole[:size])
            whole = whole[size:]


class Seen:
    """What a client made of its stream."""

    def __init__(self, api, status, body):
        self.status = status
        events = [json.loads(line[6:]) for block in body.decode().split("\n\n") for line in block.split("\n")
                  if line.startswith("data: ") and line != "data: [DONE]"]
        if api == "openai":
            self.clean = b"data: [DONE]" in body
            self.errors = [e for e in events if "error" in e]
            choices = [c for e in events for c in e.get("choices", [])]
            self.text = "".join(c["delta"].get("content") or "" for c in choices)
            self.finished = [c["finish_reason"] for c in choices if c["finish_reason"]] == ["stop"]
        else:
            self.clean = b"event: message_stop" in body
            self.errors = [e for e in events if e["type"] == "error"]
            self.text = "".join(e["delta"].get("text", "") for e in events if e["type"] == "content_block_delta")
            self.finished = [e["delta"]["stop_reason"] for e in events if e["type"] == "message_delta"] == ["end_turn"]


async def ask(port, number, plan, gate):
    request = sockets.post(PATHS[plan.api], {"model": plan.kind, "max_tokens": 9, "stream": True,
                                             "messages": [{"role": "user", "content": str(number)}]})
    reader, writer = await sockets.connect(port)
    await gate.wait()
    writer.write(request)
    answer = await reader.read(-1)
    writer.close()
    head, _, rest = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1])
    return Seen(plan.api, status, sockets.unchunk(rest) if b"chunked" in head.lower() else b"")


def descriptors(router):
    return len(list(pathlib.Path(f"/proc/{router.process.pid}/fd").iterdir()))


class Cuts(Case):
    def test_2000_streams_at_once_with_random_cuts(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        seed = int(os.environ.get("ECHELON_SEED") or random.randrange(1 << 30))
        with self.subTest(ECHELON_SEED=seed):
            asyncio.run(self.play([Plan(i, random.Random(seed * 100003 + i)) for i in range(STREAMS)]))

    async def play(self, plans):
        async with CutUpstream(plans) as upstream:
            router = await asyncio.to_thread(self.serve, self.settings(upstream.url))
            idle = descriptors(router)
            gate = asyncio.Event()
            asks = [asyncio.create_task(ask(sockets.port_of(router.url), i, p, gate))
                    for i, p in enumerate(plans)]
            gate.set()
            for plan, seen in zip(plans, await asyncio.gather(*asks)):
                self.judge(plan, seen)
            await asyncio.to_thread(self.at_rest, router, idle)

    @staticmethod
    def settings(url):
        tier = {"priority": 1, "timeout": 60, "max_retries": 0, "concurrency_limit": 10000, "rpm_limit": 1000000}
        return {
            "providers": {k: {"kind": k, "base_url": url, "api_key": "k", "connect_timeout": 60} for k in wires.KINDS},
            "models": {f"m-{k}": {"provider": k, "model": f"real-{k}"} for k in wires.KINDS},
            "task_groups": {k: {"echelon1": {"models": [f"m-{k}"], **tier}, "circuit_breaker": {
                "failure_threshold": 1000000, "recovery_time": 1, "half_open_requests": 1}} for k in wires.KINDS}}

    def judge(self, plan, seen):
        what = (plan.kind, plan.api, plan.end, plan.text, vars(seen))
        self.assertTrue(plan.text.startswith(seen.text), what)
        if plan.end == "right":
            self.assertTrue(seen.status == 200 and seen.clean, what)
        if seen.clean:
            self.assertTrue(seen.text == plan.text and seen.finished and not seen.errors, what)
        elif seen.status == 200:
            self.assertTrue(len(seen.errors) == 1 and not seen.clean, what)
        else:
            self.assertEqual(seen.status, 502, what)

    def at_rest(self, router, idle):
        paths = [path for k in wires.KINDS for path in (f"echelon/{k}.echelon1", f"model/m-{k}")]
        self.assertTrue(client.until(lambda: not any(router.in_flight(p) for p in paths), 10))
        # Kept connections to upstreams may stay a while: none can here, as each was ended.
        self.assertTrue(client.until(lambda: descriptors(router) <= idle + 8, 10), (idle, descriptors(router)))


if __name__ == "__main__":
    main()
