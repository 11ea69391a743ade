"""The little HTTP that many connections in one thread need (asyncio)."""
import asyncio
import json
import re


async def body_of(reader):
    """JSON of the request that comes next."""
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
    return json.loads(await reader.readexactly(size))


def port_of(url):
    return int(url.rsplit(":", 1)[1])


def post(path, value):
    """Bytes of a request after whose answer the connection ends."""
    body = json.dumps(value).encode()
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


async def connect(port, **options):
    return await asyncio.open_connection("127.0.0.1", port, **options)


def unchunk(data):
    """The body of a chunked answer; its framing must be right to the end."""
    out, at = [], 0
    while True:
        end = data.index(b"\r\n", at)
        size = int(data[at:end], 16)
        if size == 0:
            assert data[end:] == b"\r\n\r\n", data[end:end + 50]
            return b"".join(out)
        assert data[end + 2 + size:end + 4 + size] == b"\r\n"
        out.append(data[end + 2:end + 2 + size])
        at = end + 4 + size
