"""Plays every cell of a Python SDK against a router: argv as run.mjs, without the folder of packages."""
import json
import sys

import anthropic
import openai

base, key, sdk, models = sys.argv[1:]
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
PARAMETERS = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
IMAGE = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


def result(arguments):
    return str(41 + arguments["x"])


class OpenAi:
    tool = {"type": "function", "function": {"name": "f", "description": "d", "parameters": PARAMETERS}}

    def __init__(self):
        self.client = openai.OpenAI(base_url=base + "/v1", api_key=key, max_retries=0, timeout=20)

    def say(self, model, stream, content, **fields):
        body = {"model": model, "max_tokens": 3000, "messages": [{"role": "system", "content": "be brief"}, *content], **fields}
        if stream:
            with self.client.chat.completions.stream(**body, stream_options={"include_usage": True}) as events:
                answer = None
                for _ in events:
                    pass
                answer = events.get_final_completion()
        else:
            answer = self.client.chat.completions.create(**body)
        choice = answer.choices[0]
        return {"text": choice.message.content, "thought": getattr(choice.message, "reasoning_content", None),
                "finish": choice.finish_reason, "usage": [answer.usage.prompt_tokens, answer.usage.completion_tokens],
                "message": choice.message.model_dump(exclude_none=True, exclude={"parsed"})}

    def text(self, model, stream, cell):
        return self.say(model, stream, [{"role": "user", "content": cell}])

    def tools(self, model, stream, cell):
        return self.loop(model, stream, cell, {"tool_choice": "required"})

    def signed(self, model, stream, cell):
        return self.loop(model, stream, cell, {}, reasoning_effort="low")

    def loop(self, model, stream, cell, start, **fields):
        user = {"role": "user", "content": cell}
        first = self.say(model, stream, [user], tools=[self.tool], **start, **fields)
        call = first["message"]["tool_calls"][0]
        for one in first["message"]["tool_calls"]:
            one["function"].pop("parsed_arguments", None)
            one.pop("index", None)
        arguments = json.loads(call["function"]["arguments"])
        back = {"role": "tool", "tool_call_id": call["id"], "content": result(arguments)}
        last = self.say(model, stream, [user, first["message"], back], tools=[self.tool], **fields)
        return {**last, "call": [call["function"]["name"], arguments], "stopped": first["finish"], "thought": first["thought"]}

    def json(self, model, stream, cell):
        return self.say(model, stream, [{"role": "user", "content": cell}], response_format={"type": "json_object"})

    def schema(self, model, stream, cell):
        form = {"type": "json_schema", "json_schema": {"name": "s", "strict": True, "schema": SCHEMA}}
        return self.say(model, stream, [{"role": "user", "content": cell}], response_format=form)

    def thinking(self, model, stream, cell):
        return self.say(model, stream, [{"role": "user", "content": cell}], reasoning_effort="low")

    def image(self, model, stream, cell):
        return self.say(model, stream, [{"role": "user", "content": [
            {"type": "text", "text": cell},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64," + IMAGE}}]}])

    def embeddings(self, model, _, cell):
        return {"vectors": [row.embedding for row in self.client.embeddings.create(model=model, input=[cell, "b"]).data]}


class Claude:
    tool = {"name": "f", "description": "d", "input_schema": PARAMETERS}

    def __init__(self):
        self.client = anthropic.Anthropic(base_url=base, api_key=key, max_retries=0, timeout=20)

    def say(self, model, stream, messages, **fields):
        body = {"model": model, "max_tokens": 3000, "system": "be brief", "messages": messages, **fields}
        if stream:
            with self.client.messages.stream(**body) as events:
                answer = events.get_final_message()
        else:
            answer = self.client.messages.create(**body)
        parts = answer.content
        return {"text": "".join(p.text for p in parts if p.type == "text"), "content": [p.model_dump() for p in parts],
                "thought": "".join(p.thinking for p in parts if p.type == "thinking"), "finish": answer.stop_reason,
                "usage": [answer.usage.input_tokens, answer.usage.output_tokens]}

    def text(self, model, stream, cell):
        return self.say(model, stream, [{"role": "user", "content": cell}])

    def tools(self, model, stream, cell):
        return self.loop(model, stream, cell, {"tool_choice": {"type": "any"}})

    def signed(self, model, stream, cell):
        return self.loop(model, stream, cell, {}, thinking={"type": "enabled", "budget_tokens": 2000})

    def loop(self, model, stream, cell, start, **fields):
        user = {"role": "user", "content": cell}
        first = self.say(model, stream, [user], tools=[self.tool], **start, **fields)
        call = next(p for p in first["content"] if p["type"] == "tool_use")
        back = {"type": "tool_result", "tool_use_id": call["id"], "content": result(call["input"])}
        turns = [user, {"role": "assistant", "content": first["content"]}, {"role": "user", "content": [back]}]
        last = self.say(model, stream, turns, tools=[self.tool], **fields)
        return {**last, "call": [call["name"], call["input"]], "stopped": first["finish"], "thought": first["thought"]}

    def thinking(self, model, stream, cell):
        return self.say(model, stream, [{"role": "user", "content": cell}],
                        thinking={"type": "enabled", "budget_tokens": 2000})

    def image(self, model, stream, cell):
        return self.say(model, stream, [{"role": "user", "content": [
            {"type": "text", "text": cell},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IMAGE}}]}])


driver = {"python_openai": OpenAi, "python_anthropic": Claude}[sdk]()
for model in models.split(","):
    for feature in [name for name in vars(type(driver)) if name in (
            "text", "tools", "signed", "json", "schema", "thinking", "image", "embeddings")]:
        for mode in ["plain"] if feature == "embeddings" else ["plain", "stream"]:
            cell = "/".join([sdk, model, mode, feature])
            try:
                print(json.dumps({"cell": cell, "got": getattr(driver, feature)(model, mode == "stream", cell)}))
            except Exception as error:  # The test judges it.
                print(json.dumps({"cell": cell, "threw": f"{type(error).__name__}: {error}",
                                  "status": getattr(error, "status_code", None)}))
