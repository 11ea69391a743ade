"""Translation to and from Gemini, and each attempt translated for its own provider."""
import json

from harness import steps, wires
from harness.case import Case, main

UNKNOWN = {"$schema", "additionalProperties", "exclusiveMinimum", "prefixItems", "propertyNames", "$ref", "$defs",
           "stream_options"}


def answer(text="ok"):
    return lambda x: x.reply(200, wires.plain("gemini", text))


def failure(code, status):
    return lambda x: x.json(code, {"error": {"code": code, "status": status, "message": "x"}})


def keywords(schema, names=False):
    """Keys that are keywords; names of properties are none."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if not names:
                yield key
            yield from keywords(value, key == "properties" and not names)
    elif isinstance(schema, list):
        for item in schema:
            yield from keywords(item)


class Gemini(Case):
    def start(self, *script, **changes):
        self.upstream(*(script or [answer()]), kind="gemini")
        self.router = self.serve(**changes)

    def test_GEMINI_1_finish_reasons_are_openais(self):
        self.start()
        for reason, expected in (("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"),
                                 ("RECITATION", "content_filter"), ("MALFORMED_FUNCTION_CALL", "stop"),
                                 ("OTHER", "stop"), ("NEVER_SEEN", "stop")):
            self.upstreams[0].play(wires.whole(wires.candidate("a", reason)))
            choice, = self.router.chat().json()["choices"]
            self.assertEqual((reason, choice["message"]["content"], choice["finish_reason"]), (reason, "a", expected))
            self.upstreams[0].play(wires.play(wires.event(wires.candidate("a")),
                                              wires.event(wires.candidate(None, reason))))
            reply = self.router.chat(stream=True)
            self.assertEqual((reason, reply.content(), reply.finish_reasons()), (reason, "a", [expected]))

    def test_GEMINI_2_what_gemini_does_not_know_is_taken_out(self):
        inner = {"type": "object", "additionalProperties": False, "propertyNames": {"pattern": "x"}, "properties": {
            "additionalProperties": {"type": ["string", "null"]},
            "n": {"type": "integer", "exclusiveMinimum": 0}, "r": {"$ref": "#/$defs/d"},
            "pair": {"type": "array", "prefixItems": [{"type": "string"}]}, "none": {"type": "object", "properties": {}}}}
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
                  "$defs": {"d": {"type": "string", "description": "of d"}}, "properties": {"inner": inner}}

        def strict(x):
            body = x.hit.json()
            found = UNKNOWN & set(keywords(body))
            failure(400, f"INVALID_ARGUMENT {found}")(x) if found else answer()(x)
        fields = {"tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
                  "stream_options": {"include_usage": True}}
        with self.fresh("before Gemini"):
            self.start(strict)
            self.assertOk(self.router.chat(**fields), "ok")
            sent = self.upstreams[0].hits[0].json()["tools"][0]["functionDeclarations"][0]["parameters"]
            properties = sent["properties"]["inner"]["properties"]
            self.assertEqual(properties["additionalProperties"], {"type": "string", "nullable": True})
            self.assertEqual(properties["r"], {"type": "string", "description": "of d"})
        with self.fresh("the same before OpenAI"):
            self.upstream(steps.ok())
            self.assertOk(self.serve().chat(**fields))
            self.assertEqual(self.upstreams[0].hits[0].json()["tools"], fields["tools"])

    def test_GEMINI_3_a_blocked_prompt_is_an_answer(self):
        blocked = {"promptFeedback": {"blockReason": "SAFETY"},
                   "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4}}
        self.start(wires.whole(blocked), wires.play(wires.event(blocked)), every={"max_retries": 3})
        choice, = self.router.chat().json()["choices"]
        self.assertEqual((choice["message"]["role"], choice["finish_reason"]), ("assistant", "content_filter"))
        self.assertEqual(self.router.chat(stream=True).finish_reasons(), ["content_filter"])
        self.assertHits("U1,U1")
        self.assertEqual(self.router.failures(), 0)

    def test_GEMINI_4_the_clients_fault_stays_a_4xx(self):
        for code, status, seen in ((400, "INVALID_ARGUMENT", 400), (404, "NOT_FOUND", 404),
                                   (413, "INVALID_ARGUMENT", 413), (429, "RESOURCE_EXHAUSTED", 429),
                                   (503, "UNAVAILABLE", 503)):
            with self.fresh(status):
                self.start(failure(code, status))
                self.assertTrue(self.assertError(self.router.chat(), seen)["type"])

    def test_GEMINI_4_a_list_of_answers_is_read_as_a_stream(self):
        self.start(wires.whole([wires.candidate("one "), wires.candidate("two", "STOP")]))
        self.assertOk(self.router.chat(), "one two")
        reply = self.router.chat(stream=True)
        self.assertEqual((reply.content(), reply.finish_reasons()), ("one two", ["stop"]))

    def test_GEMINI_5_roles_and_tool_results_take_geminis_form(self):
        def strict(x):
            for content in x.hit.json()["contents"]:
                results = [p["functionResponse"] for p in content["parts"] if "functionResponse" in p]
                if content["role"] not in ("user", "model") or any(
                        not r.get("name") or not isinstance(r.get("response"), dict) for r in results):
                    return failure(400, "INVALID_ARGUMENT")(x)
            return answer()(x)
        self.start(strict)
        call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}

        def ask(result, key="c1"):
            return self.router.post("/v1/chat/completions", {"model": "g", "messages": [
                {"role": "system", "content": "S"}, {"role": "user", "content": "hi"},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": key, "content": result}, {"role": "user", "content": "go on"}]})
        for result in ("42", "[1]", '{"a":1}', ""):
            self.assertOk(ask(result), "ok")
            sent = self.upstreams[0].hits[-1].json()
            self.assertEqual(sent["systemInstruction"]["parts"], [{"text": "S"}])
            self.assertEqual([c["role"] for c in sent["contents"]], ["user", "model", "user"])
            self.assertEqual({k: sent["contents"][1]["parts"][0]["functionCall"][k] for k in ("name", "args")},
                             {"name": "f", "args": {}})
            self.assertEqual(sent["contents"][2]["parts"][0]["functionResponse"]["name"], "f")
        hits = len(self.upstreams[0].hits)
        self.assertError(ask("1", "unknown"), 400)
        self.assertEqual(len(self.upstreams[0].hits), hits)

    def test_embeddings_take_openais_form_in_both_encodings(self):
        self.start(wires.whole({"embeddings": [{"values": [1, -2.5]}]}))
        ask = {"model": "g", "input": ["a"]}
        row, = self.router.post("/v1/embeddings", ask).json()["data"]
        self.assertEqual(row, {"object": "embedding", "index": 0, "embedding": [1, -2.5]})
        row, = self.router.post("/v1/embeddings", {**ask, "encoding_format": "base64"}).json()["data"]
        self.assertEqual(row["embedding"], "AACAPwAAIMA=")


class Fidelity(Case):
    def test_FIDELITY_1_each_attempt_is_translated_afresh_for_its_own_provider(self):
        messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
        u1 = self.upstream(steps.error(503))
        u2 = self.upstream(steps.error(500, {"type": "error", "error": {"type": "api_error", "message": "x"}}),
                           kind="anthropic")
        u3 = self.upstream(answer("three"), kind="gemini")
        reply = self.serve().post("/v1/chat/completions", {"model": "g", "messages": messages, "max_tokens": 5})
        self.assertOk(reply, "three")
        self.assertHits("U1,U2,U3")
        first, second, third = (u.hits[0] for u in (u1, u2, u3))
        self.assertEqual((first.path, first.json()["model"], first.json()["messages"]),
                         ("/v1/chat/completions", "real-1", messages))
        body = second.json()
        self.assertEqual((second.path, body["model"], body["system"], body["max_tokens"]),
                         ("/v1/messages", "real-2", "S", 5))
        self.assertEqual([m["role"] for m in body["messages"]], ["user", "assistant", "user"])
        self.assertEqual((second.header("x-api-key"), second.header("anthropic-version")), (u2.key, "2023-06-01"))
        body = third.json()
        self.assertEqual(third.path, "/v1beta/models/real-3:generateContent")
        self.assertEqual(body["systemInstruction"]["parts"], [{"text": "S"}])
        self.assertEqual([c["role"] for c in body["contents"]], ["user", "model", "user"])
        self.assertEqual(body["generationConfig"]["maxOutputTokens"], 5)
        for hit in (second, third):
            self.assertIsNone(hit.header("authorization"))
            self.assertNotIn(u1.key, json.dumps(hit.headers) + hit.body.decode())


if __name__ == "__main__":
    main()
