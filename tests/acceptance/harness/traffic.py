"""Clients that ask all nodes of a cluster all the time, and what became of each request."""
import collections
import contextlib
import threading
import time

from harness import client
from harness.nodes import pause

Ask = collections.namedtuple("Ask", "node target at took status why")


class Traffic:
    """`clients` threads at each node; each asks for the targets in turn, and again after a pause."""

    def __init__(self, nodes, targets, clients=2, pace=0.05, timeout=30.0):
        self.nodes, self.targets, self.pace, self.timeout = nodes, targets, pace, timeout
        self.asks, self.lock = [], threading.Lock()
        self.ended = threading.Event()
        self.disturbed = []  # (from, to, nodes, targets)
        self.threads = [threading.Thread(target=self._run, args=(name, i), daemon=True)
                        for name in nodes.names for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def _run(self, name, number):
        turn = number
        while not self.ended.is_set():
            turn += 1
            router = self.nodes.running.get(name)
            if router is None:
                pause(0.05)
                continue
            target, at = self.targets[turn % len(self.targets)], time.monotonic()
            try:
                reply = router.chat(target, timeout=self.timeout)
                status, why = reply.status, reply.body[:300]
            except (OSError, client.Closed) as e:
                status, why = None, repr(e)
            with self.lock:
                self.asks.append(Ask(name, target, at, time.monotonic() - at, status, why))
            pause(self.pace)

    def stop(self):
        """Ends all clients; every request that was sent, with its answer or why there is none."""
        self.ended.set()
        for thread in self.threads:
            thread.join(2 * self.timeout)
            if thread.is_alive():
                raise TimeoutError("a request hangs")
        return self.asks

    @contextlib.contextmanager
    def disturbance(self, *names, targets=()):
        """While it lasts these nodes, and requests for these targets, may be served late or not at all."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self.disturbed.append((begin, time.monotonic(), set(names), set(targets)))

    def untouched(self):
        """Requests whose node and target were not disturbed while they ran."""
        return self._apart_from(lambda x, nodes, targets: x.node in nodes or x.target in targets)

    def of_living_nodes(self):
        """Requests at nodes that were not disturbed themselves."""
        return self._apart_from(lambda x, nodes, _: x.node in nodes)

    def _apart_from(self, meant):
        def touched(x):
            return any(x.at < end and x.at + x.took > begin and meant(x, nodes, targets)
                       for begin, end, nodes, targets in self.disturbed)
        return [x for x in self.asks if not touched(x)]
