"""What each provider's documentation asks of a request: one function a kind, which raises AssertionError."""
import json

PARAMETERS = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
IMAGE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def same(got, wanted, what):
    assert got == wanted, f"{what}: {got!r}, not {wanted!r}"


def alike(schema, wanted):
    """Keywords that an SDK adds, such as $schema, are its own affair."""
    same({k: schema.get(k) for k in wanted}, wanted, "schema")


def parts(message):
    content = message.get("content") or []
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def openai(hit, feature, stream):
    body = hit.json()
    same(hit.path, "/v1/chat/completions", "path")
    same(hit.header("authorization"), f"Bearer {hit.upstream.key}", "key")
    same((body["model"], bool(body.get("stream"))), ("real-openai", stream), "model and stream")
    assert not stream or body["stream_options"]["include_usage"] is True, body
    known = {"role", "content", "tool_calls", "tool_call_id", "name", "refusal"}
    for message in body["messages"]:
        assert set(message) <= known, f"fields that OpenAI does not know: {set(message) - known}"
    if feature in ("tools", "signed"):
        tool, = body["tools"]
        same((tool["type"], tool["function"]["name"], tool["function"]["description"]), ("function", "f", "d"), "tool")
        alike(tool["function"]["parameters"], PARAMETERS)
        for before, after in zip(body["messages"], body["messages"][1:]):
            if after["role"] == "tool":
                call, = before["tool_calls"]
                same((call["id"], json.loads(call["function"]["arguments"])), (after["tool_call_id"], {"x": 1}), "call")
    elif feature == "forced":
        tool, = body["tools"]
        alike(tool["function"]["parameters"], SCHEMA)
        assert body["tool_choice"] in ("required", {"type": "function", "function": {"name": tool["function"]["name"]}}), body
    elif feature == "schema":
        form = body["response_format"]["json_schema"]
        assert form["name"], form
        alike(form["schema"], SCHEMA)
    elif feature == "image":
        same([p["image_url"]["url"] for m in body["messages"] for p in parts(m) if p["type"] == "image_url"],
             ["data:image/png;base64," + IMAGE], "image")
    elif feature == "thinking":
        same((body["reasoning_effort"], "thinking" in body, "max_tokens" in body), ("low", False, False), "thinking")


def anthropic(hit, feature, stream):
    body = hit.json()
    same(hit.path, "/v1/messages", "path")
    same((hit.header("x-api-key"), hit.header("anthropic-version")), (hit.upstream.key, "2023-06-01"), "headers")
    same((body["model"], bool(body.get("stream"))), ("real-anthropic", stream), "model and stream")
    assert {m["role"] for m in body["messages"]} <= {"user", "assistant"}, body
    if feature in ("tools", "signed"):
        tool, = body["tools"]
        same((tool["name"], tool["description"]), ("f", "d"), "tool")
        alike(tool["input_schema"], PARAMETERS)
        results = [p for m in body["messages"] for p in parts(m) if p["type"] == "tool_result"]
        calls = [p for m in body["messages"] for p in parts(m) if p["type"] == "tool_use"]
        same([(c["id"], c["name"], c["input"]) for c in calls], [(r["tool_use_id"], "f", {"x": 1}) for r in results], "calls")
    elif feature == "forced":
        tool, = body["tools"]
        alike(tool["input_schema"], SCHEMA)
        choice = {k: v for k, v in body["tool_choice"].items() if k != "disable_parallel_tool_use"}
        assert choice in ({"type": "any"}, {"type": "tool", "name": tool["name"]}), body
    elif feature == "schema":
        same(body["output_config"]["format"]["type"], "json_schema", "format")
        alike(body["output_config"]["format"]["schema"], SCHEMA)
    elif feature == "image":
        same([p["source"] for m in body["messages"] for p in parts(m) if p["type"] == "image"],
             [{"type": "base64", "media_type": "image/png", "data": IMAGE}], "image")
    elif feature == "thinking":
        same(body["thinking"]["type"], "enabled", "thinking")
        assert 1024 <= body["thinking"]["budget_tokens"] < body["max_tokens"], body
        assert body.get("temperature", 1) == 1 and "top_k" not in body, body


def gemini(hit, feature, stream):
    body = hit.json()
    config = body.get("generationConfig", {})
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    same(hit.path, "/v1beta/models/real-gemini:" + verb, "path")
    same(hit.header("x-goog-api-key"), hit.upstream.key, "key")
    assert {c["role"] for c in body["contents"]} <= {"user", "model"}, body
    found = [p for c in body["contents"] for p in c["parts"]]
    if feature in ("tools", "signed"):
        tool, = body["tools"][0]["functionDeclarations"]
        same((tool["name"], tool["description"]), ("f", "d"), "tool")
        alike(tool.get("parameters") or tool["parametersJsonSchema"], PARAMETERS)
        calls = [(p["functionCall"]["name"], p["functionCall"]["args"]) for p in found if "functionCall" in p]
        same(calls, [(p["functionResponse"]["name"], {"x": 1}) for p in found if "functionResponse" in p], "calls")
    elif feature == "forced":
        tool, = body["tools"][0]["functionDeclarations"]
        alike(tool.get("parameters") or tool["parametersJsonSchema"], SCHEMA)
        calling = body["toolConfig"]["functionCallingConfig"]
        same((calling["mode"], calling.get("allowedFunctionNames", [tool["name"]])), ("ANY", [tool["name"]]), "choice")
    elif feature in ("json", "schema"):
        same(config["responseMimeType"], "application/json", "format")
        if feature == "schema":
            alike(config["responseJsonSchema"], SCHEMA)
    elif feature == "image":
        same([p["inlineData"] for p in found if "inlineData" in p], [{"mimeType": "image/png", "data": IMAGE}], "image")
    elif feature == "thinking":
        assert config["thinkingConfig"]["includeThoughts"] is True, config


def signature(hit):
    """What the second request of a loop gives back beside the call: the signature of the thought before it."""
    body = hit.json()
    if hit.upstream.kind == "anthropic":
        if "thinking" not in body:
            return None
        content = next(m["content"] for m in body["messages"] if m["role"] == "assistant")
        same([p["type"] for p in content], ["thinking", "tool_use"], "blocks of the turn")
        return content[0]["signature"]
    if hit.upstream.kind == "gemini":
        return next(p.get("thoughtSignature") for c in body["contents"] for p in c["parts"] if "functionCall" in p)
    return None


def options(hit, messages):
    """The header that must name what was left out. `messages`: the client spoke Anthropic's API."""
    body = hit.json()
    got = body.get("generationConfig", {}) if hit.upstream.kind == "gemini" else body
    names = {"openai": ("stop", "temperature", "top_k"), "anthropic": ("stop_sequences", "temperature", "top_k"),
             "gemini": ("stopSequences", "temperature", "topK")}[hit.upstream.kind]
    takes = {"openai": {"seed", "logit_bias"}, "anthropic": {"top_k"}, "gemini": {"seed", "top_k"}}[hit.upstream.kind]
    same((got.get(names[0]), got.get(names[1])), (["END"], 0.5), "stop and temperature")
    asked = {"top_k": 5} if messages else {"logit_bias": {"50256": -100}, "seed": 7}
    for name, value in asked.items():
        same(got.get(names[2] if name == "top_k" else name), value if name in takes else None, name)
    return ", ".join(sorted(set(asked) - takes)) or None


CHECK = {"openai": openai, "anthropic": anthropic, "gemini": gemini}


def check(hit, feature, stream):
    """Also that nothing of the client's own key goes on."""
    assert b"client-key" not in hit.body and all("client-key" not in v for _, v in hit.headers), hit.headers
    CHECK[hit.upstream.kind](hit, feature, stream)
