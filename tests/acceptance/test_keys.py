"""Clients' keys: who may ask for what, and limits that are a key's own."""
import hashlib

from harness import client, steps
from harness.case import Case, config, main
from harness.nodes import Cluster


def hashed(key, **rights):
    return {"sha256": hashlib.sha256(key.encode()).hexdigest(), **rights}


def bearer(key):
    return [("Authorization", f"Bearer {key}")]


WIDE = {"concurrency_limit": 500, "rpm_limit": 60000}


class Keys(Case):
    def test_a_key_known_by_its_hash_is_taken_and_others_are_not(self):
        u = self.upstream(steps.ok("hello"))
        router = self.serve(auth={"clients": {"team": hashed("ek-team")}, "keys": {"old": "static-key"}})
        self.assertOk(router.chat(headers=bearer("ek-team")), "hello")
        self.assertOk(router.chat(headers=[("x-api-key", "ek-team")]), "hello")
        self.assertOk(router.chat(headers=bearer("static-key")), "hello")
        for wrong in ("ek-other", hashed("ek-team")["sha256"], ""):
            self.assertEqual(self.assertError(router.chat(headers=bearer(wrong)), 401)["code"], "invalid_api_key")
        self.assertEqual(len(u.hits), 3)
        self.assertNotIn(hashed("ek-team")["sha256"], router.output())

    def test_an_expired_key_is_refused(self):
        self.upstream(steps.ok())
        router = self.serve(auth={"clients": {"late": hashed("ek-late", expires="2020-02-29T00:00:00Z"),
                                              "early": hashed("ek-early", expires="2999-01-01T00:00:00Z")}})
        self.assertError(router.chat(headers=bearer("ek-late")), 401)
        self.assertOk(router.chat(headers=bearer("ek-early")))

    def test_a_key_asks_for_its_targets_alone(self):
        u = self.upstream(steps.ok())
        router = self.serve(auth={"clients": {"g": hashed("ek-g", targets=["g"]), "m": hashed("ek-m", targets=["m1"])}})
        self.assertOk(router.chat("g", headers=bearer("ek-g")))
        self.assertOk(router.chat("g.echelon1", headers=bearer("ek-g")))
        self.assertOk(router.chat("m1", headers=bearer("ek-m")))
        fallback = [("x-echelon-fallback-groups", "g")]
        node = [("x-echelon-node-config", '{"llm_group": "g"}')]
        for reply in (router.chat("m1", headers=bearer("ek-g")), router.chat("g", headers=bearer("ek-m")),
                      router.chat("m1", headers=bearer("ek-m") + fallback),
                      router.chat("m1", headers=bearer("ek-m") + node)):
            self.assertEqual(self.assertError(reply, 403)["code"], "target_not_allowed")
        self.assertEqual(len(u.hits), 3)
        listed = [x["id"] for x in router.get("/v1/models", bearer("ek-g")).json()["data"]]
        self.assertEqual(sorted(listed), ["g", "g.echelon1"])

    def test_limits_are_each_keys_own_and_exact(self):
        u = self.upstream(steps.ok())
        router = self.serve(every=WIDE, auth={"clients": {
            "a": hashed("ek-a", rpm_limit=20), "b": hashed("ek-b", rpm_limit=7), "c": hashed("ek-c")}})
        replies = client.at_once(60, lambda i: router.chat(headers=bearer("ek-a" if i % 2 else "ek-b")))
        refused = [r for r in replies if r.status != 200]
        self.assertEqual((len(u.hits), len(refused)), (27, 33))
        for reply in refused:
            self.assertIn("key/", self.assertError(reply, 429)["message"])
            self.assertRetryAfter(reply, 1, 60)
        self.assertOk(router.chat(headers=bearer("ek-c")))
        self.assertEqual(router.actor("key/a")["level"], "key")

    def test_permits_of_a_key_hold_others_back_and_come_back(self):
        u = self.upstream(steps.after(0.1, steps.ok()))
        router = self.serve(every=WIDE, auth={"clients": {"a": hashed("ek-a", concurrency_limit=2)}})
        for reply in client.at_once(8, lambda _: router.chat(headers=bearer("ek-a"))):
            self.assertOk(reply)
        self.assertEqual(u.max_running, 2)
        self.assertEqual(router.in_flight("key/a"), 0)

    def test_a_refusal_below_costs_the_key_nothing(self):
        u = self.upstream(steps.ok())
        router = self.serve(every={"rpm_limit": 1, "concurrency_limit": 50},
                            auth={"clients": {"a": hashed("ek-a", rpm_limit=3)}})
        self.assertOk(router.chat(headers=bearer("ek-a")))
        for _ in range(5):
            self.assertError(router.chat(headers=bearer("ek-a")), 429)
        self.assertEqual(router.actor("key/a")["limiter"]["available"], 2)
        self.assertEqual(len(u.hits), 1)

    def test_llm_tokens_of_a_key_are_reserved_and_settled(self):
        self.upstream(steps.ok())  # Uses fewer tokens than a request reserves.
        router = self.serve(every=WIDE, auth={"clients": {"a": hashed("ek-a", tpm_limit=1000)}})
        statuses = [router.chat(headers=bearer("ek-a"), max_tokens=400).status for _ in range(4)]
        self.assertEqual(statuses, [200] * 4)
        used = router.actor("key/a")["tokens"]["used"]
        self.assertTrue(0 < used < 400, used)
        self.assertError(router.chat(headers=bearer("ek-a"), max_tokens=1000), 429)

    def test_a_reload_takes_a_key_away(self):
        self.upstream(steps.ok())
        router = self.serve(auth={"clients": {"a": hashed("ek-a", rpm_limit=5), "b": hashed("ek-b")}})
        self.assertOk(router.chat(headers=bearer("ek-a")))
        router.write(config(self.upstreams, auth={"clients": {"b": hashed("ek-b")}}))
        self.assertEqual(router.post("/admin/reload").status, 200)
        self.assertError(router.chat(headers=bearer("ek-a")), 401)
        self.assertOk(router.chat(headers=bearer("ek-b")))


class KeysOfACluster(Cluster):
    def test_limits_of_a_key_are_exact_over_three_nodes(self):
        u = self.upstream(steps.ok())
        nodes = self.nodes(every=WIDE, auth={"clients": {"a": hashed("ek-a", rpm_limit=50)}})
        replies = client.at_once(120, lambda i: nodes.turn(i).chat(headers=bearer("ek-a")))
        answered = [r for r in replies if r.status == 200]
        self.assertEqual(len(u.hits), len(answered))
        self.assertEqual(len(answered), 50)
        self.assertTrue(all(r.status in (200, 429) for r in replies), replies)


if __name__ == "__main__":
    main()
