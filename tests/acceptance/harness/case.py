"""The base of all acceptance tests: upstreams, a router before them, and what must hold after each test."""
import contextlib
import sys
import time
import unittest

from harness.findings import main  # noqa: F401, it is the tests'
from harness.router import Router
from harness.upstream import HitLog, Upstream

# Allowed beside each upper bound on a time: the machine may be busy with other tests.
SLACK = 0.5

TIER = {"timeout": 2, "max_retries": 0, "concurrency_limit": 50, "rpm_limit": 6000}
BREAKER = {"failure_threshold": 5, "recovery_time": 2, "half_open_requests": 1}


def tier(models, priority=1, **changes):
    return {"models": models, "priority": priority, **TIER, **changes}


def group(*tiers, strategy="echelon_down", breaker=None, **more):
    """A task group whose tiers are named echelon1, echelon2, ... in order."""
    named = {f"echelon{i}": {**t, "priority": i} for i, t in enumerate(tiers, 1)}
    return {**named, "fallback_strategy": strategy, "circuit_breaker": {**BREAKER, **(breaker or {})}, **more}


def providers(upstreams):
    """Sections `providers` and `models`: model m1 at the first upstream, and so on."""
    bound = {u.name.lower(): {"kind": u.kind, "base_url": u.url + ("/v1" if u.kind == "openai" else ""),
                              "api_key": u.key} for u in upstreams}
    models = {f"m{i}": {"provider": u.name.lower(), "model": f"real-{i}"} for i, u in enumerate(upstreams, 1)}
    return {"providers": bound, "models": models}


def config(upstreams, groups=None, tiers=None, breaker=None, every=None, fallback=None, **sections):
    """The base configuration: group `g` with one tier for each upstream, plus what a test changes.

    `every` changes all tiers, `tiers` (number -> changes) one of them.
    """
    tiers, every = tiers or {}, every or {}
    base = group(*[tier([f"m{i}"], **{**every, **tiers.get(i, {})}) for i in range(1, len(upstreams) + 1)],
                 breaker=breaker)
    return {"task_groups": groups or {"g": base},
            "global_fallback": {"enabled": True, "max_attempts": 3, "retry_delay": 0.0, **(fallback or {})},
            **providers(upstreams), **sections}


class Case(unittest.TestCase):
    """Gives a test its upstreams and routers, and checks that each router lived and ended well."""

    def setUp(self):
        self.hits = HitLog()
        self.routers = []
        self.upstreams = []

    @contextlib.contextmanager
    def fresh(self, what):
        """A subtest with upstreams and a router of its own."""
        with self.subTest(what):
            self.setUp()
            try:
                yield
            finally:
                self.doCleanups()

    def upstream(self, *steps, kind="openai", **place):
        """The next upstream: U1, U2, ..."""
        made = Upstream(f"U{len(self.upstreams) + 1}", self.hits, kind, **place)
        self.upstreams.append(made)
        self.addCleanup(made.stop)
        return made.play(*steps)

    def serve(self, settings=None, args=(), env=None, wrap=(), listen="127.0.0.1:0", held=None,
              **changes):
        """A router for `settings`, else for the base configuration with `changes` before all upstreams."""
        router = Router(config(self.upstreams, **changes) if settings is None else settings, args, env, wrap,
                        listen, held)
        self.routers.append(router)
        self.addCleanup(self._end, router)
        return router

    def _end(self, router):
        died = not router.alive() and router.process.returncode != 0
        for upstream in self.upstreams:
            upstream.stop()
        code = router.terminate()
        router.kill()
        log = router.log()
        self.routers.remove(router)
        if died or code != 0 or not self._outcome.success:
            print(f"--- log of the router of {self.id()} (exit {code})\n{log[-6000:]}", file=sys.stderr)
        router.folder.cleanup()
        self.assertFalse(died and code != 0, f"the router died: exit {code}")
        self.assertEqual(code, 0, "SIGTERM ends a router with exit code 0")

    def assertHits(self, expected):
        self.assertEqual(str(self.hits), expected)

    def assertTook(self, seconds, low, high):
        """`high` gets the slack of a busy machine, `low` none."""
        self.assertGreaterEqual(seconds, low - 0.005)
        self.assertLessEqual(seconds, high + SLACK)

    def assertError(self, reply, *statuses):
        """An error in OpenAI's shape, with all four keys."""
        self.assertIn(reply.status, statuses, reply)
        self.assertTrue((reply.header("content-type") or "").startswith("application/json"), reply.headers)
        self.assertEqual(set(reply.json()["error"]), {"message", "type", "param", "code"}, reply)
        self.assertTrue(reply.json()["error"]["message"], reply)
        return reply.json()["error"]

    def assertRetryAfter(self, reply, low, high):
        value = reply.header("retry-after")
        self.assertRegex(value or "", r"^[0-9]+$", reply.headers)
        self.assertTrue(low <= int(value) <= high, f"Retry-After: {value}")
        return int(value)

    def assertOk(self, reply, text=None):
        self.assertNotIsInstance(reply, Exception, reply)
        self.assertEqual(reply.status, 200, reply)
        if text is not None:
            self.assertEqual(reply.text, text)


class Clock:
    """Time since a test's first request."""

    def __init__(self):
        self.start = time.monotonic()

    @property
    def now(self):
        return time.monotonic() - self.start

    def wait_until(self, at):
        """A moment of the schedule that a case prescribes."""
        time.sleep(max(0.0, at - self.now))
