"""Steps of an upstream's script: each returns a callable that answers one exchange."""
import json
import socket
import struct
import time


def completion(text="ok", model="real-model"):
    """An OpenAI chat completion."""
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": None},
                         "logprobs": None, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}


def delta(content=None, finish=None, role=None):
    """One OpenAI chunk."""
    change = {}
    if role:
        change["role"] = role
    if content is not None:
        change["content"] = content
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "real-model",
            "choices": [{"index": 0, "delta": change, "finish_reason": finish}]}


def event(value):
    """One SSE event; text goes out as it is."""
    return b"data: " + (value if isinstance(value, str) else json.dumps(value)).encode() + b"\n\n"


def named_event(value):
    """One of Anthropic's events."""
    return f"event: {value['type']}\n".encode() + event(value)


def failure(message="scripted", kind="server_error", code=None):
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def ok(text="ok", headers=()):
    return lambda x: x.json(200, completion(text), headers)


def error(status, body=None, headers=()):
    return lambda x: x.json(status, failure(f"scripted {status}") if body is None else body, headers)


def reply(status, body, content_type, headers=()):
    return lambda x: x.reply(status, body, content_type, headers)


def stream(*texts, delay=0.0):
    """A whole, well ended stream of these pieces of content."""
    def step(x):
        x.sse_head()
        x.chunk(event(delta("", role="assistant")))
        for text in texts:
            x.chunk(event(delta(text)))
            time.sleep(delay)
        x.chunk(event(delta(finish="stop")))
        x.chunk(event("[DONE]"))
        x.end()
    return step


def two_parts(first, second, more):
    """A stream that goes on with `second` when the event `more` is set."""
    def step(x):
        x.sse_head()
        x.chunk(event(delta(first)))
        more.wait(20)
        x.chunk(event(delta(second)))
        x.chunk(event(delta(finish="stop")))
        x.chunk(event("[DONE]"))
        x.end()
    return step


def either(text="ok"):
    """Plain or streamed, as the request asks."""
    def step(x):
        (stream(text) if x.hit.json().get("stream") else ok(text))(x)
    return step


def pieces(*items, then=None):
    """A stream of raw events without an end; `then` decides how it goes on."""
    def step(x):
        x.sse_head()
        for item in items:
            x.chunk(item if isinstance(item, bytes) else event(item))
        if then:
            then(x)
    return step


def trickle(interval, seconds):
    """A stream of one piece each `interval`, until the peer leaves or `seconds` are over."""
    def step(x):
        x.sse_head()
        limit = time.monotonic() + seconds
        while time.monotonic() < limit and not x.stopping.is_set():
            x.chunk(event(delta("x")))
            if x.peer_left(interval):
                return
        x.chunk(event(delta(finish="stop")))
        x.chunk(event("[DONE]"))
        x.end()
    return step


def after(seconds, step):
    """The same step later, if the peer is still there."""
    def run(x):
        if not x.peer_left(seconds) and not x.stopping.is_set():
            step(x)
    return run


def when(gate, step):
    """The same step once the threading.Event is set, if the peer is still there."""
    def run(x):
        while not gate.is_set():
            if x.stopping.is_set() or x.peer_left(0.02):
                return
        step(x)
    return run


def hang(seconds=60.0):
    """Reads the request and says nothing until the peer leaves."""
    def step(x):
        x.peer_left(seconds)
        x.close()
    return step


def reset(x):
    x.reset()


def fin(x):
    x.close()


def raw(data):
    """These bytes, then the end of the connection."""
    def step(x):
        x.raw(data)
        x.close()
    return step


def reset_on_accept(conn):
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()
    return True
