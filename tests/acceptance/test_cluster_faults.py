"""What is lost with a node of a cluster, and what is not: crashes, freezes, no quorum."""
import os
import pathlib
import signal
import time

from harness import client, steps
from harness.case import SLACK, config, main
from harness.nodes import Cluster, Nodes, most_in_any_window

# How long a lost node may go unnoticed, as docs/cluster.md promises.
T = 3.0


class Losses(Cluster):
    def test_CLUSTER_1_a_node_that_is_killed_costs_no_answer_elsewhere_and_no_limit(self):
        limit = 60
        u = self.upstream(steps.after(0.03, steps.ok()))
        nodes = self.nodes(every={"rpm_limit": limit, "concurrency_limit": 4, "timeout": 5},
                           server={"total_timeout": 15})
        victim = nodes.owner("model/m1")
        others = [n for n in nodes.names if n != victim]
        result = client.later(lambda: self.load(nodes, 120, 0.02, names=others))
        self.assertTrue(client.until(lambda: len(u.hits) > 20))
        nodes[victim].signal(signal.SIGKILL)
        nodes.forget(victim)
        replies = result(60)
        for reply in replies:
            self.assertIn(reply.status, (200, 429), reply)
            self.assertLess(reply.took, T + 4 + SLACK)
        self.assertEqual(len(replies), 120)
        self.assertLessEqual(most_in_any_window([h.at for h in u.hits], 60), limit)
        self.assertLessEqual(u.max_running, 4)
        nodes.settle()
        nodes.idle()

    def test_requests_are_served_again_within_the_detection_time(self):
        self.upstream(steps.ok())
        nodes = self.nodes()
        victim = nodes.owner("model/m1")
        other = next(n for n in nodes.names if n != victim)
        self.assertOk(nodes[other].chat())
        nodes[victim].signal(signal.SIGKILL)
        nodes.forget(victim)
        reply = nodes[other].chat()
        # Its rate is spent after the loss: the tier says 429 for a while; what is not limited goes on.
        self.assertIn(reply.status, (200, 429), reply)
        self.assertLess(reply.took, T + 2 + SLACK)
        self.assertOk(nodes[other].chat("m1"))

    def test_a_frozen_node_costs_the_others_no_more_than_the_requests_under_way(self):
        places = 16
        self.upstream(steps.ok())
        nodes = self.nodes(every={"concurrency_limit": 4}, server={"max_requests": places, "total_timeout": 1})
        victim = nodes.owner("echelon/g.echelon1")
        name = next(n for n in nodes.names if n != victim)
        asked = nodes[name]
        before = asked.rss()
        nodes[victim].signal(signal.SIGSTOP)
        over = time.monotonic() + T + 1
        sent, late = [], []

        def ask(_):
            while time.monotonic() < over:
                reply = asked.chat(headers=[("x-echelon-priority", "0")])
                self.assertIn(reply.status, (200, 429, 503, 504), reply)
                sent.append(reply)
                late.append(self.unread(nodes.ports[victim], asked.process.pid))
        for result in client.at_once(2 * places, ask):
            self.assertIsNone(result)
        self.assertGreater(len(sent), 2 * places)
        # What is on its way to the frozen node, in the kernel and before it.
        self.assertLess(max(late), places * 4096)
        if not os.environ.get("ECHELON_SANITIZE"):  # A sanitizer keeps what was freed.
            self.assertLess(asked.rss() - before, 20e6)
        nodes[victim].signal(signal.SIGCONT)
        nodes.settle()
        nodes.idle()

    @staticmethod
    def unread(port, pid):
        """Bytes that the process has sent to that port of loopback and the other end has not read."""
        rows = [line.split() for line in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
        return sum(int(row[4].split(":")[0], 16) for row in rows if row[2].endswith(f":{port:04X}")) \
            + sum(int(row[4].split(":")[1], 16) for row in rows if row[1].endswith(f":{port:04X}"))

    def test_CLUSTER_2_a_frozen_node_is_noticed_and_comes_back_as_no_second_master(self):
        limit = 200
        u = self.upstream(steps.ok())
        nodes = self.nodes(every={"rpm_limit": limit})
        victim = nodes.owner("echelon/g.echelon1")
        others = [n for n in nodes.names if n != victim]
        for i in range(30):
            self.assertOk(nodes.turn(i).chat())
        nodes[victim].signal(signal.SIGSTOP)
        # From another node the rest of the limit, whatever became of it: never more.
        first = nodes[others[0]].chat()
        self.assertLess(first.took, T + 4 + SLACK)
        frozen = nodes.running.pop(victim)
        nodes.settle(others)
        for i in range(40):
            self.assertIn(nodes.turn(i).chat().status, (200, 429))
        frozen.signal(signal.SIGCONT)
        nodes.running[victim] = frozen
        # It wakes with the old view: what it says now counts for nothing.
        replies = [nodes[victim].chat() for _ in range(40)]
        self.assertTrue({r.status for r in replies} <= {200, 429, 503}, replies)
        nodes.settle()
        for i in range(300):
            nodes.turn(i).chat()
        self.assertLessEqual(most_in_any_window([h.at for h in u.hits], 60), limit)
        nodes.idle(nodes.AFTER_A_LOSS)

    def test_calls_of_a_frozen_owner_count_until_they_have_ended(self):
        limit = 4
        u = self.upstream(steps.after(9, steps.ok()))
        settings = config(self.upstreams, every={"concurrency_limit": limit, "timeout": 12}, server={"total_timeout": 15})
        del settings["task_groups"]["g"]["echelon1"]["rpm_limit"]
        nodes = Nodes(self, settings).start()
        # It grants to itself, and nobody else takes part: what it has told by then is all that is known.
        victim = nodes.owner("echelon/g.echelon1")
        others = [n for n in nodes.names if n != victim]
        calls = [client.later(lambda: nodes[victim].chat()) for _ in range(limit)]
        self.assertTrue(client.until(lambda: len(u.hits) == limit, 5, 0.001))
        nodes[victim].signal(signal.SIGSTOP)
        frozen_at = time.monotonic()
        u.play(steps.ok())
        # They wait for permits that nobody has given back, each 2 s, from before the failover to after it.
        while time.monotonic() < frozen_at + 7.5:
            replies = client.at_once(4, lambda i: nodes[others[i % 2]].chat(headers=[("x-echelon-timeout", "2")]))
            self.assertTrue({r.status for r in replies} <= {429, 503, 504}, replies)
        self.assertEqual(u.max_running, limit)
        nodes[victim].signal(signal.SIGCONT)
        for call in calls:
            call(30)
        # As long as an attempt may last, and then they are free.
        self.assertTrue(client.until(lambda: nodes[others[0]].chat().status == 200, 20, 0.2))
        nodes.settle()
        nodes.idle(nodes.AFTER_A_LOSS)

    def test_without_a_quorum_nothing_is_admitted_and_the_client_is_told(self):
        u = self.upstream(steps.ok())
        nodes = self.nodes(server={"total_timeout": 6})
        for name in ("b", "c"):
            nodes[name].signal(signal.SIGKILL)
            nodes.forget(name)
        self.assertTrue(client.until(lambda: not nodes.members("a"), 10))
        before = len(u.hits)
        reply = nodes["a"].chat()
        self.assertError(reply, 503)
        self.assertEqual(len(u.hits), before)
        self.assertEqual(nodes["a"].get("/healthz").status, 200)

    def test_a_lost_node_that_starts_again_joins_and_all_is_whole(self):
        self.upstream(steps.ok())
        nodes = self.nodes()
        nodes["b"].signal(signal.SIGKILL)
        nodes.forget("b")
        nodes.settle()
        nodes.start("b")
        for i in range(9):
            self.assertIn(nodes.turn(i).chat("m1").status, (200, 429))

    def test_permits_of_a_killed_gateway_come_back(self):
        u = self.upstream(steps.hang())
        nodes = self.nodes(every={"concurrency_limit": 3, "timeout": 2})
        owner = nodes.owner("model/m1")
        gateway = next(n for n in nodes.names if n != owner and n != nodes.owner("group/g"))
        for _ in range(3):
            client.later(lambda: nodes[gateway].chat())
        self.assertTrue(client.until(lambda: len(u.hits) == 3))
        nodes[gateway].signal(signal.SIGKILL)
        nodes.forget(gateway)
        u.play(steps.ok())
        # Kept for as long as an attempt may last (10 s at least), then dropped.
        nodes.idle(nodes.AFTER_A_LOSS)


if __name__ == "__main__":
    main()
