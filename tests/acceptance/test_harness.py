"""The harness itself: a script is played as written and the client sees what was sent."""
import pathlib
import re
import unittest

from harness import client, steps
from harness.case import Case, main


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
