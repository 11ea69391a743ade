"""GET /admin/events: what listeners are told, and what a slow or unwelcome one costs."""
import signal
import socket

from harness import client, steps
from harness.case import Case, config, main
from harness.listener import Listener
from harness.nodes import Cluster


class Events(Case):
    def listen(self, router, **more):
        listener = Listener(router, **more)
        self.addCleanup(listener.close)
        self.assertEqual(listener.reply.status, 200)
        self.assertTrue(listener.wait("hello"))
        return listener

    def test_a_request_is_told_with_the_summary_of_its_record(self):
        self.upstream(steps.error(500))
        self.upstream(steps.ok())
        router = self.serve()
        listener = self.listen(router)
        first = router.chat()
        self.assertOk(first)
        told = listener.wait("request", id=first.header("x-request-id"))
        self.assertEqual((told["target"], told["status"], told["attempts"], told["route"]), ("g", 200, 2, "g.echelon2/m2"))
        self.assertNotIn("steps", told)

    def test_a_breaker_that_opens_and_closes_again_is_told(self):
        u = self.upstream(steps.ok())
        router = self.serve(breaker={"failure_threshold": 1, "recovery_time": 2}, fallback={"enabled": False})
        listener = self.listen(router)
        self.assertTrue(listener.wait("watching"))
        u.play(steps.error(500))
        router.chat()
        self.assertTrue(listener.wait("breaker", actor="model/m1"), listener.events)
        u.play(steps.ok())
        self.assertTrue(client.until(lambda: router.chat().status == 200, 20))
        self.assertTrue(listener.wait("breaker", actor="model/m1", to="closed"), listener.events)

    def test_reloads_and_the_drain_are_told_and_a_listener_holds_up_no_end(self):
        self.upstream(steps.ok())
        router = self.serve()
        listener = self.listen(router)
        router.write(config(self.upstreams, every={"rpm_limit": 7}))
        router.post("/admin/reload")
        told = listener.wait("reload", reloaded=True)
        self.assertEqual(told["config_version"], 2)
        self.assertTrue(told["changed"], told)
        router.write({"task_groups": 7})
        router.post("/admin/reload")
        self.assertTrue(listener.wait("reload", reloaded=False)["diagnostics"])
        router.post("/admin/drain")
        self.assertTrue(listener.wait("drain"))
        router.signal(signal.SIGTERM)
        self.assertEqual(router.process.wait(15), 0)

    def test_who_may_not_see_the_admin_api_hears_nothing(self):
        self.upstream(steps.ok())
        router = self.serve(server={"admin_token": "let-me-in"})
        reply = client.request(router.url, "GET", "/admin/events", headers=(("Authorization", "Bearer wrong"),))
        self.assertError(reply, 401)
        self.listen(router)

    def test_a_slow_reader_loses_events_and_is_told_how_many(self):
        self.upstream(steps.ok())
        router = self.serve()
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.settimeout(20)
            host, port = router.url.removeprefix("http://").split(":")
            slow.connect((host, int(port)))
            slow.sendall(f"GET /admin/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            text = slow.recv(4096)
            while b"hello" not in text:
                text += slow.recv(4096)
            long = "x" * 200_000  # Of an unknown target: its event is as long.
            for _ in range(60):
                self.assertError(router.chat(long), 404)
            text = b""
            while b"event: dropped" not in text:
                piece = slow.recv(1 << 20)
                self.assertTrue(piece, "the stream ended")
                text = text[-100:] + piece
        self.assertOk(router.chat())


class ClusterEvents(Cluster):
    def test_members_and_owners_that_change_are_told(self):
        self.upstream(steps.ok())
        nodes = self.nodes(3)
        listener = Listener(nodes["a"])
        self.addCleanup(listener.close)
        self.assertTrue(listener.wait("watching"))
        lost = next(n for n in ("b", "c") if any(x["node"] == n for x in nodes.state("a")["actors"]))
        nodes[lost].signal(signal.SIGTERM)
        self.assertTrue(listener.wait("member", 30, node=lost, to="absent"), listener.events)
        self.assertTrue(client.until(lambda: [x for x in listener.of("owner") if x["from"] == lost], 30), listener.events)


if __name__ == "__main__":
    main()
