"""Several nodes, one set of limits, queues and breakers."""
import pathlib
import random
import signal
import socket
import subprocess
import tempfile
import threading

from harness import client, steps
from harness.case import SLACK, Clock, config, group, main, tier
from harness.nodes import Cluster, Nodes, free_ports


class Limits(Cluster):
    def test_RATE_1_a_limit_is_for_the_cluster_not_for_each_node(self):
        for spread in (True, False):
            with self.fresh(f"spread {spread}"):
                u = self.upstream(steps.ok())
                nodes = self.nodes(2, every={"rpm_limit": 20})
                replies = client.at_once(40, lambda i: nodes.turn(i if spread else 0).chat())
                statuses = [r.status for r in replies]
                self.assertEqual((statuses.count(200), statuses.count(429)), (20, 20), statuses)
                self.assertEqual(len(u.hits), 20)
                for reply in replies:
                    if reply.status == 429:
                        self.assertRetryAfter(reply, 1, 60)

    def test_permits_are_shared_and_waiters_of_all_nodes_stand_in_one_queue(self):
        u = self.upstream(steps.after(0.05, steps.ok()))
        nodes = self.nodes(every={"concurrency_limit": 5, "timeout": 10})
        replies = client.at_once(100, lambda i: nodes.turn(i).chat())
        self.assertEqual([r.status for r in replies], [200] * 100)
        self.assertEqual(u.max_running, 5)
        nodes.idle()

    def test_one_breaker_for_all_nodes_and_exactly_its_probes(self):
        u = self.upstream(steps.error(500))
        nodes = self.nodes(breaker={"failure_threshold": 1, "recovery_time": 2, "half_open_requests": 2},
                           every={"timeout": 5})
        self.assertError(nodes["a"].chat(), 502)
        clock = Clock()
        for name in nodes.names:
            self.assertError(nodes[name].chat(), 503)
        self.assertEqual(len(u.hits), 1)
        u.play(steps.after(0.8, steps.ok()))
        clock.wait_until(2.3)
        replies = client.at_once(30, lambda i: nodes.turn(i).chat())
        statuses = [r.status for r in replies]
        self.assertEqual((statuses.count(200), statuses.count(503)), (2, 28), statuses)
        self.assertEqual(len(u.hits), 3)

    def test_each_request_finds_its_way_whichever_nodes_own_its_actors(self):
        names = [f"g{i}" for i in range(12)]
        self.upstream(steps.ok())
        nodes = Nodes(self, config(self.upstreams, groups={n: group(tier(["m1"])) for n in names},
                                   workflow_nodes={"n": {"type": "llm", "llm_group": "g0.echelon1",
                                                         "fallback_groups": ["g1.echelon1"],
                                                         "polling_pool": "p"}},
                                   polling_pools={"p": {"task_groups": names}})).start()
        owners = {nodes.owner(f"group/{n}") for n in names}
        self.assertEqual(owners, {"a", "b", "c"}, "the groups are spread")
        for name in nodes.names:
            for target in [*names, "n", "p", "m1"]:
                self.assertOk(nodes[name].chat(target))
        nodes.idle()


class Restarts(Cluster):
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
            left = nodes.turn(0).actor("echelon/g.echelon1")["limiter"]["available"]
            self.assertEqual(left, limit - used, f"after {name} left")
            nodes.start(name)
            left = nodes.turn(0).actor("echelon/g.echelon1")["limiter"]["available"]
            self.assertEqual(left, limit - used, f"after {name} came back")
        self.assertEqual(len([r for r in (nodes.turn(i).chat() for i in range(60)) if r.status == 200]),
                         limit - used)
        self.assertEqual(len(u.hits), limit + 60)

    def test_waiters_and_permits_move_with_their_actor(self):
        gate = threading.Event()
        u = self.upstream(steps.when(gate, steps.ok()))
        nodes = self.nodes(every={"concurrency_limit": 2, "timeout": 20})
        owner = nodes.owner("echelon/g.echelon1")
        others = [n for n in nodes.names if n != owner]
        asked = [client.later(lambda i=i: nodes[others[i % 2]].chat()) for i in range(6)]
        self.assertTrue(client.until(lambda: len(u.hits) == 2))
        self.assertTrue(client.until(lambda: nodes[others[0]].waiting("echelon/g.echelon1") == 4))
        router = nodes.running.pop(owner)
        self.assertEqual(router.terminate(), 0)
        nodes.settle()
        self.assertEqual(nodes[others[0]].in_flight("echelon/g.echelon1"), 2)
        self.assertTrue(client.until(lambda: nodes[others[0]].waiting("echelon/g.echelon1") == 4))
        gate.set()
        for result in asked:
            self.assertOk(result())
        self.assertEqual(u.max_running, 2)
        nodes.idle()

    def test_CLUSTER_4_a_member_ends_in_time_and_a_second_signal_at_once(self):
        self.upstream(steps.ok())
        nodes = self.nodes()
        for name in ("a", "b"):
            clock = Clock()
            self.assertEqual(nodes.running.pop(name).terminate(), 0)
            self.assertLess(clock.now, 2 + SLACK)
        last = nodes.running.pop("c")
        last.signal(signal.SIGTERM)
        last.signal(signal.SIGINT)
        self.assertIn(last.process.wait(5), (0, 1))
        self.routers.remove(last)


class Reloads(Cluster):
    def test_a_reload_at_one_node_is_taken_by_all_or_by_none(self):
        u = self.upstream(steps.ok())
        nodes = self.nodes(every={"rpm_limit": 10})
        for i in range(6):
            self.assertOk(nodes.turn(i).chat())

        def write(name, **changes):
            nodes[name].write({**config(self.upstreams, **changes), "cluster": nodes.cluster})

        def versions():
            return [nodes.state(n)["config_version"] for n in nodes.names]
        write("b", every={"rpm_limit": 20}, workflow_nodes={"n": {"type": "llm", "llm_group": "g.echelon1"}})
        answer = nodes["b"].post("/admin/reload")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json()["changes"]["added"], ["n"])
        self.assertTrue(client.until(lambda: versions() == [2, 2, 2]), versions())
        # A tier that a group gets anew starts where the group lives.
        write("c", every={"rpm_limit": 20}, workflow_nodes={"n": {"type": "llm", "llm_group": "g.echelon1"}},
              groups={"g": group(tier(["m1"], rpm_limit=20), tier(["m1"], rpm_limit=9))})
        self.assertEqual(nodes["c"].post("/admin/reload").json()["changes"]["added"], ["g.echelon2"])
        self.assertTrue(client.until(lambda: versions() == [3, 3, 3]), versions())
        self.assertEqual({nodes[n].chat("g.echelon2").status for n in nodes.names}, {200})
        # The window goes on: 6 of 20 are spent.
        self.assertTrue(client.until(
            lambda: nodes["a"].actor("echelon/g.echelon1")["limiter"] == {"available": 14, "limit": 20}))
        for name in nodes.names:
            self.assertOk(nodes[name].chat("n"))
        # What one node cannot take, none takes.
        write("c", every={"rpm_limt": 30})
        self.assertEqual(nodes["c"].post("/admin/reload").status, 422)
        settings = {**config(self.upstreams), "cluster": nodes.cluster}
        settings["providers"]["u1"]["api_key"] = "${ONLY_HERE}"
        nodes["a"].write(settings)
        refused = nodes["a"].post("/admin/reload")
        self.assertEqual(refused.status, 422)
        self.assertIn("needs the environment variable ONLY_HERE", refused.body.decode())
        self.assertEqual(versions(), [3, 3, 3])
        self.assertEqual(len(u.hits), 12)

    def test_a_node_that_cannot_take_it_keeps_all_from_taking_it(self):
        self.upstream(steps.ok())
        nodes = Nodes(self, config(self.upstreams), 2)
        nodes.running["a"] = self.serve({**nodes.settings, "cluster": nodes.cluster}, env={"ONLY_AT_A": "k"},
                                        args=("--node", "a", "--cluster-listen",
                                              f"127.0.0.1:{nodes.ports['a']}"))
        nodes.start("b")
        settings = {**config(self.upstreams), "cluster": nodes.cluster}
        settings["providers"]["u1"]["api_key"] = "${ONLY_AT_A}"
        nodes["a"].write(settings)
        refused = nodes["a"].post("/admin/reload")
        self.assertEqual(refused.status, 422, refused)
        self.assertRegex(refused.body.decode(), "node b: .*needs the environment variable ONLY_AT_A")
        self.assertEqual([nodes.state(n)["config_version"] for n in "ab"], [1, 1])
        self.assertOk(nodes["a"].chat())


class Strangers(Cluster):
    def test_CLUSTER_5_strangers_are_named_as_such_and_change_nothing(self):
        self.upstream(steps.ok())
        nodes = self.nodes(2)
        port = nodes.ports["a"]
        for noise in (random.Random(1).randbytes(4096), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", port)) as s:
                s.sendall(noise)
        other = Nodes(self, nodes.settings, 1, name="another")
        other.cluster["seeds"].append(f"127.0.0.1:{port}")
        http = Nodes(self, nodes.settings, 1, name="http")
        http.cluster["seeds"].append(nodes["a"].url.split("//")[1])
        for stranger in (other, http):
            stranger.running["a"] = self.serve(
                {**stranger.settings, "cluster": stranger.cluster},
                args=("--node", "stranger", "--cluster-listen", f"127.0.0.1:{stranger.ports['a']}"))
        self.assertTrue(client.until(lambda: "is of cluster 'another'" in nodes["a"].log()), nodes["a"].log())
        self.assertTrue(client.until(lambda: "is no node of a cluster" in http["a"].log(), 15), http["a"].log())
        nodes.settle(["a", "b"])
        self.assertEqual(nodes["a"].log().count("is of cluster 'another'"), 1)
        for i in range(4):
            self.assertOk(nodes.turn(i).chat())

    def certificates(self):
        folder = tempfile.TemporaryDirectory(prefix="echelon-tls-")
        self.addCleanup(folder.cleanup)

        def openssl(*args):
            subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=folder.name)
        for authority in ("ca", "wrong-ca"):
            openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{authority}.key", "-out",
                    f"{authority}.pem", "-days", "2", "-subj", f"/CN={authority}")
        for name, authority in (("node", "ca"), ("wrong", "wrong-ca")):
            openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                    "-subj", f"/CN={name}")
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey",
                    f"{authority}.key", "-CAcreateserial", "-out", f"{name}.pem", "-days", "2")
        where = pathlib.Path(folder.name)
        return lambda name, authority: {"cert": str(where / f"{name}.pem"), "key": str(where / f"{name}.key"),
                                        "ca": str(where / f"{authority}.pem")}

    def test_with_tls_only_nodes_with_the_clusters_certificate_get_in(self):
        self.upstream(steps.ok())
        tls = self.certificates()
        nodes = Nodes(self, config(self.upstreams, every={"rpm_limit": 20}), 2, tls=tls("node", "ca")).start()
        statuses = [nodes.turn(i).chat().status for i in range(40)]
        self.assertEqual((statuses.count(200), statuses.count(429)), (20, 20))
        for kind, own in (("plain", None), ("wrong", tls("wrong", "wrong-ca"))):
            with self.subTest(kind):
                stranger = Nodes(self, nodes.settings, 1, tls=own)
                stranger.cluster["seeds"].append(f"127.0.0.1:{nodes.ports['a']}")
                router = self.serve({**stranger.settings, "cluster": stranger.cluster},
                                    args=("--node", "z", "--cluster-listen",
                                          f"127.0.0.1:{stranger.ports['a']}"))
                self.assertTrue(client.until(lambda: "no way to" in router.log(), 15), router.log())
                self.assertEqual(nodes.members("a"), ["a", "b"])
                self.assertFalse(router.get("/admin/state").json()["cluster"]["acts"])

    def test_wrong_cluster_settings_are_told(self):
        self.upstream(steps.ok())
        settings = config(self.upstreams)
        taken = free_ports(1)[0]
        with socket.create_server(("127.0.0.1", taken)):
            with self.assertRaisesRegex(RuntimeError, "cannot listen for the cluster at 127.0.0.1"):
                self.serve(settings, args=("--node", "a", "--cluster-listen", f"127.0.0.1:{taken}"))
        with self.assertRaisesRegex(RuntimeError, "--cluster-listen and --seed must be ADDRESS:PORT"):
            self.serve(settings, args=("--seed", "nowhere"))


if __name__ == "__main__":
    main()
