"""Restarts without a failed request: the listening socket outlives the process, as a socket unit of systemd keeps it."""
import http.client
import json
import signal
import socket
import threading

from harness import client, steps
from harness.case import Case, config, main
from harness.nodes import Nodes

class Load:
    """Clients that ask until told to stop: kept connections, and one for each request."""

    def __init__(self, port, kept=4, fresh=4):
        self.port, self.over, self.failures, self.answered = port, threading.Event(), [], 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.ask, args=(i < kept,), daemon=True) for i in range(kept + fresh)]
        for t in self.threads:
            t.start()

    def ask(self, keep):
        c = None
        body = json.dumps(client.prompt())
        while not self.over.is_set():
            try:
                c = c or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                c.request("POST", "/v1/chat/completions", body)
                reply = c.getresponse()
                text = reply.read()
                with self.lock:
                    self.answered += 1
                    if reply.status != 200:
                        self.failures.append((reply.status, text))
                if not keep or reply.will_close:
                    c.close()
                    c = None
            except (OSError, http.client.HTTPException) as error:
                c = None
                with self.lock:
                    self.failures.append(repr(error))
        if c:
            c.close()

    def more(self, count):
        """Waits until so many more were answered."""
        goal = self.answered + count
        return client.until(lambda: self.answered >= goal, 30)

    def stop(self):
        self.over.set()
        for t in self.threads:
            t.join()


class Handover(Case):
    def setUp(self):
        super().setUp()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.addCleanup(self.socket.close)
        self.port = self.socket.getsockname()[1]

    def next(self):
        return self.serve(held=self.socket)

    def test_a_new_process_takes_over_under_load_and_no_request_fails(self):
        self.upstream().answer(lambda hit: steps.after(0.02, steps.ok()))
        old = self.next()
        self.assertEqual(old.url, f"http://127.0.0.1:{self.port}", "the socket is the inherited one")
        load = Load(self.port)
        self.addCleanup(load.stop)
        for _ in range(3):
            self.assertTrue(load.more(50))
            new = self.next()
            old.signal(signal.SIGTERM)
            self.assertTrue(load.more(50))
            self.assertEqual(old.process.wait(20), 0)
            old = new
        load.stop()
        self.assertEqual(load.failures, [])

    def test_one_after_the_other_no_request_fails_either(self):
        self.upstream().answer(lambda hit: steps.after(0.02, steps.ok()))
        old = self.next()
        load = Load(self.port)
        self.addCleanup(load.stop)
        for _ in range(2):
            self.assertTrue(load.more(50))
            old.signal(signal.SIGTERM)
            self.assertEqual(old.process.wait(20), 0)
            old = self.next()
        self.assertTrue(load.more(50))
        load.stop()
        self.assertEqual(load.failures, [])

    def test_a_member_of_a_cluster_restarts_and_no_request_fails(self):
        self.upstream().answer(lambda hit: steps.after(0.02, steps.ok()))
        nodes = Nodes(self, config(self.upstreams, every={"timeout": 30}), count=2)
        place = nodes.place
        nodes.place = lambda name: {**place(name), **({"held": self.socket} if name == "a" else {})}
        nodes.start()
        load = Load(self.port)
        self.addCleanup(load.stop)
        for _ in range(2):
            self.assertTrue(load.more(50))
            nodes["a"].signal(signal.SIGTERM)
            self.assertEqual(nodes["a"].process.wait(20), 0)
            nodes.start("a")
        self.assertTrue(load.more(50))
        load.stop()
        self.assertEqual(load.failures, [])

    def test_a_descriptor_that_is_no_listening_socket_is_told(self):
        self.upstream(steps.ok())
        with self.assertRaisesRegex(RuntimeError, "descriptor 3 is no listening socket"):
            self.serve(env={"LISTEN_FDS": "1"}, wrap=("/bin/sh", "-c", 'exec 3</dev/null; exec "$@"', "x"))


if __name__ == "__main__":
    main()
