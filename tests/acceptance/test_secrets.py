"""Keys: what never leaves the router, and how a client's wrong key is answered."""
import json
import pathlib
import tempfile

from harness import client, steps
from harness.case import Case, main
from harness.router import run


class Secrets(Case):
    def test_SECRETS_1_keys_never_reach_logs_or_clients(self):
        keys = ["sk-AAAA1111SECRET", "anth-BBBB2222SECRET", "gem-CCCC3333SECRET", "admin-DDDD4444SECRET"]

        def repeat(x):
            key = x.hit.header("authorization") or x.hit.header("x-api-key") or x.hit.header("x-goog-api-key")
            x.json(500, steps.failure(f"your key {key} ({key.replace('Bearer ', '')}) is odd"))
        self.upstream(steps.error(404), repeat)
        self.upstream(repeat, kind="anthropic")
        self.upstream(repeat, kind="gemini")
        self.upstream(steps.hang())
        self.upstream(steps.ok()).refuse()
        for upstream, key in zip(self.upstreams, keys):
            upstream.key = key
        router = self.serve(every={"timeout": 0.3}, fallback={"max_attempts": 10}, args=["--log-level", "debug"],
                            server={"admin_token": keys[3]}, auth={"keys": {"me": "client-EEEE5555SECRET"}})
        mine = [("Authorization", "Bearer client-EEEE5555SECRET"), ("x-echelon-timeout-ms", "2000")]
        admin = [("Authorization", f"Bearer {keys[3]}")]
        seen = []
        for target in ("g", "g", "m1", "m2", "m3", "m4", "m5"):
            for stream in (False, True):
                seen.append(router.chat(target, headers=mine, stream=stream))
        paths = {"/admin/state": admin, "/metrics": admin, "/v1/models": mine,
                 "/admin/requests/" + seen[0].header("x-request-id"): admin}
        for path, headers in paths.items():
            seen.append(router.get(path, headers))
            self.assertEqual(seen[-1].status, 200, path)
        for reply in seen:
            self.assertNotIn("SECRET", reply.body.decode() + str(reply.headers))
        self.assertGreaterEqual(len(self.upstreams[1].hits), 2)
        self.assertEqual(self.upstreams[1].hits[0].header("x-api-key"), keys[1])
        router.terminate()
        self.assertNotIn("SECRET", router.output())

    def test_SECRETS_1_a_broken_configuration_does_not_show_its_keys(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "bad.yaml")
            path.write_text("providers:\n  p: {kind: openai, api_key: sk-AAAA1111SECRET, base_url: 5, api_kez: sk-SECRET}\n"
                            "server: {admin_token: [SECRET], listen: SECRET}\n"
                            "auth: {keys: {me: {a: SECRET}}}\ntask_groups: {g: {e: {models: [m], rpm_limit: ${NOPE}}}}\n")
            for command in ("validate", "serve"):
                done = run(command, "--config", str(path), *(["--listen", "127.0.0.1:0"] if command == "serve" else []),
                           env={"OTHER": "SECRET"})
                self.assertEqual(done.returncode, 1, done)
                self.assertIn("error", done.stdout + done.stderr)
                self.assertNotIn("AAAA1111SECRET", done.stdout + done.stderr)

    def test_SECRETS_2_a_wrong_client_key_is_answered_plainly(self):
        u = self.upstream(steps.ok())
        router = self.serve(auth={"keys": {"me": "client-key-1", "you": "client-key-2"}})
        texts = set()
        for header in (None, "Bearer wrong", "Bearer client-key-3", "Bearer", "Bearer ", "Basic client-key-1",
                       "client-key-1", "Bearer CLIENT-KEY-1", "Bearer client-key-1x"):
            with self.subTest(header):
                reply = router.chat(headers=[("Authorization", header)] if header is not None else [])
                error = self.assertError(reply, 401)
                self.assertEqual((error["type"], error["code"]), ("invalid_request_error", "invalid_api_key"))
                self.assertNotIn("client-key", reply.body.decode())
                texts.add(error["message"])
        self.assertEqual(len(texts), 1, "the same text for each")
        with client.Connection(router.url) as c:
            try:
                c.send("POST", "/v1/chat/completions", client.prompt(),
                       [("Authorization", "Bearer " + "x" * 2**20)])
                self.assertIn(c.reply().status, (401, 431))
            except (OSError, client.Closed):
                pass  # A head that long may be cut off.
        self.assertEqual(u.hits, [])
        for key in ("client-key-1", "client-key-2", " client-key-1 "):
            self.assertOk(router.chat(headers=[("Authorization", f"Bearer {key}")]))
        self.assertNotIn("client-key", json.dumps([h.headers for h in u.hits]), "the client's key stays here")

    def test_the_admin_api_asks_for_its_token(self):
        self.upstream(steps.ok())
        router = self.serve(server={"admin_token": "the-token"})
        nobody = [("Accept", "*/*")]  # Any header stands in for the token.
        for path in ("/admin/state", "/admin/requests/none"):
            self.assertEqual(router.get(path, nobody).status, 401)
            self.assertEqual(router.get(path, [("Authorization", "Bearer nope")]).status, 401)
        for path in ("/admin/reload", "/admin/drain"):
            self.assertEqual(router.post(path, headers=nobody).status, 401)
        self.assertEqual(router.get("/admin/state", [("Authorization", "Bearer the-token")]).status, 200)
        self.assertOk(router.chat())

    def test_killing_an_actor_needs_the_permission_given_at_the_start(self):
        self.upstream(steps.ok())
        for args, status in (((), 403), (("--chaos",), 202)):
            with self.subTest(args):
                router = self.serve(args=args)
                self.assertEqual(router.post("/admin/actors/model/m1/kill").status, status)


if __name__ == "__main__":
    main()
