"""A listener to /admin/events."""
import json
import threading

from harness import client


class Listener:
    """Collects events as (kind, data) until it is closed."""

    def __init__(self, router, headers=()):
        self.connection = client.Connection(router.url)
        self.connection.send("GET", "/admin/events", headers=headers or router.admin)
        self.reply = self.connection.head()
        self.events = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        text = b""
        try:
            while True:
                piece = self.connection.piece(self.reply)
                if not piece:
                    return
                text += piece
                *whole, text = text.split(b"\n\n")
                for block in whole:
                    fields = dict(line.split(": ", 1) for line in block.decode().split("\n") if not line.startswith(":"))
                    if "event" in fields:
                        self.events.append((fields["event"], json.loads(fields["data"])))
        except (OSError, client.Closed, ValueError):
            return

    def of(self, kind):
        return [data for what, data in list(self.events) if what == kind]

    def wait(self, kind, seconds=10, **expected):
        """The first event of a kind whose data holds all that is expected; None if there is none in time."""
        def found():
            return next((x for x in self.of(kind) if all(x.get(k) == v for k, v in expected.items())), None)
        client.until(found, seconds)
        return found()

    def close(self):
        self.connection.close()
        self._thread.join(10)
