"""The wall clock may jump: limits, breakers and deadlines go by the monotonic one."""
import os
import pathlib
import tempfile
import time

from harness import findings, steps
from harness.case import Case, Clock, group, main, tier

SHIM = os.environ["ECHELON_WALL_CLOCK"]


class WallClock(Case):
    def setUp(self):
        super().setUp()
        self.folder = tempfile.TemporaryDirectory(prefix="echelon-clock-")
        self.addCleanup(self.folder.cleanup)
        self.offset = pathlib.Path(self.folder.name, "offset")
        self.jump(0)

    def jump(self, seconds):
        fresh = self.offset.with_suffix(".new")
        fresh.write_text(f"{seconds}\n")
        fresh.rename(self.offset)

    def serve_faked(self, **changes):
        router = self.serve(env={"LD_PRELOAD": SHIM, "ECHELON_WALL_OFFSET": str(self.offset),
                                 **findings.preloaded()}, **changes)
        # The jump is real: what the router takes for the time of day follows it.
        before = self.stamp(router)
        self.jump(7200)
        after = self.stamp(router)
        self.jump(0)
        self.assertTrue(7000 < after - before < 7400, (before, after))
        return router

    def stamp(self, router):
        """Seconds of the wall clock by which a decision record says when its request came."""
        reply = router.chat("probe")
        record = router.get(f"/admin/requests/{reply.header('x-request-id')}").json()
        at = record["time"].replace("Z", "+00:00")
        import datetime
        return datetime.datetime.fromisoformat(at).timestamp()

    def pools(self):
        return {"bucket": {"task_groups": ["g"], "rate_limiting": {
                    "algorithm": "token_bucket", "bucket_size": 5, "refill_rate": 1.0}},
                "window": {"task_groups": ["g"], "rate_limiting": {
                    "algorithm": "sliding_window", "window_size": 2, "max_requests": 5}}}

    def admitted(self, router, pool, count=5):
        replies = [router.chat(pool) for _ in range(count)]
        for reply in replies:
            if reply.status != 200:
                self.assertError(reply, 429)
                self.assertRetryAfter(reply, 1, 5)
        return sum(r.status == 200 for r in replies)

    def test_RATE_4_a_jump_of_the_wall_clock_neither_locks_out_nor_gives_a_gift(self):
        self.upstream(steps.ok())
        self.upstream(steps.ok())
        probe = group(tier(["m2"]))
        router = self.serve_faked(groups={"g": group(tier(["m1"])), "probe": probe}, polling_pools=self.pools())
        self.assertEqual(self.admitted(router, "bucket"), 5)
        self.assertEqual(self.admitted(router, "window"), 5)
        self.jump(-3600)
        time.sleep(2.1)
        self.assertIn(self.admitted(router, "bucket"), (1, 2, 3))
        self.assertEqual(self.admitted(router, "window"), 5)
        while self.admitted(router, "bucket", 1):
            pass
        self.jump(3600)
        self.assertLessEqual(self.admitted(router, "bucket"), 1)
        self.assertEqual(self.admitted(router, "window"), 0)

    def test_RATE_4_a_breaker_probes_at_the_right_time_whatever_the_wall_clock_does(self):
        u = self.upstream(steps.error(500), steps.ok())
        self.upstream(steps.ok())
        router = self.serve_faked(
            groups={"g": group(tier(["m1"]), breaker={"failure_threshold": 1, "recovery_time": 2}),
                    "probe": group(tier(["m2"]))})
        self.assertError(router.chat(), 502)
        clock = Clock()
        self.jump(-3600)
        clock.wait_until(1.5)
        refused = router.chat()
        self.assertError(refused, 503)
        self.assertRetryAfter(refused, 1, 2)
        clock.wait_until(2.3)
        self.assertOk(router.chat())
        self.assertEqual(len(u.hits), 2)


if __name__ == "__main__":
    main()
