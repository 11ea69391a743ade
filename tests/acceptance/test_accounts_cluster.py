"""Three nodes over one PostgreSQL, which is killed and comes back."""
import os
import signal
import tempfile
import threading
import time

from harness import client, steps
from harness.case import SLACK, main
from harness.nodes import Cluster
from harness.postgres import Postgres

WIDE = {"concurrency_limit": 500, "rpm_limit": 60000}


def bearer(key):
    return [("Authorization", f"Bearer {key}")]


class Accounts(Cluster):
    def setUp(self):
        super().setUp()
        self.postgres = Postgres(self)
        self.spool = tempfile.mkdtemp(prefix="spool-", dir=self.postgres.folder)

    def accounts(self):
        """Nodes whose journals have folders of their own."""
        return self.nodes(every=WIDE, auth={"store": self.postgres.url, "spool": self.spool + "/${NODE}"})

    @staticmethod
    def created(router, wanted):
        """The answer, unless it is that a store on a busy machine takes too long to let anybody in."""
        made = router.post("/admin/keys", {"name": "k", **wanted})
        return made if made.status != 503 else None

    def create(self, router, **wanted):
        made = client.until(lambda: self.created(router, wanted), 30, 0.2)
        self.assertEqual(made and made.status, 201, made)
        return bearer(made.json()["key"])

    def everywhere(self, nodes, headers, status, seconds=20.0):
        """Every node answers so within this time."""
        def all_do():
            return all(r.chat(headers=headers).status == status for r in nodes.running.values())
        self.assertTrue(client.until(all_do, seconds, 0.02))

    def stored(self):
        return int(self.postgres.sql("SELECT count(*) FROM echelon_usage", check=False) or -1)

    def assertStored(self, expected, seconds=60):
        client.until(lambda: self.stored() >= expected, seconds, 0.1)
        self.assertEqual(self.stored(), expected)

    def test_a_revoked_key_is_refused_by_all_nodes_within_a_second(self):
        self.upstream(steps.ok())
        nodes = self.accounts()
        headers = self.create(nodes["a"])
        self.everywhere(nodes, headers, 200)
        gone = client.request(nodes["b"].url, "DELETE", "/admin/keys/k")
        self.assertEqual(gone.status, 200, gone)
        # A second, and what a busy machine may take for asking.
        self.everywhere(nodes, headers, 401, 1.0 + 4 * SLACK)

    def test_limits_of_a_stored_key_are_exact_over_three_nodes(self):
        u = self.upstream(steps.after(0.02, steps.ok()))
        nodes = self.accounts()
        headers = self.create(nodes["a"], rpm_limit=50, concurrency_limit=4)
        client.until(lambda: all(any(a["path"] == "key/k" for a in r.get("/admin/state").json()["actors"])
                                 for r in nodes.running.values()), 5)
        replies = client.at_once(90, lambda i: nodes.turn(i).chat(headers=headers))
        self.assertEqual(sorted(r.status for r in replies), [200] * 50 + [429] * 40)
        self.assertEqual(len(u.hits), 50)
        self.assertLessEqual(u.max_running, 4)

    def test_no_usage_is_lost_or_counted_twice_when_the_store_and_a_node_die_under_load(self):
        u = self.upstream(steps.either())
        nodes = self.accounts()
        headers = self.create(nodes["a"])
        self.everywhere(nodes, headers, 200)
        stop, answered, lock = threading.Event(), [0], threading.Lock()

        def work(i):
            while not stop.is_set():
                router = nodes.turn(i)
                try:
                    reply = router.chat(headers=headers, stream=i % 2 == 0)
                except (OSError, client.Closed):
                    continue  # That node was killed.
                if reply.status == 200 and reply.whole:
                    with lock:
                        answered[0] += 1
                i += 6
        load = client.later(lambda: client.at_once(6, work))

        def more(count):
            goal = answered[0] + count
            self.assertTrue(client.until(lambda: answered[0] >= goal, 60, 0.02), "nobody is answered")
        try:
            for _ in range(2):
                more(150)
                self.postgres.kill()
                more(150)  # Nobody waits for the store.
                self.postgres.start()
            # A node dies while its journal may hold what the store has not.
            self.postgres.kill()
            more(60)
            nodes["c"].signal(signal.SIGKILL)
            nodes["c"].process.wait()
            nodes.forget("c")
            more(60)
            self.postgres.start()
        finally:
            stop.set()
            for result in load():
                self.assertIsNone(result)
        nodes.start("c")  # It takes what it had written to the store.
        # Each answer was counted, and nothing that did not reach the upstream.
        client.until(lambda: self.stored() >= len(u.hits), 60, 0.1)
        stored = self.stored()
        self.assertGreaterEqual(stored, answered[0])
        self.assertLessEqual(stored, len(u.hits))
        self.assertEqual(self.postgres.sql("SELECT count(*) - count(DISTINCT id) FROM echelon_usage"), "0")
        time.sleep(0.5)  # Longer than journals wait: whatever was to come twice has come.
        self.assertEqual(self.stored(), stored)
        rows = nodes["a"].get("/admin/usage?by=key").json()["rows"]
        self.assertEqual([x["requests"] for x in rows], [stored])
        left = [f for folder in os.listdir(self.spool) for f in os.listdir(os.path.join(self.spool, folder)) if f != "lock"]
        self.assertEqual([f for f in left if f.endswith(".damaged")], [])

    def test_with_the_store_away_keys_go_on_and_admin_says_so(self):
        u = self.upstream(steps.ok())
        nodes = self.accounts()
        headers = self.create(nodes["a"])
        self.everywhere(nodes, headers, 200)
        before = len(u.hits)
        self.postgres.kill()
        for i in range(12):
            self.assertOk(nodes.turn(i).chat(headers=headers))
        refused = nodes["a"].get("/admin/usage")
        self.assertEqual((refused.status, refused.json()["error"]["code"]), (503, "store_unreachable"))
        self.postgres.start()
        self.assertStored(before + 12)


if __name__ == "__main__":
    main()
