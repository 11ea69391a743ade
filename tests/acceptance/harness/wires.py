"""Whole answers in each provider's format, as bytes."""
import json

from harness import steps

KINDS = ("openai", "anthropic", "gemini")
USAGE = {"input_tokens": 3, "output_tokens": 2}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "real-1", "content": [],
           "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1}}


def plain(kind, text):
    if kind == "anthropic":
        value = {**MESSAGE, "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "usage": USAGE}
    elif kind == "gemini":
        value = candidate(text, "STOP")
    else:
        value = steps.completion(text)
    return encode(value)


def encode(value):
    """JSON in UTF-8, as providers write it: not escaped."""
    return json.dumps(value, ensure_ascii=False).encode()


def event(value):
    return b"data: " + encode(value) + b"\n\n"


def named(value):
    return f"event: {value['type']}\n".encode() + event(value)


def candidate(text=None, finish=None, parts=None, usage=True):
    """One answer or chunk of Gemini."""
    if parts is None:
        parts = [] if text is None else [{"text": text}]
    out = {"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}], "modelVersion": "real-1",
           "responseId": "r1"}
    if finish:
        out["candidates"][0]["finishReason"] = finish
        if usage:
            out["usageMetadata"] = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}
    return out


def block(index, start, *deltas):
    """The events of one of Anthropic's content blocks."""
    return ([named({"type": "content_block_start", "index": index, "content_block": start})]
            + [named({"type": "content_block_delta", "index": index, "delta": d}) for d in deltas]
            + [named({"type": "content_block_stop", "index": index})])


def message(*blocks, stop="end_turn", start=MESSAGE, usage=None):
    """The events of one of Anthropic's streams; blocks are lists of events."""
    return [named({"type": "message_start", "message": start}), *[e for b in blocks for e in b],
            named({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None},
                   "usage": usage or {"output_tokens": 2}}),
            named({"type": "message_stop"})]


def start(kind):
    """The events before the first content."""
    if kind == "anthropic":
        return [named({"type": "message_start", "message": MESSAGE}),
                named({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})]
    return [] if kind == "gemini" else [event(steps.delta("", role="assistant"))]


def content(kind, text):
    if kind == "anthropic":
        return named({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
    return event(candidate(text) if kind == "gemini" else steps.delta(text))


def end(kind):
    if kind == "anthropic":
        return [named({"type": "content_block_stop", "index": 0}),
                named({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                       "usage": {"output_tokens": 2}}), named({"type": "message_stop"})]
    if kind == "gemini":
        return [event(candidate(None, "STOP"))]
    return [event(steps.delta(finish="stop")), steps.event("[DONE]")]


def stream(kind, *texts):
    """A whole, well ended stream as a list of events."""
    return [*start(kind), *[content(kind, t) for t in texts], *end(kind)]


def play(*events):
    """A step that sends these events, each in a chunk of its own, and ends the body."""
    return steps.pieces(*events, then=lambda x: x.end())


def whole(value, status=200):
    """A step that answers with this JSON, not escaped."""
    return lambda x: x.reply(status, encode(value))
