"""Money that a key may spend in a day and a month, by the models' price."""
import pathlib
import signal
import tempfile

from harness import client, steps
from harness.case import main
from harness.nodes import Cluster
from harness.router import run

WIDE = {"concurrency_limit": 500, "rpm_limit": 60000}
# An answer of the upstream has 3 + 2 tokens: 0.50. Of a request for two tokens 8 + 2 are expected: 1.00.
MODELS = {"m1": {"provider": "u1", "model": "real-1", "price": {"input_per_mtok": 100000, "output_per_mtok": 100000}}}
COST, GUESS = 0.5, 1.0


class Budgets(Cluster):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="echelon-store-")
        self.addCleanup(folder.cleanup)
        self.store = f"sqlite:{pathlib.Path(folder.name, 'echelon.db')}"

    def create(self, *options):
        done = run("keys", "create", "k", "--store", self.store, *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [("Authorization", f"Bearer {done.stdout.strip()}")]

    def settings(self):
        return {"every": WIDE, "auth": {"store": self.store}, "models": MODELS}

    def ask(self, router, headers):
        return router.chat(headers=headers, max_tokens=2)

    def spend_the_rest(self, router, ask):
        """One by one until the budget is spent, each when what the ones before it cost is known: until then more is reserved."""
        def known():
            return any(a["path"] == "key/k" and a["budget"]["reserved"] == 0 for a in router.get("/admin/state").json()["actors"])
        for _ in range(100):
            self.assertTrue(client.until(known))
            if ask().status != 200:
                return
        self.fail("the budget never ends")

    def assertSpent(self, reply):
        error = self.assertError(reply, 429)
        self.assertEqual((error["type"], error["code"]), ("insufficient_quota", "insufficient_quota"))
        self.assertIn("key/k", error["message"])
        self.assertRetryAfter(reply, 1, 31 * 86400)

    def test_many_at_once_do_not_overrun_a_budget(self):
        u = self.upstream(steps.after(0.05, steps.ok()))
        headers = self.create("--monthly-budget", "10")
        router = self.serve(**self.settings())
        replies = client.at_once(60, lambda _: self.ask(router, headers))
        self.assertEqual({r.status for r in replies}, {200, 429})
        self.assertSpent(next(r for r in replies if r.status == 429))
        self.assertLessEqual(u.max_running, 10 / GUESS)
        self.spend_the_rest(router, lambda: self.ask(router, headers))
        # 9.50 are spent: what is left does not cover one more guess.
        self.assertEqual(len(u.hits), (10 - GUESS) / COST + 1)
        budget = router.actor("key/k")["budget"]
        self.assertEqual((budget["spent_this_month"], budget["reserved"], budget["monthly"]), (9.5, 0, 10))

    def test_what_was_spent_comes_back_after_a_restart_and_after_kill_9(self):
        u = self.upstream(steps.ok())
        headers = self.create("--monthly-budget", "6")
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
            router = self.serve(**self.settings())
            for _ in range(4):
                self.ask(router, headers)
            router.signal(number)
            router.process.wait()
            router.process.returncode = 0  # On purpose.
        self.assertEqual(len(u.hits), (6 - GUESS) / COST + 1)

    def test_a_failed_request_gives_its_reserve_back(self):
        self.upstream(steps.error(500))
        headers = self.create("--monthly-budget", "1.5")
        router = self.serve(**self.settings(), breaker={"failure_threshold": 100})
        for _ in range(6):
            self.assertError(self.ask(router, headers), 502)
        budget = router.actor("key/k")["budget"]
        self.assertEqual((budget["spent_this_month"], budget["reserved"]), (0, 0))

    def test_a_budget_of_the_configuration_needs_a_store(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "c.yaml")
            file.write_text("auth: {clients: {a: {sha256: " + "0" * 64 + ", daily_budget: 1}}}\n")
            shown = run("validate", "--config", str(file))
        self.assertIn("needs-store", shown.stdout)

    def test_a_budget_is_exact_over_three_nodes(self):
        u = self.upstream(steps.after(0.02, steps.ok()))
        headers = self.create("--monthly-budget", "10")
        nodes = self.nodes(**self.settings())
        replies = client.at_once(45, lambda i: self.ask(nodes.turn(i), headers))
        self.assertEqual({r.status for r in replies}, {200, 429}, replies)
        turns = iter(range(1000))
        self.spend_the_rest(nodes.turn(0), lambda: self.ask(nodes.turn(next(turns)), headers))
        for i in range(3):
            self.assertSpent(self.ask(nodes.turn(i), headers))
        self.assertEqual(len(u.hits), (10 - GUESS) / COST + 1)
        # The key moves, and takes with it what was spent.
        owner = nodes.owner("key/k")
        nodes[owner].terminate()
        nodes.forget(owner)
        nodes.settle()
        for i in range(2):
            self.assertSpent(self.ask(nodes.turn(i), headers))


if __name__ == "__main__":
    main()
