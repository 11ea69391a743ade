"""An upstream that understands its provider's wire: it notes what a request means and answers to that meaning.

The prompt of each request is `<name of the cell>`; what was understood is kept under that name, one dict a request:
tools (names), choice, result (of a tool), image (base64), json ("object", a schema or None), thinking, system, limit.
"""
import json

from harness import steps, wires

THOUGHT, USAGE = "hmm", {"prompt": 7, "completion": 5}
SIGNATURE = "c2lnbmF0dXJl"  # base64


def _data(url):
    return url.split(",", 1)[1]


def openai(body):
    seen = {"tools": [t["function"]["name"] for t in body.get("tools", [])], "choice": body.get("tool_choice"),
            "thinking": body.get("reasoning_effort"), "limit": body.get("max_completion_tokens", body.get("max_tokens")),
            "result": None, "image": None, "system": None, "prompt": None}
    form = body.get("response_format") or {}
    seen["json"] = {"json_object": "object", "json_schema": form.get("json_schema", {}).get("schema")}.get(form.get("type"))
    for message in body["messages"]:
        parts = message.get("content")
        parts = [{"type": "text", "text": parts}] if isinstance(parts, str) else parts or []
        for part in parts:
            if message["role"] in ("system", "developer"):
                seen["system"] = part["text"]
            elif message["role"] == "tool":
                seen["result"] = part["text"]
            elif message["role"] == "user" and part["type"] == "text":
                seen["prompt"] = part["text"]
            elif part["type"] == "image_url":
                seen["image"] = _data(part["image_url"]["url"])
    return seen


def anthropic(body):
    system = body.get("system")
    seen = {"tools": [t["name"] for t in body.get("tools", [])], "choice": (body.get("tool_choice") or {}).get("type"),
            "thinking": (body.get("thinking") or {}).get("budget_tokens"), "limit": body["max_tokens"], "result": None,
            "image": None, "system": system if isinstance(system, str) or not system else system[0]["text"], "prompt": None,
            "json": ((body.get("output_config") or {}).get("format") or {}).get("schema")}
    if seen["json"] is None and "JSON object" in (seen["system"] or ""):
        seen["json"] = "object"
    for message in body["messages"]:
        content = message["content"]
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            if part["type"] == "tool_result":
                inner = part["content"]
                seen["result"] = inner if isinstance(inner, str) else inner[0]["text"]
            elif part["type"] == "image":
                seen["image"] = part["source"]["data"]
            elif part["type"] == "text" and message["role"] == "user":
                seen["prompt"] = part["text"]
    return seen


def gemini(body):
    config = body.get("generationConfig", {})
    calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
    seen = {"tools": [d["name"] for t in body.get("tools", []) for d in t["functionDeclarations"]],
            "choice": calling.get("mode"), "thinking": config.get("thinkingConfig", {}).get("thinkingBudget"),
            "limit": config.get("maxOutputTokens"), "result": None, "image": None, "prompt": None, "system": None,
            "json": config.get("responseJsonSchema") or ("object" if "responseMimeType" in config else None)}
    if "systemInstruction" in body:
        seen["system"] = body["systemInstruction"]["parts"][0]["text"]
    for content in body["contents"]:
        for part in content["parts"]:
            if "functionResponse" in part:
                seen["result"] = "".join(str(v) for v in part["functionResponse"]["response"].values())
            elif "inlineData" in part:
                seen["image"] = part["inlineData"]["data"]
            elif "text" in part and content["role"] == "user":
                seen["prompt"] = part["text"]
    return seen


READ = {"openai": openai, "anthropic": anthropic, "gemini": gemini}


def decide(seen):
    """(text, the tool that is called, whether a thought comes first)."""
    if seen["result"] is not None:
        return f"result {seen['result']}", None, False
    if seen["tools"]:
        return None, seen["tools"][0], bool(seen["thinking"])
    if seen["json"]:
        return '{"a":1}', None, False
    if seen["image"]:
        return f"image of {len(seen['image'])}", None, False
    return "hello", None, bool(seen["thinking"])


def arguments(tool):
    """SDKs that want structured output make a tool of its schema, whose name is theirs."""
    return {"x": 1} if tool == "f" else {"a": 1}


def halves(tool):
    whole = json.dumps(arguments(tool))
    return whole[:4], whole[4:]


def _openai(text, called, thought, stream):
    call = {"id": "call_1", "type": "function", "function": {"name": called, "arguments": json.dumps(arguments(called))}}
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    finish = "tool_calls" if called else "stop"
    if not stream:
        answer = steps.completion(text)
        message = answer["choices"][0]["message"]
        answer["choices"][0]["finish_reason"] = finish
        answer["usage"] = usage
        if called:
            message["tool_calls"] = [call]
        if thought:
            message["reasoning_content"] = THOUGHT
        return wires.encode(answer)

    def delta(**fields):
        chunk = steps.delta()
        chunk["choices"][0]["delta"] = fields
        return wires.event(chunk)
    out = [delta(role="assistant", content="")]
    if thought:
        out.append(delta(reasoning_content=THOUGHT))
    if called:
        out += [delta(tool_calls=[{**call, "index": 0, "function": {"name": called, "arguments": ""}}]),
                *[delta(tool_calls=[{"index": 0, "function": {"arguments": p}}]) for p in halves(called)]]
    out += [delta(content=text[:3]), delta(content=text[3:])] if text else []
    last = {k: v for k, v in steps.delta().items() if k != "choices"}
    return out + [wires.event(steps.delta(finish=finish)), wires.event({**last, "choices": [], "usage": usage}),
                  steps.event("[DONE]")]


def _anthropic(text, called, thought, stream):
    usage = {"input_tokens": 7, "output_tokens": 5}
    stop = "tool_use" if called else "end_turn"
    parts = []
    if thought:
        parts.append(({"type": "thinking", "thinking": "", "signature": ""},
                      [{"type": "thinking_delta", "thinking": THOUGHT}, {"type": "signature_delta", "signature": SIGNATURE}],
                      {"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE}))
    if text:
        parts.append(({"type": "text", "text": ""}, [{"type": "text_delta", "text": t} for t in (text[:3], text[3:])],
                      {"type": "text", "text": text}))
    if called:
        use = {"type": "tool_use", "id": "toolu_1", "name": called, "input": {}}
        parts.append((use, [{"type": "input_json_delta", "partial_json": p} for p in halves(called)],
                      {**use, "input": arguments(called)}))
    if stream:
        return wires.message(*[wires.block(i, start, *deltas) for i, (start, deltas, _) in enumerate(parts)], stop=stop,
                             start={**wires.MESSAGE, "usage": {"input_tokens": 7, "output_tokens": 1}}, usage=usage)
    return wires.encode({**wires.MESSAGE, "content": [p[2] for p in parts], "stop_reason": stop, "usage": usage})


def _gemini(text, called, thought, stream):
    parts = [{"text": THOUGHT, "thought": True}] if thought else []
    parts += [{"text": t} for t in ([text[:3], text[3:]] if stream else [text])] if text else []
    parts += [{"functionCall": {"name": called, "args": arguments(called)}, "thoughtSignature": SIGNATURE}] if called else []
    usage = {"promptTokenCount": 7, "candidatesTokenCount": 5, "totalTokenCount": 12}
    if not stream:
        return wires.encode({**wires.candidate(parts=parts, finish="STOP"), "usageMetadata": usage})
    return [*[wires.event(wires.candidate(parts=[p])) for p in parts],
            wires.event({**wires.candidate(parts=[], finish="STOP"), "usageMetadata": usage})]


WRITE = {"openai": _openai, "anthropic": _anthropic, "gemini": _gemini}


class Brain:
    """Answers hits of an upstream; `seen[cell]` is the list of what its requests meant, `hits[cell]` of the requests."""

    def __init__(self):
        self.seen, self.hits = {}, {}

    def __call__(self, hit):
        kind, body = hit.upstream.kind, hit.json()
        if hit.path.endswith(("/embeddings", ":batchEmbedContents")):
            return self.embed(kind, body)
        stream = ":stream" in hit.path if kind == "gemini" else bool(body.get("stream"))
        try:
            seen = READ[kind](body)
        except (KeyError, TypeError, IndexError) as wrong:
            return steps.error(400, steps.failure(f"not understood: {wrong!r} in {json.dumps(body)[:2000]}"))
        self.seen.setdefault(seen["prompt"], []).append(seen)
        self.hits.setdefault(seen["prompt"], []).append(hit)
        answer = WRITE[kind](*decide(seen), stream)
        return wires.play(*answer) if stream else lambda x: x.reply(200, answer)

    def embed(self, kind, body):
        texts = body["input"] if kind == "openai" else [r["content"]["parts"][0]["text"] for r in body["requests"]]
        self.seen.setdefault(texts[0], []).append({"texts": texts})
        if kind == "gemini":
            return wires.whole({"embeddings": [{"values": [1, -2.5]} for _ in texts]})
        value = "AACAPwAAIMA=" if body.get("encoding_format") == "base64" else [1, -2.5]
        return wires.whole({"object": "list", "model": "e", "usage": {"prompt_tokens": 1, "total_tokens": 1}, "data": [
            {"object": "embedding", "index": i, "embedding": value} for i, _ in enumerate(texts)]})
