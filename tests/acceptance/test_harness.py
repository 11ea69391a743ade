"""The harness itself: a script is played as written and the client sees what was sent."""
import contextlib
import io
import os
import pathlib
import re
import subprocess
import unittest

from harness import client, findings, steps
from harness.case import Case, main
from harness.router import Router


class Harness(Case):
    def ask(self, upstream, **fields):
        return client.chat(upstream.url, "m", **fields)

    def test_steps_are_played_in_order_and_the_last_one_repeats(self):
        u = self.upstream(steps.error(500), steps.ok("a"))
        self.assertEqual([self.ask(u).status for _ in range(3)], [500, 200, 200])
        self.assertHits("U1,U1,U1")
        self.assertEqual(u.hits[0].json()["model"], "m")

    def test_a_stream_is_seen_event_by_event(self):
        reply = self.ask(self.upstream(steps.stream("a", "b")), stream=True)
        self.assertEqual((reply.content(), reply.events()[-1]), ("ab", "[DONE]"))
        self.assertEqual(reply.finish_reasons(), ["stop"])

    def test_a_cut_stream_is_seen_as_cut(self):
        for step in (steps.fin, steps.reset):
            with self.subTest(step.__name__):
                reply = self.ask(self.upstream(steps.pieces(steps.delta("a"), then=step)))
                self.assertFalse(reply.whole)
                self.assertEqual(reply.content(), "a")

    def test_a_leaving_client_is_noticed(self):
        u = self.upstream(steps.hang())
        with client.Connection(u.url) as c:
            c.send("POST", "/v1/chat/completions", client.prompt())
            self.assertTrue(client.until(lambda: u.hits))
        self.assertTrue(client.until(lambda: u.hits[0].closed_at))

    def test_the_number_of_running_requests_is_counted(self):
        u = self.upstream(steps.after(0.3, steps.ok()))
        client.at_once(4, lambda _: self.ask(u))
        self.assertEqual(u.max_running, 4)


class Findings(unittest.TestCase):
    """What a sanitizer finds fails the test, in a process that nobody looks at too."""

    def outcome(self, run):
        """Of a test that runs this in an environment and does not ask how it went."""
        environment = dict(os.environ)
        found = findings.Findings(environment)
        self.addCleanup(found.folder.cleanup)

        class Careless(unittest.TestCase):
            def test_it(self):
                run(environment)
        return unittest.TextTestRunner(io.StringIO(), resultclass=findings.result_with(found)).run(Careless("test_it"))

    def test_a_report_of_a_process_that_was_killed_fails_the_test(self):
        for text, wrong in (("==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x1", 1),
                            ("==7==ERROR: LeakSanitizer: detected memory leaks", 1),
                            ("WARNING: ThreadSanitizer: data race (pid=7)", 1),
                            ("a.cpp:1:2: runtime error: signed integer overflow", 1),
                            ("==7==WARNING: ASan is ignoring requested __asan_handle_no_return", 0)):
            script = f"echo '{text}' > ${{ASAN_OPTIONS##*log_path=}}.7; kill -9 $$"
            with self.subTest(text):
                result = self.outcome(lambda env, s=script: subprocess.run(["sh", "-c", s], env=env, check=False))
                self.assertEqual(len(result.failures), wrong)
                if wrong:
                    self.assertIn(text, result.failures[0][1])

    def test_what_the_sanitizers_of_this_build_find_in_a_router_fails_the_test(self):
        kinds = {"address": ("memory", "heap-use-after-free"), "undefined": ("number", "signed integer overflow"),
                 "thread": ("race", "data race")}

        def start(env, what):
            with contextlib.suppress(RuntimeError):  # It ends before it listens.
                Router({}, env=env, wrap=[os.environ["ECHELON_WRONG"], what])
        for name in filter(None, os.environ.get("ECHELON_SANITIZE", "").split(",")):
            what, told = kinds[name]
            with self.subTest(name):
                result = self.outcome(lambda env, w=what: start(env, w))
                self.assertEqual(len(result.failures), 1)
                self.assertIn(told, result.failures[0][1])

    def test_every_program_of_tests_looks_for_them(self):
        for path in sorted(pathlib.Path(__file__).parent.glob("test_*.py")):
            self.assertRegex(path.read_text(), r"(?s)\nfrom harness\.case import [\w\s,\\()]*\bmain\b.*\n    main\(\)\n$", path.name)


class Security(unittest.TestCase):
    """Every claim of docs/security.md has its test."""

    def test_the_tests_that_the_threat_model_names_are_there(self):
        here = pathlib.Path(__file__).parent
        root = here.parent.parent
        rows = [line for line in (root / "docs/security.md").read_text().splitlines()
                if line.startswith("| ") and "shown by" not in line and "---" not in line]
        threats = [line.split("|")[-2] for line in rows if line.count("|") in (4, 5) and "`" in line.split("|")[-2]]
        self.assertGreater(len(threats), 30)
        named = [(file, test) for cell in threats
                 for file, tests in re.findall(r"`(\w+): ((?:test_\w+(?:\.\.\.)?`(?:, `)?)+)", cell)
                 for test in re.findall(r"test_\w+", tests)]
        self.assertGreater(len(named), 40)
        for file, test in named:
            with self.subTest(file=file, test=test):
                text = (here / f"test_{file}.py").read_text()
                self.assertRegex(text, rf"def {test}")


if __name__ == "__main__":
    main()
