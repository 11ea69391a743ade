"""Nodes in network namespaces of their own, over links that are slow, lose packets and break."""
import os
import signal

from harness import client, network, steps
from harness.case import SLACK, Clock, config, group, main, tier
from harness.nodes import SLOWER, Cluster, most_in_any_window, pause
from harness.traffic import Traffic

# How long a lost node may go unnoticed, as docs/cluster.md promises.
T = 3.0
# A few milliseconds each way, packets overtake each other, and one in a hundred is lost.
WEATHER = {"delay": 0.002, "jitter": 0.004, "loss": 0.01}
FREE = [f"f{i}" for i in range(6)]


class Networked(Cluster):
    def nodes(self, count=5, weather=None, server=None, **settings):
        # The nodes listen beyond loopback, where the admin API needs its token.
        settings = config(self.upstreams, server={"admin_token": "t", **(server or {})}, **settings)
        return network.NetworkNodes(self, settings, count, weather)

    def upstream(self, *steps_, **place):
        return super().upstream(*steps_, address=network.OWN, **place)


class Everything(Networked):
    # With a sanitizer no more than half of the requests come about. That of threads looks at each access to memory: two cores
    # bear four such nodes and little load.
    sanitizer = os.environ.get("ECHELON_SANITIZE", "")
    names, limit, clients, pace = ("abcd", 30, 1, 1) if "thread" in sanitizer else ("abcde", 100 if sanitizer else 200, 2, 0.08)
    permits = 6

    def owned_by(self, nodes, name):
        """Targets that have an actor there."""
        found = []
        for target, model in [("g", "m1"), *[(f, f"m{i}") for i, f in enumerate(FREE, 2)]]:
            if name in (nodes.owner(f"group/{target}"), nodes.owner(f"model/{model}")):
                found.append(target)
        return found

    def cluster_but_one(self):
        u = self.upstream(steps.after(0.03, steps.ok()))
        for _ in FREE:
            self.upstream(steps.after(0.01, steps.ok()))
        bound = {"g": group(tier(["m1"], rpm_limit=self.limit, concurrency_limit=self.permits, timeout=5))}
        for i, name in enumerate(FREE, 2):
            bound[name] = group(tier([f"m{i}"], timeout=5))
            del bound[name]["echelon1"]["rpm_limit"]
        nodes = self.nodes(len(self.names), WEATHER, groups=bound, server={"total_timeout": 15})
        return u, nodes.start(*self.names[:-1])

    def lose(self, nodes, traffic, name, number):
        """Kills or freezes a node, until the others go on without it and it is back."""
        with traffic.disturbance(name, targets=self.owned_by(nodes, name)):
            lost = nodes.running.pop(name)
            lost.signal(number)
            if number == signal.SIGKILL:
                self.routers.remove(lost)
                lost.kill()
            nodes.settle()
            pause(2)
            if number == signal.SIGSTOP:
                lost.signal(signal.SIGCONT)
                nodes.running[name] = lost
                nodes.settle()
            else:
                nodes.start(name)

    def split(self, nodes, traffic, few):
        """Cuts some nodes off, for a while."""
        many = [n for n in nodes.names if n not in few]
        targets = {t for n in few for t in self.owned_by(nodes, n)}
        with traffic.disturbance(*few, targets=targets):
            nodes.split(few, many)
            nodes.settle(many)
            stopped = client.until(lambda: all(nodes[n].get("/readyz").status == 503 for n in few), 10 * SLOWER)
            self.assertTrue(stopped)
            pause(2)
            nodes.heal()
            nodes.settle(seconds=30)

    def restart_all(self, nodes, traffic):
        """One after the other, in good order: nobody else notices."""
        for name in nodes.names:
            with traffic.disturbance(name):
                router = nodes.running.pop(name)
                self.assertEqual(router.terminate(), 0)
                nodes.settle()
                nodes.start(name)

    def test_limits_hold_and_every_request_is_answered_whatever_happens(self):
        u, nodes = self.cluster_but_one()
        last, minority = self.names[-1], (len(self.names) - 1) // 2
        traffic = Traffic(nodes, ["g", *FREE[:3], "g", *FREE[3:]], clients=self.clients, pace=self.pace)
        pause(5)
        nodes.start(last)  # Joins under load.
        self.lose(nodes, traffic, nodes.owner("echelon/g.echelon1"), signal.SIGKILL)
        self.lose(nodes, traffic, nodes.owner("model/m1"), signal.SIGSTOP)
        self.split(nodes, traffic, sorted({nodes.owner("group/g"), "a", "b"})[:minority])
        self.restart_all(nodes, traffic)
        with traffic.disturbance(last):
            self.assertEqual(nodes.running.pop(last).terminate(), 0)  # Leaves.
            nodes.settle()

        def most():
            return most_in_any_window([h.at for h in u.hits], 60)
        # What was spent unknown to the living comes back: in the end a window has the whole limit, and no more.
        self.assertTrue(client.until(lambda: most() >= self.limit, 130, 0.5), most())
        pause(2)
        asks = traffic.stop()
        for x in asks:
            self.assertLess(x.took, 15 + SLACK, x)
        for x in traffic.of_living_nodes():
            self.assertIn(x.status, (200, 429, 502, 503, 504), x)
        quiet = traffic.untouched()
        self.assertGreater(len(quiet), len(asks) / 3)
        for x in quiet:
            if x.target == "g":
                self.assertIn(x.status, (200, 429), x)
            else:
                self.assertEqual(x.status, 200, x)
        # Nobody else waits for a lost node. Only the network may be so bad for a moment: TCP sends what is lost, and lost
        # again, after ever longer pauses, longer still where the switch itself has to wait for a busy machine.
        late = [x for x in quiet if x.took >= T]
        self.assertLessEqual(len(late), len(quiet) / 1000, late)
        self.assertEqual(most(), self.limit)
        self.assertLessEqual(u.max_running, self.permits)
        nodes.idle(nodes.AFTER_A_LOSS)


class Cuts(Networked):
    def one_of_each(self, nodes):
        """A node that has neither the group nor the model, and the one that has the model."""
        owners = {nodes.owner("group/g"), nodes.owner("model/m1")}
        return next(n for n in nodes.names if n not in owners), nodes.owner("model/m1")

    def test_CLUSTER_1_packets_that_vanish_leave_nobody_without_an_answer(self):
        u = self.upstream(steps.after(5, steps.ok()))
        nodes = self.nodes(3, every={"timeout": 8}, server={"total_timeout": 12}).start()
        asker, owner = self.one_of_each(nodes)
        result = client.later(lambda: client.at_once(20, lambda i: nodes[asker].chat()))
        self.assertTrue(client.until(lambda: len(u.hits) == 20))
        for a, b in ((asker, owner), (owner, asker)):
            nodes.network.cut(a, b)
        nodes.network.apply()
        # The calls themselves are not on that link: all are answered by the attempt that began.
        self.assertEqual([r.status for r in result()], [200] * 20)
        reply = nodes[asker].chat()
        # Refused by the rest of the window, if the tier's owner counts as lost.
        self.assertIn(reply.status, (200, 429, 502, 503, 504), reply)
        self.assertLess(reply.took, 12 + SLACK)
        nodes.heal()
        nodes.settle()
        nodes.idle(nodes.AFTER_A_LOSS)

    def test_CLUSTER_3_a_link_that_is_cut_one_way_works_again_when_it_heals(self):
        limit = 100
        u = self.upstream(steps.ok())
        nodes = self.nodes(3, every={"rpm_limit": limit}, server={"total_timeout": 10}).start()
        asker, owner = self.one_of_each(nodes)
        for source, target in ((asker, owner), (owner, asker)):
            with self.subTest(f"{source} to {target}"):
                self.assertIn(nodes[asker].chat("m1").status, (200,))
                # Neither side gets a reset: the connection is half open.
                nodes.network.cut(source, target)
                nodes.network.apply()
                for i in range(12):
                    reply = nodes.turn(i).chat("m1" if i % 2 else "g", timeout=20)
                    self.assertIn(reply.status, (200, 429, 502, 503, 504), reply)
                pause(10)  # Long enough for TCP to wait for seconds between two tries.
                nodes.heal()
                clock = Clock()

                def works():
                    return all(nodes[n].chat("m1", timeout=20).status == 200 for n in nodes.names)
                self.assertTrue(client.until(works, 2 * T + SLACK, 0.1))
                self.assertLess(clock.now, 2 * T + 2 * SLACK)
        nodes.settle()
        for i in range(150):
            self.assertIn(nodes.turn(i).chat().status, (200, 429))
        self.assertLessEqual(most_in_any_window([h.at for h in u.hits if b"g" in h.body], 60), 2 * limit)
        nodes.idle(nodes.AFTER_A_LOSS)

    def test_CLUSTER_6_after_a_split_there_is_again_one_truth(self):
        limit = 60
        u = self.upstream(steps.ok())
        u2 = self.upstream(steps.ok())
        breaker = {"failure_threshold": 1, "recovery_time": 300}
        nodes = self.nodes(4, server={"total_timeout": 6}, groups={
            "g": group(tier(["m1"], rpm_limit=limit)), "h": group(tier(["m2"]), breaker=breaker)}).start()
        for i in range(20):
            self.assertOk(nodes.turn(i).chat())
        nodes.split("ab", "cd")  # Half of the nodes, with the first by name, is a quorum.
        nodes.settle("ab")
        self.assertTrue(client.until(lambda: all(nodes[n].get("/readyz").status == 503 for n in "cd"), 10))
        replies = client.at_once(40, lambda i: nodes["abcd"[i % 4]].chat())
        for i, reply in enumerate(replies):
            self.assertIn(reply.status, (200, 429) if "abcd"[i % 4] in "ab" else (503, 504), reply)
        # A breaker opens on the side that goes on, and a reload is taken there.
        u2.play(steps.error(500))
        self.assertError(nodes["a"].chat("h"), 502)
        changed = {**nodes.settings, "cluster": nodes.cluster,
                   "workflow_nodes": {"n": {"type": "llm", "llm_group": "g.echelon1"}}}
        nodes["a"].write(changed)
        self.assertEqual(nodes["a"].post("/admin/reload").status, 200)
        refused = nodes["c"].post("/admin/reload")
        self.assertEqual(refused.status, 422, refused)
        self.assertIn("no quorum", refused.body.decode())
        nodes.heal()
        clock = Clock()
        nodes.settle()
        self.assertLess(clock.now, 3 * T + SLACK)
        for path in ("group/g", "echelon/g.echelon1", "model/m1", "model/m2"):
            nodes.owner(path)  # One, as all see it.
        # The side without a quorum could not change the breaker: the newer state is the other one's.
        for name in nodes.names:
            self.assertTrue(client.until(lambda n=name: nodes[n].breaker("model/m2") == "open", 5))
            self.assertError(nodes[name].chat("h"), 503)

        # That the configurations differ is told by every node, in the state and in the log.
        def told(by, of):
            return {m["node"]: m["same_config"] for m in nodes.state(by)["cluster"]["members"]} == {
                n: n not in of for n in nodes.names}
        for by, of in (("a", "cd"), ("b", "cd"), ("c", "ab"), ("d", "ab")):
            self.assertTrue(client.until(lambda b=by, o=of: told(b, o), 5), nodes.state(by)["cluster"])
            self.assertIn("runs another configuration", nodes[by].log())
        # A reload makes them one again.
        self.assertEqual(nodes["a"].post("/admin/reload").status, 200)
        for name in nodes.names:
            self.assertTrue(client.until(lambda n=name: told(n, ""), 5))
        for name in nodes.names:
            # Its actor went to an owner that did not know of it, and was put together there.
            self.assertTrue(client.until(lambda n=name: nodes[n].chat("n").status in (200, 429), 5))
        client.at_once(100, lambda i: nodes.turn(i).chat())
        self.assertLessEqual(most_in_any_window([h.at for h in u.hits], 60), limit)
        nodes.idle(nodes.AFTER_A_LOSS)


if __name__ == "__main__":
    network.enter()
    main()
