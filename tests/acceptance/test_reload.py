"""Changing the configuration while running, and the end of a router."""
import signal
import threading
import time

from harness import client, steps
from harness.case import SLACK, Case, config, main


class Reload(Case):
    def change(self, router, how="api", **changes):
        """Loads the base configuration with these changes and waits until it rules."""
        version = router.get("/admin/state").json()["config_version"]
        router.write(config(self.upstreams, **changes))
        if how == "api":
            self.assertEqual(router.post("/admin/reload").status, 200)
        else:
            router.signal(signal.SIGHUP)
        self.assertTrue(client.until(lambda: router.get("/admin/state").json()["config_version"] > version, 2))

    def statuses(self, router, count, target="g"):
        return [r.status for r in client.at_once(count, lambda _: router.chat(target))]

    def test_RELOAD_1_a_new_rpm_limit_rules_and_the_running_window_is_kept(self):
        for how in ("api", "signal"):
            with self.fresh(how):
                u = self.upstream(steps.ok())
                router = self.serve(every={"rpm_limit": 5})
                self.assertEqual(sorted(self.statuses(router, 8)), [200] * 5 + [429] * 3)
                for _ in range(10):  # No free burst by reloading.
                    self.change(router, how, every={"rpm_limit": 5})
                self.assertEqual(self.statuses(router, 3), [429] * 3)
                self.change(router, how, every={"rpm_limit": 12})
                self.assertEqual(sorted(self.statuses(router, 10)), [200] * 7 + [429] * 3)
                self.assertEqual(len(u.hits), 12)

    def test_the_answer_of_a_reload_says_what_changed(self):
        self.upstream(steps.ok())
        self.upstream(steps.ok())
        router = self.serve(every={"rpm_limit": 5})
        router.write(config(self.upstreams, every={"rpm_limit": 50}, server={"threads": 7}, workflow_nodes={
            "n": {"type": "llm", "llm_group": "g.echelon1"}}))
        changes = router.post("/admin/reload").json()["changes"]
        self.assertEqual(changes["added"], ["n"])
        self.assertEqual(changes["removed"], [])
        self.assertEqual(changes["need_restart"], ["server.threads"])
        self.assertIn("echelon/g.echelon1: rate 5 in 60 s -> 50 in 60 s", changes["changed"])
        self.assertEqual(len(changes["changed"]), 2, changes)
        again = router.post("/admin/reload").json()
        self.assertTrue(again["reloaded"])
        self.assertEqual(again["changes"], {"added": [], "removed": [], "changed": [], "need_restart": []})
        settings = config(self.upstreams)
        settings["providers"]["u1"]["api_key"] = "another-secret"
        router.write(settings)
        text = router.post("/admin/reload").body.decode()
        self.assertIn("provider u1: other keys", text)
        self.assertNotIn("another-secret", text + router.log())

    def test_watch_reloads_when_a_file_changes_and_a_bad_file_changes_nothing(self):
        self.upstream(steps.ok())
        router = self.serve(args=("--watch",), every={"rpm_limit": 5})
        version = lambda: router.get("/admin/state").json()["config_version"]
        router.write(config(self.upstreams, every={"rpm_limit": 50}))
        self.assertTrue(client.until(lambda: version() == 2))
        self.assertEqual(router.actor("echelon/g.echelon1")["limiter"]["limit"], 50)
        router.config_path.write_text("task_groups: {g: {echelon1: {models: [m1], rpm_limt: 7}}}")
        self.assertTrue(client.until(lambda: "unknown key 'rpm_limt'" in router.log()))
        self.assertEqual((version(), router.chat().status), (2, 200))
        self.assertIn("rate 5 in 60 s -> 50 in 60 s", router.log())

    def test_under_load_fifty_reloads_lose_no_request_exceed_no_limit_and_leak_no_actor(self):
        u = self.upstream(steps.after(0.01, steps.ok()))
        first = config(self.upstreams, every={"concurrency_limit": 8, "rpm_limit": 60000, "timeout": 10})
        second = config(self.upstreams, groups={**first["task_groups"], "more": first["task_groups"]["g"]},
                        every={"concurrency_limit": 8})
        second["task_groups"]["g"]["echelon1"]["rpm_limit"] = 50000
        router = self.serve(first)
        actors = lambda: sorted(a["path"] for a in router.get("/admin/state").json()["actors"])
        before = actors()
        over = threading.Event()
        replies = []

        def load(_):
            with client.Connection(router.url) as c:
                while not over.is_set():
                    started = time.monotonic()
                    c.send("POST", "/v1/chat/completions", client.prompt())
                    replies.append(c.reply().status)
                    time.sleep(max(0.0, 0.04 - (time.monotonic() - started)))  # 8 x 25 a second.
        running = [client.later(lambda i=i: load(i)) for i in range(8)]
        for i in range(50):
            settings = (first, second, {"task_groups": {"g": {"oops": 1}}})[i % 3]
            router.write(settings)
            self.assertEqual(router.post("/admin/reload").status, 422 if i % 3 == 2 else 200)
            time.sleep(0.05)
        router.write(first)
        self.assertEqual(router.post("/admin/reload").status, 200)
        over.set()
        for result in running:
            self.assertIsNone(result())
        self.assertGreater(len(replies), 200)
        self.assertEqual(set(replies), {200})
        self.assertLessEqual(u.max_running, 8)
        self.assertTrue(client.until(lambda: actors() == before), actors())
        self.assertEqual(router.in_flight(), 0)

    def test_RELOAD_1_a_new_concurrency_limit_rules(self):
        answer = threading.Event()
        u = self.upstream(steps.when(answer, steps.ok()))
        router = self.serve(every={"concurrency_limit": 1, "timeout": 30})
        results = [client.later(router.chat) for _ in range(4)]
        self.assertTrue(client.until(lambda: router.waiting("echelon/g.echelon1") == 3))
        self.assertTrue(client.until(lambda: u.running == 1))
        self.change(router, every={"concurrency_limit": 3, "timeout": 30})
        self.assertTrue(client.until(lambda: u.running == 3, 2), "the waiting ones start at once")
        answer.set()
        for result in results:
            self.assertOk(result())
        self.assertEqual(u.max_running, 3)

    def test_RELOAD_1_a_new_failure_threshold_rules(self):
        u = self.upstream(steps.error(500))
        router = self.serve()
        self.assertError(router.chat(), 502)
        self.change(router, breaker={"failure_threshold": 1})
        router.chat()
        hits = len(u.hits)
        self.assertError(router.chat(), 503)
        self.assertEqual(len(u.hits), hits)

    def test_RELOAD_1_a_new_bucket_size_rules(self):
        self.upstream(steps.ok())

        def pool(size):
            return {"polling_pools": {"p": {
                "task_groups": ["g"], "rotation_strategy": "round_robin",
                "rate_limiting": {"enabled": True, "algorithm": "token_bucket", "bucket_size": size,
                                  "refill_rate": 0.001}}}}
        router = self.serve(**pool(5))
        self.change(router, **pool(2))
        self.assertEqual(sorted(self.statuses(router, 5, "p")), [200] * 2 + [429] * 3)

    def test_RELOAD_2_lowering_a_limit_below_what_is_in_use_does_not_break_it(self):
        answer = threading.Event()
        u = self.upstream(steps.when(answer, steps.ok()))
        every = {"concurrency_limit": 10, "timeout": 30}
        router = self.serve(every=every)
        running = [client.later(router.chat) for _ in range(8)]
        self.assertTrue(client.until(lambda: u.running == 8))
        self.change(router, every={**every, "concurrency_limit": 3})
        waiting = [client.later(router.chat) for _ in range(5)]
        self.assertTrue(client.until(lambda: router.waiting("echelon/g.echelon1") == 5))
        self.assertEqual(len(u.hits), 8, "no new start while eight run")
        second = threading.Event()
        u.play(steps.when(second, steps.ok()))
        answer.set()
        for result in running:
            self.assertOk(result())
        self.assertTrue(client.until(lambda: u.running == 3))
        u.max_running = 3
        second.set()
        for result in waiting:
            self.assertOk(result())
        self.assertEqual((u.max_running, len(u.hits)), (3, 13))
        self.assertTrue(client.until(lambda: router.in_flight() == 0))

    def test_a_faulty_file_changes_nothing(self):
        self.upstream(steps.ok())
        router = self.serve()
        version = router.get("/admin/state").json()["config_version"]
        router.config_path.write_text("task_groups: {g: {echelon1: {models: [m1], rpm_limit: -1}}}\n")
        reply = router.post("/admin/reload")
        self.assertIn(reply.status, (400, 422))
        self.assertIn("rpm_limit", reply.body.decode())
        router.signal(signal.SIGHUP)
        self.assertTrue(client.until(lambda: router.log().count("rpm_limit") >= 1))
        self.assertOk(router.chat())
        self.assertEqual(router.get("/admin/state").json()["config_version"], version)

    def test_the_state_of_a_breaker_survives_a_reload(self):
        u = self.upstream(steps.error(500))
        router = self.serve(breaker={"failure_threshold": 1, "recovery_time": 60})
        self.assertError(router.chat(), 502)
        self.change(router, breaker={"failure_threshold": 1, "recovery_time": 60}, every={"rpm_limit": 7})
        self.assertError(router.chat(), 503)
        self.assertEqual(len(u.hits), 1)


class Drain(Case):
    def test_SIGTERM_lets_a_stream_finish_and_refuses_new_requests(self):
        more = threading.Event()
        self.upstream(steps.two_parts("one ", "two", more))
        router = self.serve(every={"timeout": 30})
        idle = client.Connection(router.url)
        with client.Connection(router.url) as c, idle:
            c.send("POST", "/v1/chat/completions", client.prompt(stream=True))
            head = c.head()
            c.until(head, b"one ")
            router.signal(signal.SIGTERM)
            # A request that comes before the signal is seen is served like any other.
            self.assertTrue(client.until(lambda: "draining:" in router.log()))

            def refused():
                try:
                    return client.chat(router.url).status == 503
                except (OSError, client.Closed):
                    return True  # No longer listening: refused as well.
            self.assertTrue(client.until(refused, 2))
            self.assertTrue(router.alive(), "the stream still runs")
            self.assertEqual(len(self.hits.hits), 1)
            more.set()
            self.assertEqual(c.rest(head).content(), "one two")
            self.assertEqual(head.events()[-1], "[DONE]")
        self.assertEqual(router.process.wait(5), 0)

    def test_SIGTERM_ends_an_idle_router_at_once(self):
        self.upstream(steps.ok())
        for number in (signal.SIGTERM, signal.SIGINT):
            router = self.serve(every={"timeout": 120})
            self.assertOk(router.chat())
            with client.Connection(router.url):  # An idle connection is in nobody's way.
                start = time.monotonic()
                router.signal(number)
                self.assertEqual(router.process.wait(10), 0)
                self.assertLess(time.monotonic() - start, 2 + SLACK)

    def test_SIGTERM_waits_for_a_stream_no_longer_than_the_drain_timeout(self):
        self.upstream(steps.trickle(0.05, 60))
        router = self.serve(every={"timeout": 30}, server={"drain_timeout": 1})
        with client.Connection(router.url) as c:
            c.send("POST", "/v1/chat/completions", client.prompt(stream=True))
            head = c.head()
            c.piece(head)
            start = time.monotonic()
            router.signal(signal.SIGTERM)
            c.rest(head)
            self.assertEqual(head.finish_reasons(), [])
        self.assertEqual(router.process.wait(10), 0)
        self.assertTook(time.monotonic() - start, 0.9, 2)

    def test_a_drain_asked_for_by_the_admin_api_is_seen_by_the_readiness_check(self):
        self.upstream(steps.ok())
        router = self.serve()
        self.assertEqual(router.get("/readyz").status, 200)
        self.assertIn(router.post("/admin/drain").status, (200, 202))
        self.assertEqual(router.get("/readyz").status, 503)
        self.assertError(router.chat(), 503)
        self.assertEqual(router.get("/healthz").status, 200)


if __name__ == "__main__":
    main()
