"""Several routers that are one cluster."""
import os
import pathlib
import random
import socket
import threading
import time

from harness import client
from harness.case import Case, config

# With the thread sanitizer, where each question costs a node, and each answer takes, several times what it does without.
SLOWER = 4 if "thread" in os.environ.get("ECHELON_SANITIZE", "") else 1


def free_ports(count):
    """Ports of loopback that nobody listens on now, and that no outgoing connection is given before somebody does."""
    given = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    below, above = int(given[0]), int(given[1])
    others = max(range(10000, below), range(above + 1, 65536), key=len) or range(10000, 65536)
    taken = []
    try:
        while len(taken) < count:
            s = socket.socket()
            try:
                s.bind(("127.0.0.1", random.choice(others)))
                taken.append(s)
            except OSError:
                s.close()
        return [s.getsockname()[1] for s in taken]
    finally:
        for s in taken:
            s.close()


class Nodes:
    """Nodes a, b, c, ... over one configuration."""

    def __init__(self, case, settings, count=3, name="test", tls=None):
        self.case, self.settings = case, settings
        self.names = [chr(ord("a") + i) for i in range(count)]
        self.ports = dict(zip(self.names, free_ports(count)))
        self.cluster = {"name": name, "seeds": [f"127.0.0.1:{p}" for p in self.ports.values()]}
        if tls:
            self.cluster["tls"] = tls
        self.running = {}

    def start(self, *names):
        """All of them, or those that are named; returns when each acts as a member of the same view."""
        for name in names or self.names:
            self.running[name] = self.case.serve({**self.settings, "cluster": self.cluster}, **self.place(name))
        self.settle()
        return self

    def place(self, name):
        """How and where this node is started, as arguments of Case.serve."""
        return {"args": ("--node", name, "--cluster-listen", f"127.0.0.1:{self.ports[name]}"), "env": {"NODE": name}}

    def state(self, name):
        return self[name].get("/admin/state").json()

    def members(self, name):
        """Whom this node takes for members, if it acts; else nothing."""
        state = self.state(name)["cluster"]
        return [m["node"] for m in state["members"]] if state["acts"] else []

    def settle(self, expected=None, seconds=20.0):
        """Until every running node agrees on who is in."""
        expected = sorted(expected or self.running)
        agreed = client.until(lambda: all(self.members(n) == expected for n in expected), seconds * SLOWER, 0.05 * SLOWER)
        self.case.assertTrue(agreed, {n: self.state(n)["cluster"] for n in expected})

    def __getitem__(self, name):
        return self.running[name]

    def turn(self, i):
        """The i-th node in turn, of those that run."""
        names = sorted(self.running)
        return self.running[names[i % len(names)]]

    def owner(self, path):
        """Name of the node on which an actor lives, as every running node sees it."""
        def seen():
            # One that has not answered in time is left out of a state.
            found = [[a["node"] for a in r.get("/admin/state").json()["actors"] if a["path"] == path] for r in self.running.values()]
            return found if len({tuple(x) for x in found}) == 1 and found[0] else None
        agreed = client.until(seen, 10 * SLOWER, 0.01 * SLOWER)
        self.case.assertTrue(agreed, f"no node that all agree on has {path}")
        return agreed[0][0]

    def forget(self, name):
        """A node that was stopped on purpose: its end is not checked."""
        router = self.running.pop(name)
        router.kill()
        self.case.routers.remove(router)
        return router

    # Longer than permits of a lost gateway are kept, where tiers have the shortest time: 10 s, and
    # those that look for them come every 2 s.
    AFTER_A_LOSS = 20.0

    def idle(self, seconds=8.0):
        """Until no actor holds a permit and nobody waits."""
        def held():
            return [(a["path"], a["permits"], a["queue"], a.get("lent")) for a in self.state(sorted(self.running)[0])["actors"]
                    if a["permits"]["used"] or a["queue"]["length"]]
        self.case.assertTrue(client.until(lambda: not held(), seconds, 0.1), held())


def most_in_any_window(times, seconds):
    """The largest number of times within one closed window."""
    times = sorted(times)
    most, first = 0, 0
    for i, at in enumerate(times):
        while at - times[first] > seconds:
            first += 1
        most = max(most, i - first + 1)
    return most


def pause(seconds):
    """A wait that the case prescribes, such as the length of a freeze."""
    time.sleep(seconds)


class Cluster(Case):
    def nodes(self, count=3, **changes):
        return Nodes(self, config(self.upstreams, **changes), count).start()

    def _end(self, router):
        # Killed nodes were taken out of the list; each other one must end well.
        if router in self.routers:
            super()._end(router)
        else:
            router.folder.cleanup()

    def load(self, nodes, requests, pace=0.01, workers=8, target="g", names=None):
        """Requests at all nodes in turn from several threads; their replies."""
        replies, lock = [], threading.Lock()
        left = iter(range(requests))

        def work(_):
            while True:
                with lock:
                    i = next(left, None)
                if i is None:
                    return
                running = names or sorted(nodes.running)
                router = nodes.running.get(running[i % len(running)])
                if router is None:
                    continue
                reply = router.chat(target)
                with lock:
                    replies.append(reply)
                pause(pace)
        for result in client.at_once(workers, work):
            self.assertIsNone(result)
        return replies
