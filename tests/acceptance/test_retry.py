"""Retry-After and the backoff before the same model is asked again."""
import datetime

from harness import client, steps
from harness.case import SLACK, Case, Clock, config, group, main, tier


def http_date(seconds):
    """An HTTP date so far from now, as IMF-fixdate of RFC 9110."""
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.strftime("%a, %d %b %Y %H:%M:%S GMT")


class Retry(Case):
    def gaps(self, upstream):
        at = [h.at for h in upstream.hits]
        return [b - a for a, b in zip(at, at[1:])]

    def test_RETRY_1_each_wait_follows_the_newest_retry_after(self):
        self.upstream(steps.error(429, headers=[("Retry-After", "1")]),
                      steps.error(429, headers=[("Retry-After", "2")]), steps.ok())
        self.assertOk(self.serve(every={"max_retries": 3, "timeout": 10}).chat())
        first, second = self.gaps(self.upstreams[0])
        self.assertTook(first, 1.0, 1.5)
        self.assertTook(second, 2.0, 2.5)

    def test_RETRY_2_every_form_of_retry_after_is_survived(self):
        # Each form at a model of its own, all at once: (headers, least gap, greatest gap).
        backoff = 0.2
        forms = {
            "seconds": ([("Retry-After", "2")], 2.0, 2.5),
            "date ahead": (None, 1.0, 2.5),  # A date has whole seconds.
            "date past": ([("Retry-After", http_date(-100))], 0, backoff),
            "negative": ([("Retry-After", "-5")], 0, backoff),
            "word": ([("Retry-After", "abc")], 0, backoff),
            "empty": ([("Retry-After", "")], 0, backoff),
            "fraction": ([("Retry-After", "1.5")], 1.5, 2.0),
            "twice": ([("Retry-After", "1"), ("Retry-After", "3")], 0, 3.5),
            "milliseconds": ([("retry-after-ms", "300")], 0.3, 0.6),
        }

        def limited(headers):
            return lambda x: x.json(429, steps.failure("slow down"), headers or [("Retry-After", http_date(2))])
        for headers, _, _ in forms.values():
            self.upstream(limited(headers), steps.ok())
        names = {f"g{i}": group(tier([f"m{i}"], max_retries=1)) for i in range(1, len(forms) + 1)}
        router = self.serve(config(self.upstreams, groups=names, fallback={"retry_delay": backoff}))
        replies = client.at_once(len(forms), lambda i: router.chat(f"g{i + 1}"))
        for reply, upstream, (name, (_, low, high)) in zip(replies, self.upstreams, forms.items()):
            with self.subTest(name):
                self.assertOk(reply)
                self.assertTook(self.gaps(upstream)[0], low, high)

    def test_RETRY_2_an_absurd_retry_after_neither_blocks_nor_crashes(self):
        self.upstream(steps.error(429, headers=[("Retry-After", "9" * 20)]), steps.ok())
        reply = self.serve(every={"max_retries": 1}, fallback={"retry_delay": 0.2}).chat()
        self.assertIn(reply.status, (200, 429, 503))
        self.assertTook(reply.took, 0, 1.0)

    def test_RETRY_3_when_nothing_is_available_the_client_is_told_when_to_come_back(self):
        self.upstream(steps.error(500))
        router = self.serve(breaker={"failure_threshold": 1, "recovery_time": 3})
        clock = Clock()
        self.assertError(router.chat(), 502)
        second = router.chat()
        self.assertError(second, 503)
        before = self.assertRetryAfter(second, 1, 3)
        clock.wait_until(1.6)
        third = router.chat()
        self.assertError(third, 503)
        self.assertLess(self.assertRetryAfter(third, 1, 3), before)
        self.assertHits("U1")

    def test_a_retry_after_beyond_the_time_left_moves_on(self):
        self.upstream(steps.error(429, headers=[("Retry-After", "30")]))
        self.upstream(steps.ok("two"))
        reply = self.serve(tiers={1: {"max_retries": 3}}, server={"total_timeout": 5}).chat()
        self.assertOk(reply, "two")
        self.assertLess(reply.took, 1.0 + SLACK)
        self.assertHits("U1,U2")

    def test_the_total_deadline_covers_the_retries(self):
        self.upstream(steps.error(500))
        router = self.serve(every={"max_retries": 100}, fallback={"retry_delay": 0.3},
                            breaker={"failure_threshold": 1000})
        reply = router.chat(headers=[("x-echelon-timeout-ms", "1000")])
        self.assertError(reply, 502, 504)
        self.assertTook(reply.took, 0.0, 1.0)
        count = len(self.hits.hits)
        self.assertFalse(client.until(lambda: len(self.hits.hits) > count, 0.5), "nothing outlives the deadline")


if __name__ == "__main__":
    main()
