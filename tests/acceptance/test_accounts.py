"""Keys and usage in a store: SQLite here, PostgreSQL for several nodes in test_accounts_cluster.py."""
import json
import os
import pathlib
import signal
import tempfile
import time

from harness import client, steps
from harness.case import SLACK, Case, main
from harness.router import run

WIDE = {"concurrency_limit": 500, "rpm_limit": 60000}


def bearer(key):
    return [("Authorization", f"Bearer {key}")]


class Store(Case):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="echelon-store-")
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name, "echelon.db")
        self.store = f"sqlite:{self.file}"

    def create(self, name, *options):
        """A key made without a router."""
        done = run("keys", "create", name, "--store", self.store, *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def serve_store(self, **changes):
        return self.serve(every=WIDE, auth={"store": self.store}, **changes)

    def usage(self, router, query=""):
        reply = router.get("/admin/usage" + query)
        self.assertEqual(reply.status, 200, reply)
        return reply.json()["rows"]

    def counted(self, router, expected, seconds=10):
        """Until the store has so many requests, and no more."""
        def now():
            return sum(x["requests"] for x in self.usage(router, "?by=model"))
        client.until(lambda: now() >= expected, seconds, 0.05)
        self.assertEqual(now(), expected)

    def test_a_key_is_shown_once_and_works_until_it_is_revoked(self):
        self.upstream(steps.ok("hello"))
        key = self.create("team", "--targets", "g", "--rpm", "600")
        router = self.serve_store()
        self.assertOk(router.chat(headers=bearer(key)), "hello")
        self.assertError(router.chat("m1", headers=bearer(key)), 403)
        self.assertEqual(router.actor("key/team")["limiter"]["limit"], 600)
        listed = run("keys", "list", env={"ECHELON_URL": router.url})
        self.assertIn("team", listed.stdout)
        everything = listed.stdout + router.output() + router.get("/admin/keys").body.decode()
        for file in self.file.parent.rglob("*"):
            everything += file.read_bytes().decode("latin-1") if file.is_file() else ""
        self.assertNotIn(key, everything)
        revoked = run("keys", "revoke", "team", "--url", router.url)
        self.assertEqual(revoked.returncode, 0, revoked.stderr)
        self.assertTrue(client.until(lambda: router.chat(headers=bearer(key)).status == 401, 1.0 + 4 * SLACK))
        again = run("keys", "revoke", "team", "--store", self.store, env={"ECHELON_URL": "http://127.0.0.1:1"})
        self.assertEqual(again.returncode, 1)
        self.assertIn("no key 'team' in force", again.stderr)

    def test_a_key_made_by_the_admin_api_works_within_a_second(self):
        self.upstream(steps.ok())
        router = self.serve_store()
        self.assertError(router.chat(), 401)
        made = router.post("/admin/keys", {"name": "late", "concurrency_limit": 3})
        self.assertEqual(made.status, 201, made)
        key = made.json()["key"]
        self.assertTrue(client.until(lambda: router.chat(headers=bearer(key)).status == 200, 1.0 + 4 * SLACK))
        self.assertEqual(router.post("/admin/keys", {"name": "late"}).status, 409)
        for wrong in ({"name": "a/b"}, {}, {"name": "x", "rpm_limit": 0}, {"name": "x", "expires": "soon"},
                      {"name": "x", "targets": []}, {"name": "x", "colour": "red"}, {"name": "x", "daily_budget": -1}):
            self.assertEqual(router.post("/admin/keys", wrong).status, 400, wrong)

    def test_keys_of_the_configuration_go_on_beside_a_store(self):
        self.upstream(steps.ok())
        key = self.create("stored")
        router = self.serve(every=WIDE, auth={"store": self.store, "keys": {"old": "static-key"}})
        self.assertOk(router.chat(headers=bearer("static-key")))
        self.assertOk(router.chat(headers=bearer(key)))
        router.post("/admin/reload")
        self.assertOk(router.chat(headers=bearer(key)))
        self.counted(router, 3)
        self.assertEqual({x["key"]: x["requests"] for x in self.usage(router)}, {"old": 1, "stored": 2})

    def test_usage_by_key_target_model_and_day(self):
        self.upstream(steps.either())
        self.upstream(steps.either())
        a, b = self.create("a"), self.create("b")
        router = self.serve_store()
        for key, target, stream in ((a, "g", False), (a, "g", True), (a, "m2", False), (b, "m2", False)):
            self.assertOk(router.chat(target, headers=bearer(key), stream=stream))
        self.counted(router, 4)
        rows = self.usage(router, "?by=key,target,model")
        self.assertEqual([(x["key"], x["target"], x["model"], x["requests"]) for x in rows],
                         [("a", "g", "m1", 2), ("a", "m2", "m2", 1), ("b", "m2", "m2", 1)])
        self.assertEqual(rows[1]["prompt_tokens"], 3)
        self.assertEqual(rows[1]["completion_tokens"], 2)
        days = self.usage(router, "?by=day")
        self.assertEqual(sum(x["requests"] for x in days), 4)
        self.assertRegex(days[0]["day"], r"^20\d\d-\d\d-\d\d$")
        self.assertEqual(len(self.usage(router, "?by=key&key=b")), 1)
        self.assertEqual(self.usage(router, "?to=2020-01-01"), [])
        first = router.get("/admin/usage?by=key,target&limit=2").json()
        self.assertEqual((len(first["rows"]), first["next_offset"]), (2, 2))
        rest = router.get("/admin/usage?by=key,target&limit=2&offset=2").json()
        self.assertEqual((len(rest["rows"]), rest["next_offset"]), (1, None))
        for wrong in ("?by=colour", "?limit=0", "?from=yesterday", "?x=1"):
            self.assertEqual(router.get("/admin/usage" + wrong).status, 400, wrong)
        shown = run("usage", "--by", "key", "--url", router.url)
        self.assertRegex(shown.stdout, r"\ba +3\b")
        direct = run("usage", "--by", "key", "--store", self.store, "--json")
        self.assertEqual([x["requests"] for x in json.loads(direct.stdout)["rows"]], [3, 1])

    def test_who_leaves_pays_an_estimate(self):
        u = self.upstream(steps.pieces(steps.delta("", role="assistant"), steps.delta("one"), then=steps.hang()))
        key = self.create("a")
        router = self.serve_store(tiers={1: {"timeout": 30}})
        with client.Connection(router.url) as c:
            c.send("POST", "/v1/chat/completions", client.prompt(stream=True, max_tokens=70), bearer(key))
            c.until(c.head(), b"one")
        self.counted(router, 1)
        row = self.usage(router)[0]
        self.assertEqual(row["completion_tokens"], 70)
        self.assertEqual(len(u.hits), 1)

    def test_what_fails_costs_nothing(self):
        self.upstream(steps.error(500))
        self.upstream(steps.ok())
        key = self.create("a")
        router = self.serve_store()
        self.assertOk(router.chat(headers=bearer(key)))
        self.counted(router, 1)
        self.assertEqual([x["model"] for x in self.usage(router, "?by=model")], ["m2"])

    def test_usage_of_all_answers_is_there_after_kill_9(self):
        u = self.upstream(steps.either())
        key = self.create("a")
        router = self.serve_store()
        replies = client.at_once(40, lambda i: router.chat(headers=bearer(key), stream=i % 2 == 0))
        router.signal(signal.SIGKILL)
        router.process.wait()
        self.forget(router)
        self.assertEqual([r.status for r in replies], [200] * 40)
        again = self.serve_store()
        self.counted(again, 40)
        self.assertEqual(len(u.hits), 40)

    def forget(self, router):
        """It was killed on purpose."""
        router.process.returncode = 0

    def test_a_spool_folder_is_of_one_process(self):
        self.upstream(steps.ok())
        self.serve_store()
        with self.assertRaises(RuntimeError) as failed:
            self.serve_store()
        self.assertIn("auth.spool", str(failed.exception))

    def test_without_a_store_there_is_no_usage(self):
        self.upstream(steps.ok())
        router = self.serve()
        self.assertEqual(router.get("/admin/usage").status, 404)
        self.assertEqual(run("usage", "--url", router.url).returncode, 1)

    def test_requests_do_not_wait_for_a_locked_store(self):
        import sqlite3
        self.upstream(steps.ok())
        key = self.create("a")
        router = self.serve_store()
        other = sqlite3.connect(self.file, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN EXCLUSIVE")
        start = time.monotonic()
        for _ in range(20):
            self.assertOk(router.chat(headers=bearer(key)))
        self.assertLess(time.monotonic() - start, 4)
        other.execute("COMMIT")
        self.counted(router, 20, 20)


class Faults(Case):
    def test_a_store_that_cannot_be_opened_is_named(self):
        self.upstream(steps.ok())
        with self.assertRaises(RuntimeError) as failed:
            self.serve(auth={"store": "sqlite:/does/not/exist/x.db"})
        self.assertIn("/does/not/exist/x.db", str(failed.exception))

    def test_a_password_of_a_store_is_shown_nowhere(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "c.yaml")
            file.write_text('auth: {store: "postgresql://u:hunter2@127.0.0.1:1/db"}\n')
            shown = run("validate", "--config", os.fspath(file), "--print-effective")
        self.assertNotIn("hunter2", shown.stdout + shown.stderr)
        for url in ("postgresql://u:hunter2@127.0.0.1:1/db", "postgresql://u:hunter2@[::1/db", "postgresql://u:hunter2@h:port/db"):
            tried = run("keys", "list", "--store", url)
            self.assertEqual(tried.returncode, 2)
            self.assertNotIn("hunter2", tried.stdout + tried.stderr)


if __name__ == "__main__":
    main()
