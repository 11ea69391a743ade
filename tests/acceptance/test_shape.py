"""What the client sees has OpenAI's shape, whatever the upstream sent."""
import json

from harness import client, steps, wires
from harness.case import Case, main

USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
ASKED = {"stream": True, "stream_options": {"include_usage": True}}


def deltas(reply, key):
    return [c["delta"][key] for x in reply.chunks() for c in x["choices"] if c["delta"].get(key)]


def calls(reply):
    """Tool calls of a stream by index: id, name, joined arguments. Ids, types and names come once."""
    found = {}
    for pieces in deltas(reply, "tool_calls"):
        for piece in pieces:
            known = found.setdefault(piece["index"], {"id": [], "type": [], "name": [], "arguments": ""})
            function = piece.get("function", {})
            for key, value in (("id", piece.get("id")), ("type", piece.get("type")), ("name", function.get("name"))):
                if value:
                    known[key].append(value)
            known["arguments"] += function.get("arguments") or ""
    return found


class Chunks(Case):
    def test_SHAPE_1_a_chunk_with_no_choices_is_legal(self):
        head = {k: v for k, v in steps.delta().items() if k != "choices"}
        self.upstream(wires.play(
            wires.event({**head, "choices": [], "prompt_filter_results": []}),
            wires.event(steps.delta("one ")), wires.event(head), wires.event(steps.delta("two")),
            wires.event(steps.delta(finish="stop")), wires.event({**head, "choices": [], "usage": USAGE}),
            steps.event("[DONE]")))
        router = self.serve()
        reply = router.chat(**ASKED)
        self.assertEqual((reply.content(), reply.finish_reasons(), reply.errors()), ("one two", ["stop"], []))
        self.assertEqual(reply.events()[-1], "[DONE]")
        self.assertEqual((reply.chunks()[-1]["choices"], reply.chunks()[-1]["usage"]), ([], USAGE))
        self.assertEqual([c["usage"] for c in reply.chunks()[:-1]], [None] * (len(reply.chunks()) - 1))
        self.assertEqual([c for c in router.chat(stream=True).chunks() if not c["choices"]], [])

    def test_SHAPE_2_a_200_always_has_one_usable_choice(self):
        empty = {"candidates": [{"finishReason": "STOP", "index": 0}],
                 "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5}}
        self.upstream(wires.whole(empty), wires.play(wires.event(empty)), kind="gemini")
        router = self.serve()
        choice, = router.chat().json()["choices"]
        self.assertEqual((choice["message"]["role"], choice["message"]["content"], choice["finish_reason"]),
                         ("assistant", "", "stop"))
        reply = router.chat(stream=True)
        self.assertEqual((reply.content(), reply.finish_reasons(), reply.events()[-1]), ("", ["stop"], "[DONE]"))

    def test_SHAPE_2_an_openai_answer_without_a_choice_falls_over(self):
        for body in ({"choices": []}, {"choices": None}, {}, {"choices": [{}]}, [], "x", None):
            with self.fresh(repr(body)):
                self.upstream(wires.whole(body))
                self.upstream(steps.ok("two"))
                self.assertOk(self.serve().chat(), "two")


class Tools(Case):
    def test_SHAPE_3_parallel_tool_calls_keep_their_own_index(self):
        def use(name, key):
            return {"type": "tool_use", "id": key, "name": name, "input": {}}

        def part(text):
            return {"type": "input_json_delta", "partial_json": text}
        gemini = [{"functionCall": {"name": "f", "args": {"x": 1}}}, {"functionCall": {"name": "g", "args": {"y": 2}}}]
        ways = {
            "anthropic": ("anthropic", wires.message(
                wires.block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Let me see"}),
                wires.block(1, use("f", "tu_a"), part('{"x":'), part("1}")),
                wires.block(2, use("g", "tu_b"), part('{"y":2}')), stop="tool_use")),
            "gemini, one chunk": ("gemini", [wires.event(wires.candidate("Let me see")),
                                             wires.event(wires.candidate(parts=gemini, finish="STOP"))]),
            "gemini, two chunks": ("gemini", [wires.event(wires.candidate("Let me see")),
                                              wires.event(wires.candidate(parts=gemini[:1])),
                                              wires.event(wires.candidate(parts=gemini[1:], finish="STOP"))])}
        for name, (kind, events) in ways.items():
            with self.fresh(name):
                self.upstream(wires.play(*events), kind=kind)
                reply = self.serve().chat(stream=True)
                found = calls(reply)
                self.assertEqual(reply.content(), "Let me see")
                self.assertEqual(sorted(found), [0, 1])
                self.assertEqual([json.loads(found[i]["arguments"]) for i in (0, 1)], [{"x": 1}, {"y": 2}])
                self.assertEqual([found[i]["name"] for i in (0, 1)], [["f"], ["g"]])
                self.assertEqual([found[i]["type"] for i in (0, 1)], [["function"]] * 2)
                ids = [x for i in (0, 1) for x in found[i]["id"]]
                self.assertEqual(len(set(ids)), 2, ids)
                if kind == "anthropic":
                    self.assertEqual(ids, ["tu_a", "tu_b"])
                self.assertEqual(reply.finish_reasons(), ["tool_calls"])

    def test_SHAPE_4_a_call_without_arguments_has_an_empty_object(self):
        start = {"type": "tool_use", "id": "tu_a", "name": "f", "input": {}}
        for parts in ([], [{"type": "input_json_delta", "partial_json": ""}]):
            with self.fresh(f"{len(parts)} deltas"):
                u = self.upstream(wires.play(*wires.message(wires.block(0, start, *parts), stop="tool_use")),
                                  lambda x: x.reply(200, wires.plain("anthropic", "done")), kind="anthropic")
                router = self.serve()
                self.assertEqual(calls(router.chat(stream=True))[0]["arguments"], "{}")
                back = {"role": "assistant", "content": None, "tool_calls": [
                    {"id": "tu_a", "type": "function", "function": {"name": "f", "arguments": ""}}]}
                reply = router.post("/v1/chat/completions", {"model": "g", "messages": [
                    {"role": "user", "content": "hi"}, back, {"role": "tool", "tool_call_id": "tu_a", "content": "1"}]})
                self.assertOk(reply, "done")
                used = u.hits[1].json()["messages"][1]["content"][0]
                self.assertEqual((used["type"], used["input"]), ("tool_use", {}))


class Bytes(Case):
    """docs/wire.md: bytes of an upstream that are no UTF-8 become U+FFFD."""

    def test_SHAPE_5_bad_text_of_an_upstream_never_takes_the_process_down(self):
        def plain(content):
            body = json.dumps(steps.completion("@")).encode().replace(b"@", content)
            return lambda x: x.reply(200, body)

        def streamed(content):
            events = [json.dumps(e).encode().replace(b"@", content) for e in
                      (steps.delta("@"), steps.delta("."), steps.delta(finish="stop"))]
            return wires.play(*[b"data: " + e + b"\n\n" for e in events], steps.event("[DONE]"))
        u = self.upstream()
        router = self.serve()
        for content, expected in ((b"a\xc3\x28b", "a\ufffd(b"), (b"a\xe2\x82b", "a\ufffdb"),
                                  (b"a\\ud83db", "a\ufffdb")):
            for _ in range(100):
                u.play(plain(content))
                reply = router.chat()
                self.assertOk(reply)
                self.assertEqual(reply.text, expected)
                u.play(streamed(content))
                reply = router.chat(stream=True)
                self.assertEqual((reply.content(), reply.errors()), (expected + ".", []))
        u.play(lambda x: x.reply(500, b"\xff\xfe\x00"))
        reply = self.serve().chat()
        self.assertEqual(self.assertError(reply, 502)["type"], "upstream_error")
        reply.body.decode()

    def test_SHAPE_5_bad_text_of_a_client_is_its_400(self):
        self.upstream(steps.ok())
        router = self.serve()
        for text in (b"\xff", b"\\udcab", b"\xc3\x28", b"\xed\xa0\x80"):
            body = json.dumps(client.prompt(text="@")).encode().replace(b"@", text)
            for path in ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings"):
                reply = client.request(router.url, "POST", path, body)
                self.assertEqual(reply.status, 400, (path, text))
                json.loads(reply.body.decode())
        self.assertHits("")
        self.assertOk(router.chat(text="é"), "ok")


if __name__ == "__main__":
    main()
