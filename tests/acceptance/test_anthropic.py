"""Translation to and from Anthropic, and requests that speak its form at both ends."""
import json

from harness import client, steps, wires
from harness.case import Case, main

TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {
    "type": "object", "properties": {"x": {"type": "integer"}}}}}
THINKING = {"thinking_config": {"enabled": True, "budget_tokens": 4000}}
TEXT = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}


def call(key, name="f", arguments="{}"):
    return {"id": key, "type": "function", "function": {"name": name, "arguments": arguments}}


def answer(text="ok"):
    return lambda x: x.reply(200, wires.plain("anthropic", text))


def refused(x, message):
    x.json(400, {"type": "error", "error": {"type": "invalid_request_error", "message": message}})


def blocks(value):
    """All content blocks in any depth."""
    if isinstance(value, dict):
        if "type" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from blocks(item)


class Conversations(Case):
    def ask(self, messages, **fields):
        """The body that U1 saw."""
        u = self.upstreams[0]
        reply = self.router.post("/v1/chat/completions", {"model": "g", "messages": messages, **fields})
        self.assertOk(reply)
        return u.hits[-1].json()

    def start(self, step=None, **changes):
        self.upstream(step or answer(), kind="anthropic")
        self.router = self.serve(**changes)

    def test_ANTHROPIC_1_all_tool_results_of_one_turn_are_one_user_message(self):
        self.start()
        sent = self.ask([{"role": "user", "content": "hi"},
                         {"role": "assistant", "content": None, "tool_calls": [call("a"), call("b", "g")]},
                         {"role": "tool", "tool_call_id": "a", "content": "1"},
                         {"role": "tool", "tool_call_id": "b", "content": "2"}, {"role": "user", "content": "go on"}])
        self.assertEqual([m["role"] for m in sent["messages"]], ["user", "assistant", "user"])
        last = sent["messages"][-1]["content"]
        self.assertEqual([b["type"] for b in last], ["tool_result", "tool_result", "text"])
        self.assertEqual([b.get("tool_use_id") for b in last], ["a", "b", None])
        self.assertEqual(last[2]["text"], "go on")

    def test_ANTHROPIC_2_several_system_messages_are_all_kept(self):
        self.start()
        sent = self.ask([{"role": "system", "content": "A"}, {"role": "system", "content": "B"},
                         {"role": "developer", "content": "C"}, {"role": "user", "content": "hi"}])
        self.assertEqual(sent["system"], "A\n\nB\n\nC")
        self.assertEqual({m["role"] for m in sent["messages"]}, {"user"})
        self.assertNotIn("system", self.ask([{"role": "user", "content": "hi"}]))

    def test_ANTHROPIC_3_empty_text_is_never_sent_as_a_text_block(self):
        def strict(x):
            body = x.hit.json()
            empty = [b for b in blocks(body["messages"]) if b["type"] == "text" and not b["text"].strip()]
            null = [m for m in body["messages"] if m["content"] is None]
            if empty or null or body.get("system") == "":
                refused(x, "text content blocks must be non-empty")
            else:
                answer()(x)
        self.start(strict)
        user = {"role": "user", "content": "hi"}
        done = {"role": "tool", "tool_call_id": "a", "content": "1"}
        for content in ("", None, [{"type": "text", "text": ""}]):
            self.ask([user, {"role": "assistant", "content": content, "tool_calls": [call("a")]}, done])
        self.ask([{"role": "system", "content": ""}, user])
        self.ask([user, {"role": "assistant", "content": None, "tool_calls": [call("a")]}, {**done, "content": ""}])
        hits = len(self.upstreams[0].hits)
        reply = self.router.post("/v1/chat/completions", {"model": "g", "messages": [{"role": "user", "content": ""}]})
        self.assertError(reply, 400)
        self.assertLessEqual(len(self.upstreams[0].hits), hits + 1)
        self.assertTrue(self.router.alive())

    def test_ANTHROPIC_4_budget_and_max_tokens_fit_each_other(self):
        def strict(x):
            body = x.hit.json()
            thinking = body["thinking"]
            wrong = [why for why, is_wrong in (
                ("no max_tokens", "max_tokens" not in body), ("budget too small", thinking["budget_tokens"] < 1024),
                ("max_tokens not above the budget", body.get("max_tokens", 0) <= thinking["budget_tokens"]),
                ("temperature", body.get("temperature", 1) != 1)) if is_wrong]
            refused(x, ", ".join(wrong)) if wrong else answer()(x)
        self.start(strict, every=THINKING)
        for limit in ({}, {"max_tokens": 100}, {"max_tokens": 4000}, {"max_tokens": 8000}):
            sent = self.ask([{"role": "user", "content": "hi"}], temperature=0.3, **limit)
            self.assertEqual(sent["thinking"], {"type": "enabled", "budget_tokens": 4000})
        self.assertEqual(sent["max_tokens"], 8000)

    def test_ANTHROPIC_4_a_budget_below_the_providers_least_is_refused_at_the_start(self):
        self.upstream(answer(), kind="anthropic")
        with self.assertRaisesRegex(RuntimeError, "budget_tokens must be from 1024"):
            self.serve(every={"thinking_config": {"enabled": True, "budget_tokens": 10}})

    def test_ANTHROPIC_4_a_clients_small_budget_is_raised(self):
        self.start()
        sent = self.ask([{"role": "user", "content": "hi"}], thinking={"type": "enabled", "budget_tokens": 10})
        self.assertEqual(sent["thinking"]["budget_tokens"], 1024)
        self.assertGreater(sent["max_tokens"], 1024)

    def test_ANTHROPIC_5_usage_is_not_added_twice(self):
        usage = {"input_tokens": 21, "cache_read_input_tokens": 4, "output_tokens": 33}
        first = {**wires.MESSAGE, "usage": {**usage, "output_tokens": 1}}
        text = wires.block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "hi"})
        self.start(wires.play(*wires.message(text, start=first, usage=usage)))
        streamed = self.router.chat(stream=True, stream_options={"include_usage": True}).chunks()[-1]["usage"]
        self.upstreams[0].play(wires.whole({**wires.MESSAGE, "content": [{"type": "text", "text": "hi"}],
                                            "stop_reason": "end_turn", "usage": usage}))
        for seen in (streamed, self.router.chat().json()["usage"]):
            self.assertEqual([seen[k] for k in ("prompt_tokens", "completion_tokens", "total_tokens")], [25, 33, 58])
            self.assertEqual(seen["prompt_tokens_details"]["cached_tokens"], 4)

    def test_ANTHROPIC_6_tools_go_both_ways(self):
        self.start(wires.whole({**wires.MESSAGE, "stop_reason": "tool_use", "content": [
            {"type": "text", "text": "Let me see"},
            {"type": "tool_use", "id": "tu_a", "name": "f", "input": {"x": 1}}]}))
        for choice, expected in (("auto", {"type": "auto"}), ("none", {"type": "none"}), ("required", {"type": "any"}),
                                 ({"type": "function", "function": {"name": "f"}}, {"type": "tool", "name": "f"})):
            reply = self.router.chat(tools=[TOOL], tool_choice=choice)
            sent = self.upstreams[0].hits[-1].json()
            self.assertEqual(sent["tools"], [{"name": "f", "description": "d",
                                              "input_schema": TOOL["function"]["parameters"]}])
            self.assertEqual(sent["tool_choice"], expected)
            got, = reply.json()["choices"]
            self.assertEqual((got["message"]["content"], got["finish_reason"]), ("Let me see", "tool_calls"))
            used, = got["message"]["tool_calls"]
            self.assertEqual((used["id"], used["function"]["name"], json.loads(used["function"]["arguments"])),
                             ("tu_a", "f", {"x": 1}))
        self.router.chat(tools=[TOOL], parallel_tool_calls=False)
        self.assertTrue(self.upstreams[0].hits[-1].json()["tool_choice"]["disable_parallel_tool_use"])

    def test_ANTHROPIC_6_function_calling_of_a_tier_acts_only_on_requests_with_tools(self):
        self.start(every={"function_calling": "required"})
        self.assertNotIn("tool_choice", self.ask([{"role": "user", "content": "hi"}]))
        sent = self.ask([{"role": "user", "content": "hi"}], tools=[TOOL])
        self.assertEqual(sent["tool_choice"], {"type": "any"})


class Native(Case):
    """A client of Anthropic's API before an Anthropic model: see docs/client-apis.md."""
    SEARCH = {"type": "web_search_20250305", "name": "web_search"}

    def post(self, router, headers=(), **fields):
        body = {"model": "g", "max_tokens": 100, "system": [TEXT],
                "messages": [{"role": "user", "content": [TEXT]}], **fields}
        return body, client.request(router.url, "POST", "/v1/messages", body, headers)

    def test_requests_and_answers_pass_as_they_came(self):
        message = {**wires.MESSAGE, "stop_reason": "stop_sequence", "stop_sequence": "x", "content": [
            {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}},
            {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
            {"type": "text", "text": "so", "citations": [{"type": "char_location", "cited_text": "é"}]}]}
        u = self.upstream(wires.whole(message), kind="anthropic")
        body, reply = self.post(self.serve(), [("anthropic-beta", "new-2026")], tools=[self.SEARCH],
                                stop_sequences=["x"], service_tier="auto")
        self.assertEqual((reply.status, reply.json()), (200, message))
        self.assertEqual(u.hits[0].json(), {**body, "model": "real-1"})
        self.assertEqual(u.hits[0].header("anthropic-beta"), "new-2026")

    def test_events_pass_as_they_came(self):
        cited = {"type": "citations_delta", "citation": {"type": "char_location", "cited_text": "é"}}
        events = wires.message(wires.block(0, {"type": "server_tool_use", "id": "s1", "name": "web_search"}),
                               wires.block(1, {"type": "text", "text": ""}, cited), stop="pause_turn")
        u = self.upstream(wires.play(*events), kind="anthropic")
        router = self.serve()
        _, reply = self.post(router, stream=True)
        self.assertEqual([json.loads(e) for e in reply.events()],
                         [json.loads(e.split(b"data: ")[1]) for e in events])
        u.play(steps.pieces(*events[:-1], then=steps.fin))
        _, reply = self.post(router, stream=True)
        self.assertEqual([json.loads(e)["type"] for e in reply.events()][-2:], ["message_delta", "error"])
        self.assertTrue(client.until(lambda: router.in_flight() == 0))

    def test_what_another_model_cannot_say_goes_to_one_that_can(self):
        self.upstream(steps.ok("never"))
        self.upstream(wires.whole({**wires.MESSAGE, "content": [TEXT]}), kind="anthropic")
        router = self.serve()
        _, reply = self.post(router, tools=[self.SEARCH])
        self.assertEqual(reply.status, 200, reply)
        self.assertHits("U2")
        self.upstreams[1].play(steps.error(503))
        _, reply = self.post(router, tools=[self.SEARCH])
        self.assertHits("U2,U2")
        self.assertEqual(reply.json()["type"], "error")

    def test_what_no_model_can_say_is_a_400_that_names_the_field(self):
        self.upstream(steps.ok("never"))
        self.upstream(answer("never"), kind="gemini")
        _, reply = self.post(self.serve(), tools=[self.SEARCH])
        self.assertEqual((reply.status, reply.json()["error"]["type"]), (400, "invalid_request_error"))
        self.assertIn("tools[0].type", reply.json()["error"]["message"])
        self.assertHits("")

    def test_a_tier_of_another_kind_behind_it_is_translated_for_afresh(self):
        self.upstream(steps.error(529, {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}),
                      kind="anthropic")
        u = self.upstream(steps.ok("two"))
        _, reply = self.post(self.serve(), tools=[{"name": "f", "input_schema": {"type": "object"}}])
        self.assertEqual((reply.status, reply.json()["content"]), (200, [{"type": "text", "text": "two"}]))
        sent = u.hits[0].json()
        self.assertEqual(sent["messages"], [{"role": "system", "content": "hi"}, {"role": "user", "content": "hi"}])
        self.assertEqual(sent["tools"][0]["function"]["name"], "f")
        self.assertNotIn("system", sent)


if __name__ == "__main__":
    main()
