"""The dashboard in headless Chromium: what it shows, and every control of it.

ECHELON_SCREENSHOTS=FOLDER also writes the pictures that the documentation shows.
"""
import os
import pathlib
import sys
import tempfile

from harness import browser, client, steps
from harness.case import Case, config, group, main, tier
from harness.sdks import SKIPPED

TOKEN = "let-me-in"


class Dashboard(Case):
    @classmethod
    def setUpClass(cls):
        cls.running = browser.chromium()
        cls.chromium = cls.running.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.running.__exit__(None, None, None)

    def open(self, router, signed_in=True, path="/dashboard", **context):
        """The page, of which no error may be left when the test ends."""
        context = self.chromium.new_context(**{"viewport": {"width": 1440, "height": 1000}, **context})
        page = context.new_page()
        page.set_default_timeout(15_000)
        errors = []
        page.on("pageerror", lambda e: errors.append(str(e)))
        # A 401 before signing in, and an answer that says no, are the browser's to note.
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" and "Failed to load resource" not in m.text else None)
        self.addCleanup(lambda: self.assertEqual(errors, []))
        self.addCleanup(context.close)
        page.goto(router.url + path)
        if signed_in:
            page.locator("#link", has_text="live").wait_for()
        return page

    def base(self, **more):
        self.upstream(steps.error(500))
        self.upstream(steps.ok())
        return self.serve(**more)

    def test_signing_in_and_out(self):
        router = self.base(server={"admin_token": TOKEN})
        page = self.open(router, signed_in=False)
        page.locator("#token").fill("wrong")
        page.locator("#token").press("Enter")
        page.locator("#sign-in-error", has_text="refused").wait_for()
        page.keyboard.press("Escape")  # There is nothing to see behind it.
        page.locator("#token").fill(TOKEN)
        page.locator("#sign-in-go").click()
        page.locator("#link", has_text="live").wait_for()
        page.locator('[data-path="model/m1"]').wait_for()
        self.assertEqual(page.evaluate("Object.keys(localStorage).length"), 0)
        page.locator("#sign-out").click()
        page.locator("#token").wait_for()
        self.assertEqual(page.evaluate("sessionStorage.length"), 0)

    def test_a_request_appears_with_its_record_and_the_feed_can_be_filtered_and_paused(self):
        router = self.base(breaker={"failure_threshold": 50})
        page = self.open(router)
        page.locator("#feed-empty").wait_for()
        moved = router.chat().header("x-request-id")
        row = page.locator(f'[data-id="{moved}"]')
        row.click()
        page.locator("#record-steps li", has_text="failed").first.wait_for()
        self.assertIn("g.echelon2/m2", page.locator("#record-facts").inner_text())
        page.locator("#record-close").click()
        row.focus()
        page.keyboard.press("Enter")
        page.locator("#record[open]").wait_for()
        page.keyboard.press("Escape")
        plain = router.chat("m2").header("x-request-id")
        unknown = router.chat("nowhere").header("x-request-id")
        page.locator(f'[data-id="{unknown}"]').wait_for()
        page.locator("#feed-filter").select_option("failed")
        self.assertEqual(page.locator("#feed tbody tr").evaluate_all("x => x.map(r => r.dataset.id)"), [unknown])
        page.locator("#feed-filter").select_option("moved")
        self.assertEqual(page.locator("#feed tbody tr").evaluate_all("x => x.map(r => r.dataset.id)"), [moved])
        page.locator("#feed-filter").select_option("all")
        page.locator("#pause").click()
        shown = page.locator("#feed tbody tr").count()
        last = router.chat("m2").header("x-request-id")
        page.locator("#t-flight", has_text="0").wait_for()
        self.assertEqual(page.locator("#feed tbody tr").count(), shown)
        page.locator("#pause").click()
        page.locator(f'[data-id="{last}"]').wait_for()
        page.locator(f'[data-id="{plain}"]').wait_for()

    def test_actors_are_filtered_and_a_breaker_turns_red(self):
        router = self.base(breaker={"failure_threshold": 1, "recovery_time": 60})
        # Changes are told by comparing: the first look comes before what is to be told.
        watch = client.Connection(router.url)
        self.addCleanup(watch.close)
        watch.send("GET", "/admin/events", headers=(("Authorization", f"Bearer {TOKEN}"),))
        watch.until(watch.head(), b"event: watching")
        page = self.open(router)
        page.locator("body").press("/")
        page.keyboard.type("m2")
        page.locator('[data-path="model/m1"]').wait_for(state="hidden")
        self.assertTrue(page.locator('[data-path="model/m2"]').is_visible())
        page.locator("#filter").fill("")
        router.chat()
        page.locator('[data-path="model/m1"] .breaker.bad').wait_for()
        page.locator('#changes [data-kind="breaker"]').first.wait_for()
        page.locator("#troubled").check()
        page.locator('[data-path="model/m2"]').wait_for(state="hidden")
        self.assertTrue(page.locator('[data-path="model/m1"]').is_visible())
        page.locator("#t-breakers.bad").wait_for()

    def test_reload_says_what_changed_or_why_not(self):
        router = self.base()
        page = self.open(router)
        router.write(config(self.upstreams, every={"rpm_limit": 50}))
        page.locator("#reload").click()
        page.locator("#notice", has_text="rate 6000 in 60 s -> 50 in 60 s").wait_for()
        page.locator('#changes [data-kind="reload"]').wait_for()
        router.write({"task_groups": 7})
        page.locator("#reload").click()
        page.locator("#notice.bad").wait_for()

    def test_drain_asks_first(self):
        router = self.base()
        page = self.open(router)
        page.locator("#drain").click()
        page.locator("#ask-no").click()
        self.assertEqual(router.get("/readyz").status, 200)
        page.locator("#drain").click()
        page.locator("#ask-yes").click()
        page.locator("#drain:disabled").wait_for()
        page.locator('#changes [data-kind="drain"]').wait_for()
        self.assertEqual(router.get("/readyz").status, 503)

    def test_kill_is_there_with_chaos_alone_and_asks_first(self):
        router = self.base()
        page = self.open(router)
        page.locator('[data-path="model/m2"]').wait_for()
        self.assertFalse(page.locator('[data-path="model/m2"] .kill').is_visible())
        router = self.serve(args=("--chaos",))
        page = self.open(router)
        page.locator('[data-path="model/m2"] .kill').click()
        page.locator("#ask-no").click()
        self.assertEqual(router.actor("model/m2")["restarts"], 0)
        page.locator('[data-path="model/m2"] .kill').click()
        page.locator("#ask-yes").click()
        page.locator("#notice", has_text="model/m2 was killed").wait_for()
        self.assertTrue(client.until(lambda: router.actor("model/m2")["restarts"] == 1))
        page.locator('[data-path="model/m2"] .totals', has_text="1 restarts").wait_for()

    def test_the_theme_follows_the_system_until_it_is_chosen(self):
        router = self.base()
        page = self.open(router, color_scheme="dark")
        ground = "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(ground)
        page.locator("#theme").click()
        light = page.evaluate(ground)
        self.assertNotEqual(dark, light)
        page.reload()
        page.locator("#link", has_text="live").wait_for()
        self.assertEqual(page.evaluate(ground), light)
        self.assertEqual(page.locator("canvas").count(), 3)

    def test_a_small_screen_needs_no_sideways_scrolling_and_the_keyboard_reaches_all(self):
        router = self.base(args=("--chaos",))
        page = self.open(router, viewport={"width": 390, "height": 800})
        page.locator('[data-path="model/m1"]').wait_for()
        self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), 390)
        reached = set()
        for _ in range(25):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
        for control in ("reload", "drain", "theme", "filter", "troubled", "danger kill"):
            self.assertIn(control, reached)

    def test_a_router_that_is_gone_and_comes_back_is_found_again(self):
        router = self.base()
        page = self.open(router)
        host, port = router.url.removeprefix("http://").rsplit(":", 1)
        router.terminate()
        page.locator("#link.bad").wait_for()
        self.serve(listen=f"{host}:{port}")
        page.locator("#link", has_text="live").wait_for()

    def test_the_files_forbid_what_is_not_theirs(self):
        router = self.base()
        page = client.request(router.url, "GET", "/dashboard")
        self.assertEqual(page.status, 200)
        self.assertIn("default-src 'none'", page.header("content-security-policy"))
        self.assertNotIn("unsafe", page.header("content-security-policy"))
        again = client.request(router.url, "GET", "/dashboard", headers=(("If-None-Match", page.header("etag")),))
        self.assertEqual((again.status, again.body), (304, b""))
        self.assertEqual(client.request(router.url, "GET", "/dashboard/").header("location"), "../dashboard")
        self.assertError(client.request(router.url, "GET", "/dashboard/../serve.cpp"), 404)

    def test_pictures_of_a_busy_router_its_records_and_a_small_screen(self):
        names = ("openai-gpt", "anthropic-claude", "gemini-pro")
        ups = [self.upstream(steps.after(0.03 * i, steps.ok())) for i in range(1, 4)]
        ups[0].play(*[steps.after(0.02, steps.ok())] * 30, *[steps.error(503)] * 4, *[steps.after(0.02, steps.ok())] * 40, *[steps.error(503)] * 60)
        bound = config(self.upstreams)
        models = {n: {**bound["models"][f"m{i}"], "concurrency_limit": 20} for i, n in enumerate(names, 1)}
        groups = {"plan_group": group(tier([names[0]], concurrency_limit=6), tier([names[1]], concurrency_limit=12), breaker={"recovery_time": 30}),
                  "fast_group": group(tier([names[2], names[1]], concurrency_limit=10, rpm_limit=600, max_retries=1))}
        router = self.serve({**bound, "models": models, "task_groups": groups,
                             "polling_pools": {"single_turn_pool": {"task_groups": ["fast_group", "plan_group"], "rotation_strategy": "round_robin"}},
                             "workflow_nodes": {"planning_node": {"type": "llm", "llm_group": "plan_group.echelon1", "fallback_groups": ["plan_group.echelon2"]}}},
                            args=("--chaos",))
        page = self.open(router, viewport={"width": 1280, "height": 1240})
        targets = ("plan_group", "fast_group", "single_turn_pool", "planning_node")

        def go(i):
            return [router.chat(targets[(i + n) % 4] if n % 17 != 16 else "unknown_target") for n in range(60)]
        calls = client.later(lambda: client.at_once(6, go))
        calls(120)
        # The picture is of a router that works.
        calls = client.later(lambda: client.at_once(6, go))
        self.assertTrue(client.until(lambda: page.locator("#t-rate").inner_text() not in ("–", "0"), 20))
        scratch = tempfile.TemporaryDirectory(prefix="echelon-pictures-")
        self.addCleanup(scratch.cleanup)
        folder = pathlib.Path(os.environ.get("ECHELON_SCREENSHOTS", scratch.name))
        page.screenshot(path=folder / "dashboard-light.png")
        page.locator("#theme").click()
        page.screenshot(path=folder / "dashboard-dark.png")
        calls(120)
        ups[2].play(*[steps.error(503)] * 4, steps.after(0.02, steps.ok()))
        page.locator("#feed-filter").select_option("moved")
        self.assertTrue(client.until(lambda: router.chat("fast_group.echelon1").header("x-echelon-attempts") == "2", 10))
        page.locator("#feed tbody tr").first.click()
        page.locator("#record[open]").wait_for()
        page.locator("#record").screenshot(path=folder / "dashboard-record.png")
        page.keyboard.press("Escape")
        page.set_viewport_size({"width": 390, "height": 844})
        page.wait_for_timeout(300)
        page.screenshot(path=folder / "dashboard-small.png")


if __name__ == "__main__":
    if why := browser.ready():
        print(f"skipped: {why}", file=sys.stderr)
        sys.exit(SKIPPED)
    main()
