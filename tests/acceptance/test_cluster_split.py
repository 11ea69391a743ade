"""A cluster whose network splits: `partition: strict` and `scale`."""
import os
import pathlib
import signal
import tempfile

from harness import client, findings, steps
from harness.case import config, main
from harness.nodes import Cluster, Nodes, most_in_any_window

SHIM = os.environ["ECHELON_CUT_LINKS"]


class SplitNodes(Nodes):
    """Nodes between which links can be cut."""

    def __init__(self, case, settings, partition):
        super().__init__(case, settings)
        self.cluster["partition"] = partition
        self.folder = tempfile.TemporaryDirectory(prefix="echelon-cut-")
        case.addCleanup(self.folder.cleanup)

    def file(self, name):
        return pathlib.Path(self.folder.name, name)

    def place(self, name):
        return {**super().place(name), "env": {"LD_PRELOAD": SHIM, "ECHELON_CUT": str(self.file(name)),
                                               **findings.preloaded()}}

    def split(self, *sides):
        """Between these sides nothing passes any more; a file is replaced as a whole."""
        for side in sides:
            for name in side:
                ports = [str(self.ports[other]) for other in self.names if other not in side]
                fresh = self.file(name + ".new")
                fresh.write_text("\n".join(ports))
                fresh.rename(self.file(name))

    def heal(self):
        self.split(self.names)
        self.settle(seconds=30)

    def sides(self, expected, seconds=25):
        """Until each node acts on the side that is expected of it, with its share."""
        def seen():
            found = {}
            for name in self.running:
                state = self.state(name)["cluster"]
                members = "".join(m["node"] for m in state["members"])
                found[name] = (members, state["share"]) if state["acts"] else None
            return found
        reached = client.until(lambda: seen() == expected, seconds, 0.1)
        self.case.assertTrue(reached, (seen(), expected))


def limiter(router):
    return router.actor("echelon/g.echelon1")["limiter"]


class Splits(Cluster):
    def nodes(self, partition, **changes):
        return SplitNodes(self, config(self.upstreams, **changes), partition).start()

    def test_strict_the_minority_stops(self):
        self.upstream(steps.ok())
        nodes = self.nodes("strict", server={"total_timeout": 4})
        nodes.split("a", "bc")
        nodes.settle(["b", "c"])
        self.assertTrue(client.until(lambda: nodes["a"].get("/readyz").status == 503, 10))
        self.assertError(nodes["a"].chat(), 503)
        self.assertOk(nodes["b"].chat("m1"))
        nodes.heal()
        self.assertOk(nodes["a"].chat("m1"))

    def test_scale_each_side_has_its_share_and_the_sum_is_the_limit(self):
        limit = 32
        u = self.upstream(steps.ok())
        nodes = self.nodes("scale", every={"rpm_limit": limit}, server={"total_timeout": 25})
        owner = nodes.owner("echelon/g.echelon1")
        others = "".join(n for n in nodes.names if n != owner)
        for i in range(4):
            self.assertOk(nodes.turn(i).chat())
        nodes.split(owner, others)
        nodes.sides({owner: (owner, "1/3"), **{n: (others, "2/3") for n in others}})
        self.assertEqual({n: nodes[n].get("/readyz").status for n in nodes.names}, dict.fromkeys(nodes.names, 200))
        # Where the tier lived what was started before is counted; a third of 32 is 10.
        self.assertEqual(limiter(nodes[owner]), {"limit": 10, "available": 6})
        # Elsewhere all that was not known is spent, for one window: the last of it was given a while ago.
        self.assertEqual(limiter(nodes[others[0]])["limit"], 21)
        replies = client.at_once(60, lambda i: nodes[nodes.names[i % 3]].chat())
        self.assertEqual({r.status for r in replies}, {200, 429})
        first = len(u.hits)
        self.assertEqual(first, 4 + 6)
        # When the window has passed, both have theirs.
        self.assertTrue(client.until(lambda: limiter(nodes[others[0]])["available"] == 21
                                     and limiter(nodes[owner])["available"] == 10, 130, 0.5))
        replies = client.at_once(90, lambda i: nodes[nodes.names[i % 3]].chat())
        statuses = [r.status for r in replies]
        self.assertEqual((statuses.count(200), statuses.count(429)), (31, 59), statuses)
        self.assertLessEqual(most_in_any_window([h.at for h in u.hits], 60), limit)
        nodes.heal()
        self.assertEqual(nodes.state("a")["cluster"]["share"], "1/1")
        self.assertEqual(limiter(nodes["a"])["limit"], limit)
        replies = [nodes.turn(i).chat().status for i in range(30)]
        self.assertTrue(set(replies) <= {200, 429}, replies)
        self.assertLessEqual(most_in_any_window([h.at for h in u.hits], 60), limit)
        for i in range(6):
            self.assertOk(nodes.turn(i).chat("m1"))

    def test_scale_permits_running_calls_count_and_a_share_of_zero_refuses(self):
        u = self.upstream(steps.after(0.05, steps.ok()))
        # Without a rate limit, which would count as spent where the tier has not lived.
        settings = config(self.upstreams, every={"concurrency_limit": 2}, server={"total_timeout": 25})
        del settings["task_groups"]["g"]["echelon1"]["rpm_limit"]
        nodes = SplitNodes(self, settings, "scale").start()
        owner = nodes.owner("echelon/g.echelon1")
        for lone in (owner, next(n for n in nodes.names if n != owner)):
            pair = "".join(n for n in nodes.names if n != lone)
            nodes.split(lone, pair)
            nodes.sides({lone: (lone, "1/3"), **{n: (pair, "2/3") for n in pair}})
            # One of 2 permits on this side, none on that one.
            self.assertEqual([nodes[n].actor("echelon/g.echelon1")["permits"]["limit"] for n in (lone, *pair)],
                             [0, 1, 1])
            self.assertError(nodes[lone].chat(), 429)
            u.max_running = 0
            # Where the tier has not lived, calls that nobody here knows of may run for 10 s.
            replies = client.at_once(12, lambda i, pair=pair: nodes[pair[i % 2]].chat())
            self.assertEqual({r.status for r in replies}, {200})
            self.assertEqual(u.max_running, 1)
            nodes.heal()
            replies = client.at_once(12, lambda i: nodes.turn(i).chat())
            self.assertEqual({r.status for r in replies}, {200})
            self.assertLessEqual(u.max_running, 2)
            nodes.idle()

    def test_scale_the_stricter_breaker_goes_on_when_the_split_heals(self):
        u = self.upstream(steps.ok())
        nodes = self.nodes("scale", breaker={"failure_threshold": 1, "recovery_time": 300},
                           server={"total_timeout": 12})
        owner = nodes.owner("model/m1")
        others = "".join(n for n in nodes.names if n != owner)
        nodes.split(owner, others)
        nodes.sides({owner: (owner, "1/3"), **{n: (others, "2/3") for n in others}})
        u.play(steps.error(500))
        self.assertError(nodes[others[0]].chat("m1"), 502)
        self.assertEqual(nodes[others[0]].breaker(), "open")
        self.assertEqual(nodes[owner].breaker(), "closed")
        nodes.heal()
        for name in nodes.names:
            self.assertTrue(client.until(lambda n=name: nodes[n].breaker() == "open", 10))
            self.assertError(nodes[name].chat("m1"), 503)

    def test_scale_a_node_that_is_killed_costs_its_share_until_it_starts_again(self):
        u = self.upstream(steps.ok())
        nodes = self.nodes("scale", every={"rpm_limit": 6000})
        nodes["c"].signal(signal.SIGKILL)
        nodes.forget("c")
        reply = nodes["a"].chat("m1")
        self.assertOk(reply)
        nodes.sides({"a": ("ab", "2/3"), "b": ("ab", "2/3")})
        nodes.start("c")
        nodes.sides({n: ("abc", "1/1") for n in "abc"})
        for i in range(6):
            self.assertOk(nodes.turn(i).chat("m1"))
        self.assertTrue(u.hits)


if __name__ == "__main__":
    main()
