"""Bytes, lines and events: how an upstream's stream may be cut up."""
import json
import time

from harness import client, steps, wires
from harness.case import SLACK, Case, main

TEXT = "北京😀é"


def cut(data, at):
    """The bytes in two writes, cut there."""
    return steps.pieces(data[:at], data[at:], then=lambda x: x.end())


def bytewise(data, pause=0.0):
    """One byte per write, no framing but the connection's end."""
    def step(x):
        x.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for i in range(len(data)):
            x.raw(data[i:i + 1])
            time.sleep(pause)
        x.close()
    return step


def said(text):
    return json.dumps({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]},
                      ensure_ascii=False).encode()


END = b"data: " + json.dumps(steps.delta(finish="stop")).encode() + b"\n\ndata: [DONE]\n\n"


class Bytes(Case):
    def test_SSE_1_bytes_of_one_character_may_arrive_in_two_reads(self):
        for kind in wires.KINDS:
            with self.fresh(kind):
                whole = b"".join(wires.stream(kind, TEXT))
                u = self.upstream(bytewise(whole, 0.002), kind=kind)
                router = self.serve(every={"timeout": 10})
                reply = router.chat(stream=True)
                self.assertEqual((reply.content(), reply.finish_reasons()), (TEXT, ["stop"]))
                self.assertNotIn(b"\xef\xbf\xbd", reply.body)
                first = whole.index("北".encode())
                with client.Connection(router.url) as c:
                    for at in range(first - 8, whole.index("é".encode()) + 8):
                        u.play(cut(whole, at))
                        c.send("POST", "/v1/chat/completions", client.prompt(stream=True))
                        reply = c.reply()
                        self.assertEqual((at, reply.content(), reply.errors()), (at, TEXT, []))
                        self.assertNotIn(b"\xef\xbf\xbd", reply.body)

    def test_SSE_1_every_cut_of_a_whole_stream_gives_the_same(self):
        for kind in wires.KINDS:
            with self.fresh(kind):
                whole = b"".join(wires.stream(kind, TEXT, "."))
                u = self.upstream(kind=kind)
                router = self.serve()
                with client.Connection(router.url) as c:
                    for at in range(1, len(whole)):
                        u.play(cut(whole, at))
                        c.send("POST", "/v1/chat/completions", client.prompt(stream=True))
                        reply = c.reply()
                        self.assertEqual((at, reply.content(), reply.finish_reasons(), reply.errors()),
                                         (at, TEXT + ".", ["stop"], []))


class Lines(Case):
    def test_SSE_2_LF_CRLF_and_CR_all_end_a_line(self):
        texts = ["one ", "two ", "three"]
        events = [b"data: " + said(t) for t in texts] + [b"data: " + json.dumps(steps.delta(finish="stop")).encode(),
                                                         b"data: [DONE]"]
        ways = {"LF": [b"\n\n"] * 5, "CRLF": [b"\r\n\r\n"] * 5, "CR": [b"\r\r"] * 5,
                "mixed": [b"\r\n\n", b"\r\r\n", b"\n\r\n", b"\r\r", b"\n\n"]}
        outputs = {}
        for kind in wires.KINDS[:1]:
            for name, ends in ways.items():
                for split in (False, True):
                    with self.fresh(f"{kind} {name} {'split' if split else 'whole'}"):
                        def step(x, ends=ends, split=split):
                            x.sse_head()
                            for event, end in zip(events, ends):
                                x.chunk(event + (end[:1] if split else end))
                                if split:
                                    time.sleep(0.01)
                                    x.chunk(end[1:])
                                time.sleep(0.03)
                            x.end()
                        self.upstream(step)
                        router = self.serve()
                        with client.Connection(router.url) as c:
                            c.send("POST", "/v1/chat/completions", client.prompt(stream=True))
                            head = c.head()
                            pieces = []
                            while piece := c.piece(head):
                                pieces.append(piece)
                        outputs[name, split] = head.body
                        self.assertEqual(head.content(), "one two three")
                        self.assertEqual((head.finish_reasons(), head.errors()), (["stop"], []))
                        self.assertNotIn(b"data: \n", head.body)
        self.assertEqual(len({self.without_ids(b) for b in outputs.values()}), 1, outputs)

    @staticmethod
    def without_ids(body):
        return tuple(json.dumps([c.get("choices") for c in [json.loads(e)]]) if e != "[DONE]" else e
                     for e in (line[6:] for line in body.decode().split("\n") if line.startswith("data: ")))

    def test_SSE_2_an_event_leaves_when_it_is_complete(self):
        for end in (b"\n\n", b"\r\n\r\n", b"\r\r"):
            with self.fresh(repr(end)):
                sent = []

                def step(x, end=end, sent=sent):
                    x.sse_head()
                    for i in range(3):
                        sent.append(time.monotonic())
                        x.chunk(b"data: " + said(f"<{i}>") + end)
                        time.sleep(0.3)
                    x.chunk(END)
                    x.end()
                self.upstream(step)
                router = self.serve()
                with client.Connection(router.url) as c:
                    c.send("POST", "/v1/chat/completions", client.prompt(stream=True))
                    head = c.head()
                    seen = [c.until(head, f"<{i}>".encode()) for i in range(3)]
                    c.rest(head)
                self.assertEqual(head.content(), "<0><1><2>")
                self.assertLess(sorted(b - a for a, b in zip(sent, seen))[1], 0.1)

    def test_SSE_3_the_full_line_grammar_is_understood(self):
        whole = (b"\xef\xbb\xbfdata:" + said("a") + b"\n\n"
                 b'data: {"choices":\ndata: [{"index":0,"delta":{"content":"b"},"finish_reason":null}]}\n\n'
                 b"event: x\nid: 7\nretry: 10\ndata: " + said("c") + b"\n\n"
                 b"foo\n\n: comment\n\ndata\n\ndata:\n\n"
                 b"foo\ndata: " + said("d") + b"\nbar: 1\n\n" + END)
        u = self.upstream(steps.pieces(whole, then=lambda x: x.end()))
        router = self.serve()
        for step in (None, bytewise(whole)):
            if step:
                u.play(step)
            reply = router.chat(stream=True)
            self.assertEqual([c["delta"].get("content") for x in reply.chunks() for c in x["choices"]
                              if c["delta"].get("content")], ["a", "b", "c", "d"])
            self.assertEqual((reply.errors(), reply.events()[-1]), ([], "[DONE]"))
            for field in (b"id:", b"retry:", b"foo", b"\xef\xbb\xbf"):
                self.assertNotIn(field, reply.body.replace(b'"id":', b""))

    def test_SSE_4_long_lines_are_fine(self):
        for kind in wires.KINDS:
            with self.fresh(kind):
                u = self.upstream(kind=kind)
                router = self.serve(every={"timeout": 30})
                for size in (70_000, 1_100_000, 5_000_000):
                    text = ("0123456789" * (size // 10 + 1))[:size]
                    u.play(wires.play(*wires.stream(kind, text, "!")))
                    reply = router.chat(stream=True)
                    self.assertEqual(len(reply.content()), size + 1)
                    self.assertEqual((reply.content() == text + "!", reply.events()[-1]), (True, "[DONE]"))
                    u.play(lambda x, k=kind, t=text: x.reply(200, wires.plain(k, t)))
                    self.assertEqual(router.chat().text == text, True)


    def test_SSE_4_a_stream_in_answer_to_a_plain_request_is_read_to_its_end(self):
        for kind in wires.KINDS:
            with self.fresh(kind):
                text = "0123456789" * 110_000
                u = self.upstream(wires.play(*wires.stream(kind, text, "!")), kind=kind)
                router = self.serve(every={"timeout": 30})
                reply = router.chat()
                self.assertOk(reply)
                self.assertEqual((reply.text == text + "!", reply.json()["object"]), (True, "chat.completion"))
                body = {"model": "g", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
                reply = router.post("/v1/messages", body)
                self.assertEqual((reply.status, reply.json()["content"][0]["text"] == text + "!"), (200, True))
                u.play(wires.play(*wires.stream(kind, "cut")[:-2 if kind == "openai" else -1]))
                self.assertError(router.chat(), 502)


class Silences(Case):
    def test_SSE_7_long_silences_are_bridged_by_comments(self):
        self.upstream(steps.pieces(wires.content("openai", "a"), then=lambda x: (
            time.sleep(33), x.chunk(wires.content("openai", "b") + END), x.end())))
        router = self.serve(every={"timeout": 60})
        with client.Connection(router.url, timeout=20) as c:
            c.send("POST", "/v1/chat/completions", client.prompt(stream=True))
            head = c.head()
            times = []
            while piece := c.piece(head):
                times.append((time.monotonic(), piece))
        self.assertEqual((head.content(), head.errors(), head.events()[-1]), ("ab", [], "[DONE]"))
        comments = [(at, piece) for at, piece in times if piece.startswith(b":")]
        self.assertEqual([piece for _, piece in comments], [b": keep-alive\n\n"] * 2)
        gaps = [b[0] - a[0] for a, b in zip(times, times[1:])]
        self.assertLess(max(gaps), 15 + SLACK)

    def test_SSE_7_before_the_first_token_the_head_is_held_back(self):
        """As docs/semantics.md says: so that another model can still answer."""
        self.upstream(steps.pieces(then=lambda x: (time.sleep(1), x.reset())))
        self.upstream(steps.stream("two"))
        router = self.serve(env={"ECHELON_TEST_SILENCE_MS": "50"})
        reply = router.chat(stream=True)
        self.assertEqual((reply.status, reply.content(), reply.errors()), (200, "two", []))
        self.assertNotIn(b": keep-alive", reply.body.split(b"two")[0])


if __name__ == "__main__":
    main()
