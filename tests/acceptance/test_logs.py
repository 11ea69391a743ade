"""The access log and the audit log: what is in a line, what never is, and what a lost or full file costs."""
import json
import os
import pathlib
import signal

from harness import client, steps
from harness.case import Case, config, main

SECRET = "the treasure is under the old oak"


class Logs(Case):
    def setUp(self):
        super().setUp()
        self.names = 0

    def path(self):
        """A file of its own in a folder of its own."""
        import tempfile
        folder = tempfile.TemporaryDirectory(prefix="echelon-logs-")
        self.addCleanup(folder.cleanup)
        return pathlib.Path(folder.name, "log.jsonl")

    def lines(self, path, count=1, seconds=15, where=lambda x: True):
        """The lines of a file that meet `where`, once there are so many."""
        def found():
            if not path.exists():
                return None
            all_lines = path.read_text(encoding="utf-8").split("\n")[:-1]
            wanted = [x for x in map(json.loads, all_lines) if where(x)]
            return wanted if len(wanted) >= count else None
        return client.until(found, seconds) or self.fail(f"not {count} lines in {path}: {path.exists() and path.read_text()}")

    def metric(self, router, log, result):
        text = router.get("/metrics").body.decode()
        start = f'echelon_log_lines_total{{log="{log}",result="{result}"}} '
        return next((float(x[len(start):]) for x in text.splitlines() if x.startswith(start)), 0.0)

    def test_a_line_for_each_request_says_what_became_of_it(self):
        self.upstream(steps.error(503))
        self.upstream(steps.ok())
        path = self.path()
        models = {"m1": {"provider": "u1", "model": "real-1"},
                  "m2": {"provider": "u2", "model": "real-2", "price": {"input_per_mtok": 1000000, "output_per_mtok": 500000}}}
        router = self.serve(logs={"access": str(path)}, models=models)
        reply = router.chat(text=SECRET, headers=(("User-Agent", "tests/1"), ("x-request-id", "mine-1")))
        self.assertOk(reply)
        line, = self.lines(path)
        self.assertEqual({k: line[k] for k in ("id", "method", "path", "status", "outcome", "target", "route", "model", "provider", "stream", "attempts",
                                               "prompt_tokens", "completion_tokens", "cost", "bytes_out", "user_agent", "address")},
                         {"id": "mine-1", "method": "POST", "path": "/v1/chat/completions", "status": 200, "outcome": "answered", "target": "g",
                          "route": "g.echelon2/m2", "model": "m2", "provider": "u2", "stream": False, "attempts": 2, "prompt_tokens": 3,
                          "completion_tokens": 2, "cost": 4, "bytes_out": len(reply.body), "user_agent": "tests/1", "address": "127.0.0.1"})
        self.assertGreater(line["bytes_in"], len(SECRET))
        self.assertGreaterEqual(line["duration_ms"], 0)
        self.assertRegex(line["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertNotIn("oak", path.read_text())

    def test_streams_refusals_broken_ends_and_departures_are_told_apart(self):
        u = self.upstream(steps.stream("a", "b"))
        path = self.path()
        router = self.serve(logs={"access": str(path)}, auth={"keys": {"team": "sk-team"}})
        key = (("Authorization", "Bearer sk-team"),)

        def ask(**fields):
            reply = router.chat(headers=key, **fields)
            line, = self.lines(path, where=lambda x: x.get("id") == reply.header("x-request-id"))
            return line
        line = ask(stream=True)
        self.assertEqual((line["stream"], line["outcome"], line["client"]), (True, "answered", "team"))
        self.assertGreaterEqual(line["first_content_ms"], 0)
        u.play(steps.pieces(steps.delta("a"), then=steps.reset))
        line = ask(stream=True)
        self.assertEqual((line["status"], line["outcome"]), (200, "broken"))
        self.assertTrue(line["error"])
        u.play(steps.error(500))
        line = ask()
        self.assertEqual((line["status"], line["outcome"]), (502, "failed"))
        self.assertEqual(ask(target="nowhere")["error"], "model_not_found")
        self.assertEqual(router.chat().status, 401)
        line, = self.lines(path, where=lambda x: x["status"] == 401)
        self.assertEqual((line["outcome"], line["error"], line.get("client")), ("refused", "invalid_api_key", None))
        u.play(steps.hang())
        before = len(u.hits)
        with client.Connection(router.url) as c:
            c.send("POST", "/v1/chat/completions", client.prompt(), key)
            self.assertTrue(client.until(lambda: len(u.hits) > before))
        self.lines(path, where=lambda x: x["outcome"] == "left")
        router.get("/healthz")
        router.get("/admin/state")
        line, = self.lines(path, where=lambda x: x["method"] == "GET")
        self.assertEqual(line["path"], "/admin/state")

    def test_prompts_are_logged_only_if_asked_for(self):
        self.upstream(steps.ok())
        path = self.path()
        router = self.serve(logs={"access": str(path), "prompts": True})
        self.assertOk(router.chat(text=SECRET))
        line, = self.lines(path)
        self.assertEqual(line["prompt"], [{"role": "user", "content": SECRET}])
        router.write(config(self.upstreams, logs={"access": str(path)}))
        router.post("/admin/reload")
        self.assertOk(router.chat(text=SECRET))
        lines = self.lines(path, 2, where=lambda x: x.get("target"))
        self.assertNotIn("prompt", lines[1])
        self.assertNotIn("oak", router.log())

    def test_a_moved_file_is_made_anew_by_itself_and_at_once_by_SIGHUP(self):
        self.upstream(steps.ok())
        path = self.path()
        router = self.serve(logs={"access": str(path)})
        self.assertOk(router.chat())
        self.lines(path)
        os.rename(path, str(path) + ".1")
        router.signal(signal.SIGHUP)
        self.assertTrue(client.until(path.exists))
        self.assertOk(router.chat())
        self.lines(path)
        self.lines(pathlib.Path(str(path) + ".1"), 1)
        os.rename(path, str(path) + ".2")

        def again():
            self.assertOk(router.chat())
            return path.exists()
        self.assertTrue(client.until(again, 15, pause=0.2))

    def test_a_full_disk_or_a_missing_folder_is_counted_and_told_and_no_request_fails(self):
        self.upstream(steps.ok())
        folder = self.path().parent / "not-there"
        router = self.serve(logs={"access": "/dev/full", "audit": str(folder / "audit")})
        for _ in range(3):
            self.assertOk(router.chat())
        router.post("/admin/reload")
        self.assertTrue(client.until(lambda: self.metric(router, "access", "failed") >= 3, 15))
        self.assertTrue(client.until(lambda: self.metric(router, "audit", "failed") == 1, 15))
        self.assertEqual(router.log().count("logs.access: lines cannot be written"), 1)
        self.assertIn("No such file or directory", router.log())
        folder.mkdir()

        def again():
            router.post("/admin/reload")
            return (folder / "audit").exists()
        self.assertTrue(client.until(again, 15, pause=0.2))
        self.assertTrue(client.until(lambda: "logs.audit: lines are written to" in router.log(), 15))

    def test_stdout_and_a_pipe_that_nobody_reads(self):
        self.upstream(steps.ok())
        path = self.path()
        os.mkfifo(path)
        router = self.serve(logs={"access": str(path), "audit": "stdout"})
        self.assertOk(router.chat())
        self.assertTrue(client.until(lambda: self.metric(router, "access", "failed") >= 1, 15))
        router.post("/admin/reload")
        self.assertTrue(client.until(lambda: '"action":"POST /admin/reload"' in router.stdout_path.read_text(), 15))

    def test_the_audit_log_has_who_did_what_and_who_was_not_let(self):
        self.upstream(steps.ok())
        path = self.path()
        changes = {"logs": {"audit": str(path)}, "server": {"admin_token": "let-me-in"}}
        router = self.serve(**changes)
        wrong = (("Authorization", "Bearer wrong"),)
        self.assertEqual(router.post("/admin/reload", headers=wrong).status, 401)
        self.assertEqual(router.get("/admin/state", headers=wrong).status, 401)
        self.assertEqual(router.get("/admin/state").status, 200)
        self.assertEqual(router.post("/admin/reload").status, 200)
        self.assertEqual(router.post("/admin/actors/model/m1/kill").status, 403)
        router.write({"task_groups": 7})
        self.assertEqual(router.post("/admin/reload").status, 422)
        router.signal(signal.SIGHUP)
        lines = self.lines(path, 6)
        self.assertEqual([(x["action"], x["by"], x["allowed"], x["done"], x.get("status")) for x in lines],
                         [("POST /admin/reload", "unknown", False, False, 401), ("GET /admin/state", "unknown", False, False, 401),
                          ("POST /admin/reload", "admin_token", True, True, 200),
                          ("POST /admin/actors/model/m1/kill", "unknown", False, False, 403),
                          ("POST /admin/reload", "admin_token", True, False, 422), ("reload", "SIGHUP", True, False, None)])
        self.assertEqual(lines[2]["detail"], "configuration version 2")
        self.assertNotIn("let-me-in", path.read_text())
        router.terminate()
        self.assertEqual((lambda x: (x["action"], x["by"]))(self.lines(path, 7)[-1]), ("drain", "SIGTERM"))

    def test_both_in_one_file_is_an_error_and_nothing_is_written_by_default(self):
        self.upstream(steps.ok())
        router = self.serve()
        router.write(config(self.upstreams, logs={"access": "/tmp/x", "audit": "/tmp/x"}))
        reply = router.post("/admin/reload")
        self.assertEqual(reply.status, 422)
        self.assertIn("logs.audit must be another file", str(reply.json()["diagnostics"]))
        self.assertOk(router.chat())
        self.assertNotIn("echelon_log_lines_total{", router.get("/metrics").body.decode())


if __name__ == "__main__":
    main()
