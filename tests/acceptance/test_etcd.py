"""Membership kept in etcd: a real one, and three real nodes."""
import json
import signal
import socket
import sys

from harness import client, steps
from harness.case import SLACK, config, main
from harness.certificates import Authority
from harness.etcd import Etcd, EtcdNodes, is_there
from harness.nodes import Cluster, most_in_any_window
from harness.router import run

# lease_ttl and what etcd and the nodes take to notice, as docs/cluster.md promises.
T = 5.0 + 1.0


class WithEtcd(Cluster):
    def setUp(self):
        super().setUp()
        self.etcd = Etcd(self)

    def nodes(self, count=3, **changes):
        return EtcdNodes(self, config(self.upstreams, **changes), [self.etcd.url], count).start()

    def ready(self, nodes):
        return [nodes[n].get("/readyz").status for n in sorted(nodes.running)]


class Members(WithEtcd):
    def test_nodes_join_share_their_limits_and_leave_nothing_behind(self):
        u = self.upstream(steps.after(0.03, steps.ok()))
        nodes = self.nodes(every={"rpm_limit": 30, "concurrency_limit": 4, "timeout": 10})
        replies = client.at_once(60, lambda i: nodes.turn(i).chat())
        statuses = [r.status for r in replies]
        self.assertEqual((statuses.count(200), statuses.count(429)), (30, 30), statuses)
        self.assertEqual((len(u.hits), u.max_running), (30, 4))
        state = nodes.state("a")["cluster"]
        self.assertEqual(state["membership"], "etcd")
        told = run("status", "--url", nodes["b"].url).stdout
        self.assertRegex(told, r"node b, view \d+ of the cluster by etcd membership, with its lease: a .*b .*c ")
        record = json.loads(self.etcd.ctl("get", "--print-value-only", "echelon/test/members/a"))
        self.assertEqual((record["node"], record["cluster"], record["address"]),
                         ("a", "test", f"127.0.0.1:{nodes.ports['a']}"))
        nodes.idle()
        for name in nodes.names:
            self.assertEqual(nodes.running.pop(name).terminate(), 0)
        self.assertEqual(self.etcd.ctl("get", "--prefix", "echelon/test/members/"), "")
        self.assertIn("found 0 leases", self.etcd.ctl("lease", "list"))
        self.assertEqual(json.loads(self.etcd.ctl("get", "--print-value-only", "echelon/test/head"))["members"], [])

    def test_a_rolling_restart_resets_no_limit_and_refuses_nothing(self):
        limit = 40
        u = self.upstream(steps.ok())
        nodes = self.nodes(every={"rpm_limit": limit})
        used = 0
        for name in list(nodes.names):
            for i in range(5):
                self.assertOk(nodes.turn(i).chat())
                used += 1
            router = nodes.running.pop(name)
            answers = client.later(lambda: [nodes.turn(i).chat("m1").status for i in range(20)])
            self.assertEqual(router.terminate(), 0)
            self.assertEqual(answers(), [200] * 20)
            nodes.settle()
            self.assertEqual(nodes.turn(0).actor("echelon/g.echelon1")["limiter"]["available"], limit - used)
            nodes.start(name)
            self.assertEqual(nodes.turn(0).actor("echelon/g.echelon1")["limiter"]["available"], limit - used)
        replies = [nodes.turn(i).chat().status for i in range(60)]
        self.assertEqual(replies.count(200), limit - used)
        self.assertEqual(len(u.hits), limit + 60)

    def test_a_node_that_is_killed_costs_no_answer_elsewhere_and_no_limit(self):
        limit = 60
        u = self.upstream(steps.after(0.03, steps.ok()))
        nodes = self.nodes(every={"rpm_limit": limit, "concurrency_limit": 4, "timeout": 5},
                           server={"total_timeout": 20})
        victim = nodes.owner("model/m1")
        others = [n for n in nodes.names if n != victim]
        result = client.later(lambda: self.load(nodes, 120, 0.02, names=others))
        self.assertTrue(client.until(lambda: len(u.hits) > 20))
        nodes[victim].signal(signal.SIGKILL)
        nodes.forget(victim)
        replies = result(60)
        self.assertEqual(len(replies), 120)
        for reply in replies:
            self.assertIn(reply.status, (200, 429), reply)
            self.assertLess(reply.took, T + 4 + SLACK)
        self.assertLessEqual(most_in_any_window([h.at for h in u.hits], 60), limit)
        self.assertLessEqual(u.max_running, 4)
        nodes.settle()
        nodes.idle()
        nodes.start(victim)
        for i in range(9):
            self.assertIn(nodes.turn(i).chat("m1").status, (200, 429))

    def test_a_frozen_node_comes_back_as_no_second_master(self):
        limit = 200
        u = self.upstream(steps.ok())
        nodes = self.nodes(every={"rpm_limit": limit})
        victim = nodes.owner("echelon/g.echelon1")
        others = [n for n in nodes.names if n != victim]
        for i in range(30):
            self.assertOk(nodes.turn(i).chat())
        nodes[victim].signal(signal.SIGSTOP)
        self.assertLess(nodes[others[0]].chat().took, T + 3 + SLACK)
        frozen = nodes.running.pop(victim)
        nodes.settle(others)
        for i in range(40):
            self.assertIn(nodes.turn(i).chat().status, (200, 429))
        frozen.signal(signal.SIGCONT)
        nodes.running[victim] = frozen
        replies = [nodes[victim].chat() for _ in range(40)]
        self.assertTrue({r.status for r in replies} <= {200, 429, 503}, replies)
        nodes.settle()
        for i in range(300):
            nodes.turn(i).chat()
        self.assertLessEqual(most_in_any_window([h.at for h in u.hits], 60), limit)
        nodes.idle(nodes.AFTER_A_LOSS)


class Outages(WithEtcd):
    def outage(self, end, begin):
        """Etcd is gone, and comes back: nothing is admitted meanwhile, and nothing is forgotten."""
        limit = 30
        u = self.upstream(steps.ok())
        nodes = self.nodes(every={"rpm_limit": limit}, server={"total_timeout": 3})
        epoch = nodes.state("a")["cluster"]["epoch"]
        for i in range(12):
            self.assertOk(nodes.turn(i).chat())
        end()
        self.assertTrue(client.until(lambda: self.ready(nodes) == [503] * 3, T), self.ready(nodes))
        before = len(u.hits)
        for name in nodes.names:
            self.assertError(nodes[name].chat(), 503)
            self.assertEqual(nodes[name].get("/healthz").status, 200)
            self.assertRegex(nodes[name].log(), "etcd does not answer")
        self.assertEqual(len(u.hits), before)
        begin()
        self.assertTrue(client.until(lambda: self.ready(nodes) == [200] * 3, 20), self.ready(nodes))
        nodes.settle()
        statuses = [nodes.turn(i).chat().status for i in range(40)]
        return nodes, u, limit, epoch, statuses

    def test_etcd_killed_and_started_again_is_as_if_nothing_had_been(self):
        nodes, u, limit, epoch, statuses = self.outage(self.etcd.kill, self.etcd.start)
        # Nobody took anything over: what was started is still known, and nothing more counts as spent.
        self.assertEqual(nodes.state("a")["cluster"]["epoch"], epoch)
        self.assertEqual((statuses.count(200), statuses.count(429)), (18, 22), statuses)
        self.assertEqual(len(u.hits), limit)

    def test_an_etcd_that_hangs_is_left_alone_until_it_answers(self):
        nodes, u, limit, _, statuses = self.outage(lambda: self.etcd.signal(signal.SIGSTOP),
                                                   lambda: self.etcd.signal(signal.SIGCONT))
        # Leases may have ended while it was stopped: then what was lost counts as spent.
        self.assertTrue(set(statuses) <= {200, 429}, statuses)
        self.assertLessEqual(len(u.hits), limit)
        nodes.idle(nodes.AFTER_A_LOSS)

    def test_a_short_outage_is_not_noticed_outside(self):
        self.upstream(steps.ok())
        nodes = self.nodes()
        result = client.later(lambda: self.load(nodes, 150, 0.02))
        self.etcd.kill()
        self.etcd.start()
        self.assertEqual({r.status for r in result(60)}, {200})
        nodes.settle()

    def test_nodes_start_without_etcd_and_join_when_it_comes(self):
        self.upstream(steps.ok())
        self.etcd.kill()
        nodes = EtcdNodes(self, config(self.upstreams), [self.etcd.url])
        starting = client.later(nodes.start)
        self.assertTrue(client.until(lambda: "etcd does not answer" in "".join(
            r.log() for r in list(nodes.running.values())), 20))
        self.etcd.start()
        starting(40)
        for i in range(6):
            self.assertOk(nodes.turn(i).chat())


class Endpoints(WithEtcd):
    def test_an_endpoint_that_fails_is_left_for_the_next_one(self):
        self.upstream(steps.ok())
        # One that takes connections and says nothing, and one that nobody listens at.
        with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as closed:
            ports = [s.getsockname()[1] for s in (silent, closed)]
            closed.close()
            nodes = EtcdNodes(self, config(self.upstreams),
                              [f"http://127.0.0.1:{p}" for p in ports] + [self.etcd.url], 2).start()
            for i in range(4):
                self.assertOk(nodes.turn(i).chat())

    def test_what_cannot_be_is_told_at_the_start(self):
        self.upstream(steps.ok())
        nodes = EtcdNodes(self, config(self.upstreams), ["https://127.0.0.1:1"], 1, ca="/nowhere.pem")
        with self.assertRaisesRegex(RuntimeError, "cluster.etcd: cannot read /nowhere.pem"):
            nodes.start()


class Secured(Cluster):
    def test_https_with_certificates_of_both_sides(self):
        self.upstream(steps.ok())
        ca = Authority(self)
        server, other = ca.files("IP:127.0.0.1"), ca.files("DNS:node")
        etcd = Etcd(self, "--cert-file", server[0], "--key-file", server[1], "--client-cert-auth",
                    "--trusted-ca-file", ca.ca)
        own = {"ca": ca.ca, "cert": other[0], "key": other[1]}
        nodes = EtcdNodes(self, config(self.upstreams), [etcd.url], 2, **own).start()
        for i in range(4):
            self.assertOk(nodes.turn(i).chat())
        with self.subTest("another authority"):
            stranger = EtcdNodes(self, nodes.settings, [etcd.url], 1, **{**own, "ca": Authority(self).ca})
            stranger.running["a"] = router = self.serve(
                {**stranger.settings, "cluster": stranger.cluster},
                args=("--node", "z", "--cluster-listen", f"127.0.0.1:{stranger.ports['a']}"))
            self.assertTrue(client.until(lambda: "etcd does not answer" in router.log(), 20), router.log())
            self.assertIn("certificate verify failed", router.log())
            self.assertEqual(router.get("/readyz").status, 503)
            self.assertEqual(nodes.members("a"), ["a", "b"])


if __name__ == "__main__":
    if not is_there():
        print("skipped: no etcd here; scripts/setup installs it", file=sys.stderr)
        sys.exit(77)
    main()
