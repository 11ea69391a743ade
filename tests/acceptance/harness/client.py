"""A raw HTTP/1.1 client that records bytes and times."""
import json
import socket
import threading
import time
import urllib.parse


class Closed(Exception):
    """The peer closed where more was due."""


class Reply:
    def __init__(self, status, reason, headers):
        self.status, self.reason, self.headers = status, reason, headers
        self.body = b""
        self.sent_at = self.head_at = self.done_at = 0.0
        self.whole = True  # False: the body ended before its framing said so.

    def header(self, name):
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    def count(self, name):
        return sum(1 for k, _ in self.headers if k.lower() == name.lower())

    def json(self):
        return json.loads(self.body)

    @property
    def took(self):
        return self.done_at - self.sent_at

    @property
    def text(self):
        """Content of a plain completion."""
        return self.json()["choices"][0]["message"]["content"]

    def events(self):
        """Data of the SSE events in the body."""
        return [e[len("data:"):].strip() for block in self.body.decode().split("\n\n")
                for e in block.split("\n") if e.startswith("data:")]

    def chunks(self):
        return [json.loads(e) for e in self.events() if e != "[DONE]"]

    def content(self):
        """Content of a stream, joined."""
        return "".join(c["delta"].get("content") or "" for x in self.chunks() for c in x.get("choices", []))

    def errors(self):
        return [x["error"] for x in self.chunks() if "error" in x]

    def finish_reasons(self):
        return [c["finish_reason"] for x in self.chunks() for c in x.get("choices", []) if c.get("finish_reason")]

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Connection:
    """One connection to the router."""

    def __init__(self, url, timeout=30.0, source=None):
        parts = urllib.parse.urlsplit(url)
        self.host = parts.netloc
        self.sock = socket.create_connection((parts.hostname, parts.port), timeout=timeout,
                                             source_address=source and (source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.sock.makefile("rb")
        self.sent_at = 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        # The reader holds the descriptor too: without the shutdown no FIN leaves.
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.reader.close()
        self.sock.close()

    def raw(self, data):
        self.sent_at = time.monotonic()
        self.sock.sendall(data)

    def send(self, method, path, body=None, headers=()):
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}"]
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        lines += [f"{k}: {v}" for k, v in headers]
        self.raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))

    def head(self):
        """Reads the head of a final answer."""
        line = self.reader.readline()
        if not line:
            raise Closed("no answer")
        _, status, reason = (line.decode("latin-1").rstrip("\r\n") + " ").split(" ", 2)
        headers = []
        while (line := self.reader.readline()) not in (b"\r\n", b"\n"):
            if not line:
                raise Closed("cut in the head")
            name, value = line.decode("latin-1").rstrip("\r\n").split(":", 1)
            headers.append((name, value.strip()))
        reply = Reply(int(status), reason.strip(), headers)
        reply.sent_at, reply.head_at = self.sent_at, time.monotonic()
        return reply

    def piece(self, reply):
        """The next piece of a chunked body; empty at its end."""
        try:
            line = self.reader.readline()
            size = int(line.split(b";")[0], 16)
            data = self.reader.read(size)
            self.reader.readline()
        except (OSError, ValueError):
            reply.whole = False
            return b""
        reply.body += data
        return data

    def rest(self, reply):
        """Reads the body to its end."""
        if "chunked" in (reply.header("transfer-encoding") or ""):
            while self.piece(reply):
                pass
        elif (length := reply.header("content-length")) is not None:
            reply.body = self.reader.read(int(length))
            reply.whole = len(reply.body) == int(length)
        elif reply.status not in (204, 304):
            reply.body = self.reader.read()
        reply.done_at = time.monotonic()
        return reply

    def reply(self):
        return self.rest(self.head())

    def until(self, reply, text):
        """Reads a stream until `text` was seen; returns the time. Fails if it ended before."""
        while text not in reply.body:
            if not self.piece(reply):
                raise Closed(f"{text!r} never came: {reply.body!r}")
        return time.monotonic()


def request(url, method, path, body=None, headers=(), timeout=30.0):
    with Connection(url, timeout) as c:
        c.send(method, path, body, headers)
        return c.reply()


def prompt(target="g", text="hi", **fields):
    return {"model": target, "messages": [{"role": "user", "content": text}], **fields}


def chat(url, target="g", headers=(), timeout=30.0, text="hi", **fields):
    return request(url, "POST", "/v1/chat/completions", prompt(target, text, **fields), headers, timeout)


def at_once(count, call):
    """Runs call(i) for each i < count, all let go together; their results in order of i."""
    gate = threading.Barrier(count)
    results = [None] * count

    def run(i):
        gate.wait()
        try:
            results[i] = call(i)
        except Exception as e:  # Seen by the test as its result.
            results[i] = e
    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results


def later(call):
    """Starts call() in a thread; the function returned waits for its result."""
    box = []
    def run():
        try:
            box.append(call())
        except Exception as e:  # Seen by the test as its result.
            box.append(e)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    def result(timeout=60.0):
        thread.join(timeout)
        if not box:
            raise TimeoutError("no result")
        return box[0]
    return result


def until(condition, seconds=5.0, pause=0.01):
    """Polls until condition() is true; its value, or the last one when the time is over."""
    limit = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < limit:
        time.sleep(pause)
    return value
