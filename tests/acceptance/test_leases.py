"""Leases: admissions that cross no network, and limits that hold all the same."""
import os
import re
import signal
import subprocess

from harness import client, steps
from harness.case import SLACK, Clock, config, main
from harness.nodes import Cluster, Nodes, most_in_any_window, pause

# How long a lost node may go unnoticed, as docs/cluster.md promises.
T = 3.0


class Lending(Cluster):
    def admissions(self, nodes, name):
        return nodes.state(name)["cluster"]["admissions"]

    def stranger(self, nodes):
        """A node that owns neither the group nor the model."""
        owners = {nodes.owner("group/g"), nodes.owner("model/m1")}
        return next(n for n in nodes.names if n not in owners)

    def batch(self, nodes, name, size=40):
        """Requests at one node, one after the other; what its admissions took."""
        before = self.admissions(nodes, name)
        for _ in range(size):
            self.assertOk(nodes[name].chat())
            pause(0.01)
        after = self.admissions(nodes, name)
        return {way: after[way] - before[way] for way in after}

    def warm(self, nodes, names=None):
        """Until requests at these nodes go by leases."""
        for name in names or nodes.names:
            self.assertTrue(client.until(lambda: self.batch(nodes, name, 5)["remote"] == 0, 15, 0.05))

    def nodes_without_leases(self):
        nodes = Nodes(self, config(self.upstreams))
        nodes.cluster["leases"] = False
        return nodes.start()


class Leases(Lending):
    def test_with_leases_warm_an_admission_crosses_no_network(self):
        self.upstream(steps.ok())
        nodes = self.nodes()
        name = self.stranger(nodes)
        seen = []

        def by_lease_alone():
            seen.append(self.batch(nodes, name))
            return seen[-1]["remote"] == 0
        self.assertTrue(client.until(by_lease_alone, 20, 0.05), seen)
        # Group, tier and model, 40 times.
        self.assertEqual(seen[-1], {"own": 0, "leased": 120, "remote": 0})
        self.assertGreater(seen[0]["remote"], 0)

        # What is lent can be seen, and what was started by leases is counted at the owner.
        def lent():
            return nodes[name].actor("echelon/g.echelon1").get("lent", [])
        self.assertTrue(client.until(lambda: [x for x in lent() if x["node"] == name and x["units"] > 0], 5))
        started = 40 * len(seen)
        self.assertTrue(client.until(
            lambda: nodes[name].actor("echelon/g.echelon1")["limiter"]["available"] == 6000 - started, 5))
        self.assertTrue(client.until(
            lambda: nodes[name].actor("model/m1")["totals"]["succeeded"] == started, 5))
        metrics = nodes[name].get("/metrics").body.decode()
        self.assertRegex(metrics, r'echelon_admissions_total\{way="leased"\} [1-9]')
        self.assertRegex(metrics, rf'echelon_lent_rate\{{actor="echelon/g.echelon1",node="{name}"\}}')
        self.batch(nodes, name, 5)
        shown = subprocess.run([os.environ["ECHELON_BIN"], "status", "--url", nodes[name].url],
                               capture_output=True, text=True, timeout=20, check=True).stdout
        self.assertTrue(re.search(rf"echelon/g.echelon1 .*{name}:\d+p/\d+u", shown), shown)
        # Without demand all of it goes back.
        self.assertTrue(client.until(lambda: not lent(), 15))
        nodes.idle()

    def test_without_leases_every_admission_asks_the_owner(self):
        self.upstream(steps.ok())
        nodes = self.nodes_without_leases()
        name = self.stranger(nodes)
        self.batch(nodes, name)
        took = self.batch(nodes, name, 10)
        self.assertEqual(took["leased"], 0)
        self.assertGreaterEqual(took["remote"], 10)

    def test_the_last_unit_is_given_out_and_no_more(self):
        limit = 120
        u = self.upstream(steps.after(0.02, steps.ok()))
        nodes = self.nodes(every={"rpm_limit": limit, "concurrency_limit": 8, "timeout": 10})
        replies = self.load(nodes, 240, 0.01, workers=12)
        statuses = [r.status for r in replies]
        self.assertEqual((statuses.count(200), statuses.count(429)), (limit, 240 - limit), statuses)
        self.assertEqual(len(u.hits), limit)
        self.assertLessEqual(u.max_running, 8)
        self.assertGreater(sum(self.admissions(nodes, n)["leased"] for n in nodes.names), 0)
        nodes.idle()

    def test_a_breaker_that_opens_ends_leases_and_its_probes_are_exact(self):
        u = self.upstream(steps.ok())
        nodes = self.nodes(breaker={"failure_threshold": 1, "recovery_time": 3, "half_open_requests": 2},
                           every={"timeout": 5})
        self.warm(nodes)
        u.play(steps.error(500))
        # Each node learns of it within one way through the network.
        self.assertError(nodes[self.stranger(nodes)].chat(), 502)
        clock = Clock()
        self.assertTrue(client.until(lambda: [nodes[n].chat().status for n in nodes.names] == [503] * 3, 2))
        u.play(steps.after(0.8, steps.ok()))
        before = len(u.hits)
        clock.wait_until(3.6)
        replies = client.at_once(30, lambda i: nodes.turn(i).chat())
        statuses = [r.status for r in replies]
        self.assertEqual((statuses.count(200), statuses.count(503)), (2, 28), statuses)
        self.assertEqual(len(u.hits) - before, 2)


class Losses(Lending):
    limit = 200

    def hammer(self, router):
        """Requests at a node that is about to be lost, until it is."""
        while True:
            try:
                router.chat(timeout=5)
            except (OSError, client.Closed):
                return
            pause(0.02)

    def lose(self, number, owner):
        """Loses a node under load that is warm with leases; what the upstream has seen in the end."""
        u = self.upstream(steps.after(0.02, steps.ok()))
        nodes = self.nodes(every={"rpm_limit": self.limit, "concurrency_limit": 8, "timeout": 5},
                           server={"total_timeout": 15})
        self.load(nodes, 60, 0.01)
        victim = nodes.owner("echelon/g.echelon1") if owner else self.stranger(nodes)
        others = [n for n in nodes.names if n != victim]
        lost = nodes[victim]
        own = [client.later(lambda: self.hammer(lost)) for _ in range(3)]
        result = client.later(lambda: self.load(nodes, 100, 0.02, names=others))
        seen = len(u.hits)
        self.assertTrue(client.until(lambda: len(u.hits) > seen + 20))
        nodes.running.pop(victim)
        lost.signal(number)
        if number == signal.SIGKILL:
            self.routers.remove(lost)
            lost.kill()
        for reply in result(60):
            self.assertIn(reply.status, (200, 429), reply)
        for ended in own:
            ended(10)
        nodes.settle(others)
        for i in range(20):
            reply = nodes.turn(i).chat()
            self.assertIn(reply.status, (200, 429), reply)
            self.assertLess(reply.took, T + 4 + SLACK)
        if number == signal.SIGSTOP:
            lost.signal(signal.SIGCONT)
            nodes.running[victim] = lost
            # It wakes with leases in hand that have ended.
            client.at_once(30, lambda _: nodes[victim].chat())
        else:
            nodes.start(victim)
        nodes.settle()
        self.load(nodes, self.limit + 100, 0)
        self.assertLessEqual(most_in_any_window([h.at for h in u.hits], 60), self.limit)
        self.assertLessEqual(u.max_running, 8)
        nodes.idle(nodes.AFTER_A_LOSS)

    def test_a_borrower_that_is_killed(self):
        self.lose(signal.SIGKILL, owner=False)

    def test_a_borrower_that_freezes_and_wakes(self):
        self.lose(signal.SIGSTOP, owner=False)

    def test_an_owner_that_is_killed(self):
        self.lose(signal.SIGKILL, owner=True)

    def test_an_owner_that_freezes_and_wakes(self):
        self.lose(signal.SIGSTOP, owner=True)


if __name__ == "__main__":
    main()
