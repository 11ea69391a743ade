"""`echelon chaos`: what is struck under load costs no request, no limit, no permit and no breaker; and it says so when it does."""
import json
import os
import pathlib
import re
import tempfile

from harness import client, steps
from harness.case import Case, main
from harness.router import run


def chaos(*args, code=0, timeout=200):
    """Runs it to its end; the report as JSON, and the page."""
    with tempfile.TemporaryDirectory(prefix="echelon-test-") as folder:
        report, page = pathlib.Path(folder, "report.json"), pathlib.Path(folder, "report.html")
        done = run("chaos", *args, "--json", str(report), "--html", str(page), timeout=timeout)
        if done.returncode != code:
            raise AssertionError(f"exit {done.returncode}, not {code}: {done.stderr}{done.stdout}")
        return json.loads(report.read_text()), page.read_text()


# Each message is a race to look at and to forgive then: CAF is not instrumented.
SLOW = "thread" in os.environ.get("ECHELON_SANITIZE", "")


def faults(*names):
    """Without those that a sanitizer makes too slow."""
    if SLOW:
        names = [x for x in names if x != "fill"]
    return ",".join(names)


class Actors(Case):
    """Of a router that it starts itself."""

    def test_each_kind_of_actor_is_killed_200_times_under_load(self):
        # Answers that come late now and then make requests pile up before each limit.
        x, page = chaos("--for", "40s", "--times", "200", "--faults", "kill,slow-upstreams", "--seed", "7")
        self.assertTrue(x["good"], x)
        self.assertEqual(x["requests"]["lost"], 0, x["losses"])
        self.assertEqual(x["requests"]["cut_off"], 0)
        self.assertGreater(x["requests"]["answered"], x["requests"]["sent"] * 0.6)
        self.assertEqual({r["kind"] for r in x["refusals"]} - {"429 rate_limit_exceeded"}, set())
        # Each level and the supervisor; who is not there for a moment cannot be struck.
        kills = x["faults"]["kill"]
        self.assertEqual(kills["dealt"] + kills["not_dealt"], 7 * 200)
        self.assertGreater(kills["dealt"], 7 * 190)
        self.assertGreater(x["restarts"]["actors"], 6 * 180)
        self.assertGreater(x["restarts"]["supervisors"], 180)
        self.assertEqual([l for l in x["limits"] if not l["held"]], [])
        for l in x["limits"]:
            self.assertGreaterEqual(l["most"], l["limit"] if l["counts"] == "at once" else l["limit"] / 2, l)
        self.assertEqual((x["held"], x["complaints"]), ([], []))
        self.assertIn("<svg", page)
        self.assertNotIn("http:", re.sub(r'xmlns="[^"]*"', "", page.split("<pre>")[0]))

    def test_every_fault_of_one_router_at_random_on_a_full_disk(self):
        all_of_them = faults("kill", "throw", "throw-late", "pause", "fill", "descriptors", "cut-upstreams", "slow-upstreams")
        x, _ = chaos("--for", "12s", "--times", "12", "--full-disk", "--seed", "3", "--faults", all_of_them)
        self.assertEqual(x["requests"]["lost"], 0, x["losses"])
        self.assertTrue(x["good"], x)
        self.assertEqual(set(x["faults"]), set(all_of_them.split(",")))

    def test_a_script_says_what_happens_when(self):
        with tempfile.TemporaryDirectory(prefix="echelon-test-") as folder:
            script = pathlib.Path(folder, "s.yaml")
            script.write_text("for: 3\nrate: 20\nstrikes:\n"
                              "  - {at: 0.5, fault: pause, subject: model/m1, for: 0.3}\n"
                              "  - {at: 1.5, fault: kill, subject: group/some_group}\n"
                              "  - {at: 1.6, fault: kill, subject: model/nobody}\n")
            x, _ = chaos(str(script))
        self.assertEqual([(s["fault"], s["subject"]) for s in x["strikes"]],
                         [("pause", "model/m1"), ("kill", "group/some_group"), ("kill", "model/nobody")])
        self.assertIn("404", x["strikes"][2]["failed"])
        self.assertEqual(x["restarts"]["actors"], 1)
        self.assertEqual(x["requests"]["sent"], 5 * 3 * 20)

    def test_a_cluster_loses_a_node_and_nothing_else(self):
        with tempfile.TemporaryDirectory(prefix="echelon-test-") as folder:
            script = pathlib.Path(folder, "s.yaml")
            rate = "rate: 2\n" if SLOW else ""
            script.write_text(f"for: 16\nnodes: 3\n{rate}strikes:\n"
                              "  - {at: 2, fault: kill-node, subject: b, for: 1}\n"
                              "  - {at: 9, fault: kill, subject: model/m1}\n")
            x, _ = chaos(str(script))
        self.assertTrue(x["good"], x)
        self.assertGreater(x["requests"]["cut_off"], 0)
        self.assertEqual([s.get("failed") for s in x["strikes"]], [None, None])


    def test_messages_between_nodes_that_are_lost_cost_time_and_nothing_else(self):
        x, _ = chaos("--nodes", "3", "--for", "10s", "--times", "5", "--faults", "drop", "--seed", "5")
        self.assertEqual(x["requests"]["lost"], 0, x["losses"])
        self.assertTrue(x["good"], x)
        self.assertGreater(x["faults"]["drop"]["dealt"], 25)
        self.assertGreater(x["requests"]["answered"], x["requests"]["sent"] / 2)


class Elsewhere(Case):
    """A router that runs already."""

    def test_its_actors_are_struck_if_it_lets_them(self):
        self.upstream(steps.ok())
        router = self.serve(args=("--chaos", "--max-restarts", "100000"))
        reply = router.post("/admin/actors/model/m1/drop")
        self.assertEqual((reply.status, reply.json()["error"]["code"]), (400, "no_cluster"))
        x, _ = chaos("--url", router.url, "--target", "g", "--for", "3s", "--times", "20",
                     "--faults", faults("kill", "throw", "throw-late", "pause", "fill"))
        self.assertEqual(x["requests"]["lost"], 0, x["losses"])
        self.assertEqual((x["limits"], x["held"]), ([], []))
        self.assertGreater(x["restarts"]["actors"], 5)

    def test_not_without_its_consent(self):
        self.upstream()
        router = self.serve()
        done = run("chaos", "--url", router.url, "--target", "g")
        self.assertEqual(done.returncode, 2)
        self.assertIn("start it with `echelon serve --chaos`", done.stderr)


class Paused(Case):
    def test_an_actor_that_answers_nobody_costs_no_more_than_the_deadline_and_no_permit(self):
        upstream = self.upstream(steps.ok())
        router = self.serve(args=("--chaos",))
        actors = ["group/g", "echelon/g.echelon1", "model/m1"]
        for actor in actors:
            with self.subTest(actor):
                before = len(upstream.hits)
                self.assertEqual(router.post(f"/admin/actors/{actor}/pause?ms=10000").status, 202)
                reply = router.chat(headers=[("x-echelon-timeout-ms", "500")])
                self.assertEqual((reply.status, reply.json()["error"]["code"]), (504, "deadline_exceeded"))
                self.assertLess(reply.took, 6)
                state = router.get("/admin/state")
                self.assertLess(state.took, 6)
                self.assertEqual({a["path"] for a in state.json()["actors"]} & set(actors), set(actors) - {actor})
                # What it grants when it is back belongs to nobody.
                self.assertEqual(router.chat().status, 200)
                self.assertEqual(len(upstream.hits), before + 1)
                self.assertTrue(client.until(lambda: not any(router.in_flight(x) for x in actors), 5))


class Mistakes(Case):
    def test_each_is_named_with_its_place(self):
        for text, told in (("strikes: [{at: 1, fault: kill}]", ":1:11: kill needs a subject"),
                           ("for: 3\nstrikes:\n  - {at: 1, fault: explode}", ":3:20: unknown fault 'explode'; there are: kill,"),
                           ("fore: 3", ":1:1: unknown key 'fore'"), ("for: -1", ":1:6: for must be a number from 1"),
                           ("strikes: [{at: 1, fault: kill, subject: x, for: 2}]", ": kill does not last"),
                           ("a: [", ":1:")):
            with self.subTest(text), tempfile.TemporaryDirectory(prefix="echelon-test-") as folder:
                script = pathlib.Path(folder, "s.yaml")
                script.write_text(text)
                done = run("chaos", str(script))
                self.assertEqual(done.returncode, 2)
                self.assertIn("s.yaml" + told if told.startswith(":1") or told.startswith(":3") else told, done.stderr)

    def test_options_that_do_not_fit(self):
        for args, told in ((("--faults", "explode"), "unknown fault 'explode'"),
                           (("--url", "http://127.0.0.1:1", "--target", "g", "--faults", "kill-node"), "only actors can be struck"),
                           (("--faults", "drop"), "drop needs --nodes 2 or more"),
                           (("--url", "http://127.0.0.1:1"), "--url needs --target"),
                           (("nowhere.yaml",), "nowhere.yaml: cannot be read")):
            with self.subTest(args):
                done = run("chaos", *args)
                self.assertEqual(done.returncode, 2)
                self.assertIn(told, done.stderr)


if __name__ == "__main__":
    main()
