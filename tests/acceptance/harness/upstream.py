"""Fake LLM upstreams on loopback that play a script and remember what was asked of them.

A step is a callable that answers one request: step(exchange). Steps are made by the functions of
harness.steps or written where they are needed.
"""
import contextlib
import json
import select
import socket
import struct
import threading
import time


class Hit:
    """One request that an upstream really read."""

    def __init__(self, upstream, method, path, headers, body):
        self.upstream = upstream
        self.at = time.monotonic()
        self.closed_at = None  # When the peer was seen to leave, if a step waited for that.
        self.method, self.path, self.headers, self.body = method, path, headers, body

    def header(self, name):
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    def json(self):
        return json.loads(self.body)


class HitLog:
    """Hits of several upstreams, in the order in which they came."""

    def __init__(self):
        self.lock = threading.Lock()
        self.hits = []

    def add(self, hit):
        with self.lock:
            self.hits.append(hit)

    def of(self, upstream):
        with self.lock:
            return [h for h in self.hits if h.upstream is upstream]

    def __str__(self):
        with self.lock:
            return ",".join(h.upstream.name for h in self.hits)


class Exchange:
    """A request being answered."""

    def __init__(self, upstream, conn, hit):
        self.upstream, self.conn, self.hit = upstream, conn, hit
        self.keep = True
        self.running = True
        with upstream.lock:
            upstream.running += 1
            upstream.max_running = max(upstream.max_running, upstream.running)

    @property
    def stopping(self):
        return self.upstream.stopping

    def over(self):
        """The request counts as running until its last bytes are handed over: whoever has read them may send
        the next one before this thread runs again."""
        if self.running:
            self.running = False
            with self.upstream.lock:
                self.upstream.running -= 1

    def raw(self, data):
        self.conn.sendall(data)

    def reply(self, status, body=b"", content_type="application/json", headers=()):
        head = [f"HTTP/1.1 {status} Scripted", f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
        head += [f"{k}: {v}" for k, v in headers]
        self.over()
        self.raw("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body)

    def json(self, status, value, headers=()):
        self.reply(status, json.dumps(value).encode(), headers=headers)

    def sse_head(self, headers=()):
        head = ["HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked"]
        head += [f"{k}: {v}" for k, v in headers]
        self.raw("\r\n".join(head).encode() + b"\r\n\r\n")

    def chunk(self, data):
        """One piece of a chunked body."""
        self.raw(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def end(self):
        self.over()
        self.raw(b"0\r\n\r\n")

    def close(self):
        self.keep = False

    def reset(self):
        """Closes with RST."""
        self.over()
        self.keep = False
        self.conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.conn.close()

    def peer_left(self, seconds):
        """Waits for the peer to close. True if it did within that time."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit and not self.stopping.is_set():
            ready, _, _ = select.select([self.conn], [], [], max(0.0, min(0.1, limit - time.monotonic())))
            if not ready:
                continue
            try:
                left = self.conn.recv(1, socket.MSG_PEEK) == b""
            except OSError:
                left = True
            if left:
                self.hit.closed_at = time.monotonic()
                self.keep = False
                return True
            return False  # A pipelined request: not expected from a router.
        return False


class Upstream:
    """Listens on a free port of loopback. The last step of a script is repeated for ever."""

    def __init__(self, name, log, kind="openai", address="127.0.0.1", port=0, tls=None):
        """`tls`: an ssl.SSLContext; then each connection begins with a handshake."""
        self.name, self.log, self.kind = name, log, kind
        self.address, self.tls = address, tls
        self.key = f"sk-{name.lower()}-key"
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.steps = []
        self.choose = None
        self.on_accept = None  # Called with a fresh connection; true: it is dealt with.
        self.connections = 0
        self.open = []
        self.running = self.max_running = 0
        self.port = port
        self.listen()

    @property
    def url(self):
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http{'s' if self.tls else ''}://{host}:{self.port}"

    @property
    def hits(self):
        return self.log.of(self)

    def play(self, *steps):
        """Answers by these steps, in order of arrival."""
        with self.lock:
            self.steps, self.choose = list(steps), None
        return self

    def answer(self, choose):
        """Answers by choose(hit), which returns a step."""
        with self.lock:
            self.choose = choose
        return self

    def listen(self):
        """Listens, again after refuse() on the same port."""
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        self.listener = socket.create_server((self.address, self.port), family=family, backlog=4096)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def refuse(self):
        """Stops listening: connections are refused from now on."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def stop(self):
        self.stopping.set()
        self.refuse()

    def kill(self):
        """As stop(), and all connections end."""
        self.stop()
        with self.lock:
            for conn in self.open:
                with contextlib.suppress(OSError):
                    conn.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener):
        while not self.stopping.is_set():
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            with self.lock:
                self.open = [c for c in self.open if c.fileno() >= 0] + [conn]
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _step(self, hit):
        with self.lock:
            if self.choose:
                return self.choose(hit)
            return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]

    def _serve(self, conn):
        with contextlib.suppress(OSError):
            conn = self.tls.wrap_socket(conn, server_side=True) if self.tls else conn
        with contextlib.suppress(OSError), conn:
            if self.on_accept and self.on_accept(conn):
                return
            reader = conn.makefile("rb")
            while not self.stopping.is_set():
                hit = self._read(reader)
                if hit is None:
                    return
                self.log.add(hit)
                exchange = Exchange(self, conn, hit)
                try:
                    self._step(hit)(exchange)
                finally:
                    exchange.over()
                if not exchange.keep:
                    return

    def _read(self, reader):
        line = reader.readline()
        if not line.strip():
            return None
        method, path, _ = line.decode("latin-1").split(" ", 2)
        headers = []
        while (line := reader.readline()).strip():
            name, value = line.decode("latin-1").split(":", 1)
            headers.append((name, value.strip()))
        values = {k.lower(): v for k, v in headers}
        body = b""
        if "chunked" in values.get("transfer-encoding", ""):
            while size := int(reader.readline().split(b";")[0], 16):
                body += reader.read(size)
                reader.readline()
            while reader.readline().strip():
                pass
        elif "content-length" in values:
            body = reader.read(int(values["content-length"]))
        return Hit(self, method, path, headers, body)
