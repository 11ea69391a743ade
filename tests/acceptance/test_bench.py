"""`echelon bench`: what it sends, what it measures, and what it says when something fails."""
import json
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import unittest

from harness import client, steps
from harness.case import Case, main
from harness.router import BINARY, run

ROOT = pathlib.Path(__file__).resolve().parents[2]


def bench(url, *args, code=0, target="g"):
    """Runs it to its end; the report as JSON."""
    done = run("bench", target, "--url", url, "--json", *args, timeout=60)
    if done.returncode != code:
        raise AssertionError(f"exit {done.returncode}, not {code}: {done.stderr}{done.stdout}")
    return json.loads(done.stdout)


class Counts(Case):
    """What it says it did is what was done."""

    def test_every_request_of_a_rate_is_sent_once(self):
        u = self.upstream(steps.ok())
        router = self.serve()
        x = bench(router.url, "--rate", "100", "--for", "500ms", "--connections", "4", "--prompt", "count me")
        self.assertEqual((x["requests"], x["good"], x["failed"], x["statuses"]), (50, 50, 0, {"200": 50}))
        self.assertEqual((x["latency_ms"]["count"], x["late_ms"]["count"], x["first_token_ms"]), (50, 50, None))
        self.assertEqual(len(u.hits), 50)
        self.assertEqual({h.json()["messages"][0]["content"] for h in u.hits}, {"count me"})
        self.assertGreaterEqual(x["took"], 0.49)

    def test_without_a_rate_each_connection_sends_when_it_was_answered(self):
        gate, three = threading.Event(), threading.Event()
        lock, now, most = threading.Lock(), [0], [0]

        def step(x):
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            if now[0] == 3:
                three.set()
            gate.wait(10)
            with lock:
                now[0] -= 1
            steps.ok()(x)
        u = self.upstream(step)
        opener = threading.Thread(target=lambda: (three.wait(10), gate.set()))
        opener.start()
        x = bench(u.url, "--connections", "3", "--for", "1s")
        opener.join()
        self.assertTrue(three.is_set(), "three at once")
        self.assertEqual(most[0], 3)
        self.assertGreater(x["good"], 3)
        self.assertEqual((x["rate"], x["failed"], x["good"]), (None, 0, len(u.hits)))

    def test_the_router_counts_the_same(self):
        router = self.serve({"task_groups": {"g": {"echelon1": {"models": ["m1"], "priority": 1}}},
                             "providers": {"s": {"kind": "simulator"}},
                             "models": {"m1": {"provider": "s", "model": "x"}}})
        x = bench(router.url, "--for", "300ms")
        self.assertEqual(x["good"], x["requests"])
        totals = router.actor("model/m1")["totals"]
        self.assertEqual((totals["succeeded"], totals["failed"]), (x["good"], 0))

    def test_without_a_target_it_takes_the_first_that_is_listed(self):
        self.upstream(steps.ok())
        router = self.serve(auth={"keys": {"me": "client-key"}})
        done = run("bench", "--url", router.url, "--rate", "20", "--for", "100ms", "--json", "--key", "client-key")
        self.assertEqual(done.returncode, 0, done)
        listed = client.request(router.url, "GET", "/v1/models", headers=[("Authorization", "Bearer client-key")])
        self.assertEqual(json.loads(done.stdout)["target"], listed.json()["data"][0]["id"])
        without = run("bench", "--url", router.url, "--for", "100ms")
        self.assertEqual(without.returncode, 2)
        self.assertIn("--key", without.stderr)

    def test_a_connection_that_was_closed_meanwhile_is_no_failure(self):
        u = self.upstream(lambda x: (steps.ok()(x), x.close()))
        x = bench(u.url, "--rate", "50", "--for", "300ms", "--connections", "2")
        self.assertEqual((x["good"], x["failed"]), (15, 0), x)


class Times(Case):
    def simulate(self, script):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name, "script.json")
        path.write_text(json.dumps(script))
        simulator = subprocess.Popen([BINARY, "simulate", "--listen", "127.0.0.1:0", "--script", str(path)],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(simulator.stdout.close)
        self.addCleanup(simulator.wait, 20)
        self.addCleanup(simulator.terminate)
        return "http://" + simulator.stdout.readline().split("http://", 1)[1].strip()

    def test_a_request_that_waits_for_a_connection_is_charged_for_it(self):
        # One connection answers 20 requests a second; 100 a second become due. The i-th is due after
        # 0.01 i seconds and cannot be answered before 0.05 (i + 1).
        url = self.simulate({"defaults": {"latency": 0.05}})
        x = bench(url, "--rate", "100", "--for", "400ms", "--connections", "1")
        self.assertEqual((x["requests"], x["good"]), (40, 40))
        self.assertGreaterEqual(x["latency_ms"]["p50"], 1000 * (0.05 * 20 - 0.01 * 19))
        self.assertGreaterEqual(x["latency_ms"]["max"], 1000 * (0.05 * 40 - 0.01 * 39))
        self.assertGreaterEqual(x["late_ms"]["max"], 1000 * (0.05 * 39 - 0.01 * 39))
        self.assertGreaterEqual(x["took"], 2.0)

    def test_what_is_not_answered_in_time_has_failed_and_counts_as_latency(self):
        url = self.simulate({"rules": [{"then": {"hang": True}}]})
        x = bench(url, "--rate", "50", "--for", "200ms", "--connections", "1", "--timeout", "300ms", code=1)
        self.assertEqual((x["requests"], x["good"], x["statuses"]), (10, 0, {}))
        self.assertEqual([(f["kind"], f["count"]) for f in x["failures"]], [("timeout", 10)])
        self.assertEqual(x["latency_ms"]["count"], 10)
        self.assertGreaterEqual(x["latency_ms"]["p50"], 300)

    def test_the_first_token_of_a_stream_is_timed(self):
        url = self.simulate({"defaults": {"first_token": 0.1, "per_token": 0.02}, "rules": [{"then": {"words": 6}}]})
        x = bench(url, "--rate", "20", "--for", "500ms", "--stream")
        self.assertEqual((x["good"], x["first_token_ms"]["count"]), (10, 10))
        self.assertGreaterEqual(x["first_token_ms"]["p50"], 100)
        self.assertGreaterEqual(x["latency_ms"]["p50"], 200)
        self.assertGreaterEqual(x["events"], 10 * 7)

    def test_sigint_ends_it_early_with_a_report(self):
        u = self.upstream(steps.ok())
        process = subprocess.Popen([BINARY, "bench", "g", "--url", u.url, "--rate", "50", "--for", "1h", "--json"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.assertTrue(client.until(lambda: len(u.hits) >= 5, 20))
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
        x = json.loads(out)
        self.assertEqual((process.returncode, x["good"], x["failed"]), (0, len(u.hits), 0))


class Failures(Case):
    def test_refusals_are_told_by_status_and_code(self):
        self.upstream(steps.ok())
        router = self.serve(tiers={1: {"rpm_limit": 7}})
        x = bench(router.url, "--rate", "100", "--for", "200ms", target="g.echelon1", code=1)
        self.assertEqual((x["good"], x["failed"], x["statuses"]), (7, 13, {"200": 7, "429": 13}))
        (failure,) = x["failures"]
        self.assertEqual((failure["kind"], failure["count"]), ("429 rate_limit_exceeded", 13))
        self.assertTrue(failure["example"])

    def test_an_unknown_target_is_named(self):
        self.upstream(steps.ok())
        done = run("bench", "nope", "--url", self.serve().url, "--rate", "10", "--for", "100ms")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"failed +1 x 404 model_not_found: .*'nope'")

    def test_a_stream_that_breaks_has_failed(self):
        u = self.upstream()
        error = steps.pieces(steps.delta("a"), steps.failure("it broke"), then=lambda x: x.end())
        for step, kind, text in ((error, "broken stream", "it broke"),
                                 (steps.pieces(steps.delta("a"), then=lambda x: x.end()), "broken stream", "[DONE]"),
                                 (steps.pieces(steps.delta("a"), then=lambda x: x.reset()), "broken answer", "")):
            with self.subTest(kind=kind, text=text):
                u.play(step)
                x = bench(u.url, "--stream", "--rate", "20", "--for", "100ms", code=1)
                self.assertEqual([(f["kind"], f["count"]) for f in x["failures"]], [(kind, 2)])
                self.assertIn(text, x["failures"][0]["example"])
                self.assertEqual(x["first_token_ms"], None)

    def test_a_server_that_goes_away_is_no_endless_loop(self):
        u = self.upstream()

        def last(x):
            u.refuse()
            x.reset()
        u.play(last)
        x = bench(u.url, "--for", "500ms", "--connections", "2", code=1)
        self.assertEqual(x["good"], 0)
        self.assertLessEqual({f["kind"] for f in x["failures"]}, {"no answer", "no connection"})
        self.assertLess(x["failed"], 100)

    def test_nobody_there_and_wrong_usage_are_exit_2(self):
        for args, text in ((("--url", "http://127.0.0.1:1"), "Is `echelon serve` running there?"),
                           (("--url", "ftp://x"), "http://"), (("--for", "5x"), "--for"), (("--rate", "0"), "--rate"),
                           (("--connections", "0"), "--connections"), (("--connections", "999999"), "descriptors"),
                           (("--key", "a\r\nb"), "--key"), (("--timeout", "-1s"), "--timeout")):
            with self.subTest(args):
                done = run("bench", "g", *args)
                self.assertEqual(done.returncode, 2, done)
                self.assertIn(text, done.stderr)


class Training(unittest.TestCase):
    def test_the_load_that_a_profiled_build_is_compiled_for_is_answered(self):
        done = subprocess.run([ROOT / "scripts/train", pathlib.Path(BINARY).resolve(), "0.2"], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done)
        counts = re.findall(r"^requests +\d+: (\d+) went well, (\d+) failed", done.stdout, re.M)
        self.assertEqual(len(counts), 6, done.stdout)
        self.assertTrue(all(int(good) > 0 and failed == "0" for good, failed in counts), done.stdout)


if __name__ == "__main__":
    main()
