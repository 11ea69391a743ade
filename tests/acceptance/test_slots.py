"""Permits and queues: bounded, shared where a key is shared, and always given back."""
import os
import threading
import time

from harness import client, steps
from harness.case import Case, config, group, main, tier
from harness.nodes import SLOWER


def levels(**limits):
    return {"concurrency_control": {"enabled": True, "levels": [{k: v} for k, v in limits.items()]}}


NO_QUEUE = levels(echelon_level={"limit": 300, "queue_size": 0})


class Slots(Case):
    def admitted(self, router, seconds=0.4):
        """A connection whose stream has started, tried until the permit of the one before is back."""
        limit = time.monotonic() + seconds * SLOWER
        while True:
            c = client.Connection(router.url)
            c.send("POST", "/v1/chat/completions", client.prompt(stream=True))
            head = c.head()
            if head.status == 200 or time.monotonic() > limit:
                self.assertEqual(head.status, 200, "the permit did not come back in time")
                return c, head
            c.close()

    def test_SLOTS_1_a_client_that_leaves_mid_stream_gives_its_slot_back(self):
        u = self.upstream(steps.trickle(0.02, 60))
        router = self.serve(every={"concurrency_limit": 1}, **NO_QUEUE)
        for _ in range(100):
            c, head = self.admitted(router)
            for _ in range(3):
                c.piece(head)
            c.close()
        self.assertTrue(client.until(lambda: router.in_flight() == 0))
        self.assertEqual((u.max_running <= 2, len(u.hits)), (True, 100))
        self.assertEqual(router.failures("model/m1"), 0)

    def test_SLOTS_2_leaving_cancels_a_plain_call_and_frees_the_slot(self):
        u = self.upstream(steps.hang(20))
        router = self.serve(every={"concurrency_limit": 1, "timeout": 30}, **NO_QUEUE)
        for round_ in range(1, 4):
            with client.Connection(router.url) as c:
                c.send("POST", "/v1/chat/completions", client.prompt())
                self.assertTrue(client.until(lambda: len(u.hits) == round_), "the request is admitted")
                time.sleep(0.2)
            left = time.monotonic()
            self.assertTrue(client.until(lambda: u.hits[-1].closed_at, 3))
            self.assertTook(u.hits[-1].closed_at - left, 0, 0.3)
            self.assertTrue(client.until(lambda: router.in_flight() == 0, 1))

    def test_SLOTS_2_leaving_is_noticed_though_another_request_was_sent(self):
        self.upstream(steps.hang(20))
        router = self.serve(every={"timeout": 30})
        with client.Connection(router.url) as c:
            for _ in range(2):
                c.send("POST", "/v1/chat/completions", client.prompt())
            self.assertTrue(client.until(lambda: router.in_flight() == 1))
        self.assertTrue(client.until(lambda: router.in_flight() == 0))
        self.assertEqual(len(self.hits.hits), 1, "nobody waits for the second one")

    def test_SLOTS_3_a_waiter_that_gave_up_is_out_of_the_queue(self):
        u = self.upstream(steps.ok())
        router = self.serve(every={"concurrency_limit": 2, "timeout": 30},
                            **levels(echelon_level={"limit": 300, "queue_size": 20}))
        for _ in range(5):
            answer = threading.Event()
            u.play(steps.when(answer, steps.ok()))
            hits = len(u.hits)
            run = [client.later(router.chat) for _ in range(2)]
            self.assertTrue(client.until(lambda: len(u.hits) == hits + 2))
            waiters = [client.Connection(router.url) for _ in range(20)]
            for c in waiters:
                c.send("POST", "/v1/chat/completions", client.prompt())
            self.assertTrue(client.until(lambda: router.waiting("echelon/g.echelon1") == 20))
            for c in waiters:
                c.close()
            self.assertTrue(client.until(lambda: router.waiting("echelon/g.echelon1") == 0))
            answer.set()
            for result in run:
                self.assertOk(result())
            self.assertEqual(len(u.hits), hits + 2, "nobody who left is served")
            u.max_running = 0
            pair = threading.Barrier(2)
            u.play(lambda x: (pair.wait(10), steps.ok()(x)))  # Both must run for either to be answered.
            for reply in client.at_once(2, lambda _: router.chat()):
                self.assertOk(reply)
            self.assertEqual(u.max_running, 2)

    def test_SLOTS_4_queues_are_bounded_and_overflow_is_refused_at_once(self):
        answer = threading.Event()
        u = self.upstream(steps.when(answer, steps.ok()))
        router = self.serve(every={"timeout": 60}, **levels(model_level={"limit": 1, "queue_size": 2}))
        start = router.rss()
        text = "x" * 100_000
        lock, refused = threading.Lock(), []

        def ask(_):
            reply = router.chat(text=text, timeout=60)
            if reply.status != 200:
                with lock:
                    refused.append(reply)
                    if len(refused) == 997:
                        answer.set()  # Nobody who is refused waits for those who are served.
            return reply
        replies = client.at_once(1000, ask)
        self.assertEqual([r for r in replies if isinstance(r, Exception)], [])
        self.assertEqual(sum(r.status == 200 for r in replies), 3)
        for reply in refused:
            self.assertError(reply, 429, 503)
            self.assertRetryAfter(reply, 1, 60)
        self.assertEqual((len(u.hits), u.max_running), (3, 1))
        if not os.environ.get("ECHELON_SANITIZE"):
            self.assertTrue(client.until(lambda: router.rss() - start < 20 * 2**20, 5),
                            f"memory stays: {(router.rss() - start) >> 20} MiB more")

    def test_SLOTS_4_one_who_is_refused_learns_it_fast(self):
        u = self.upstream(steps.hang())
        router = self.serve(every={"timeout": 60}, **levels(model_level={"limit": 1, "queue_size": 0}))
        with client.Connection(router.url) as c:
            c.send("POST", "/v1/chat/completions", client.prompt())
            self.assertTrue(client.until(lambda: u.hits))
            for _ in range(20):
                reply = router.chat(text="x" * 100_000)
                self.assertError(reply, 429, 503)
                self.assertTook(reply.took, 0, 0.5)

    def test_SLOTS_5_limits_of_a_shared_key_are_shared_and_others_are_not(self):
        answer = threading.Event()
        u = self.upstream(steps.when(answer, steps.ok()))
        settings = config(self.upstreams, groups={
            "a": group(tier(["m1"], concurrency_limit=1, timeout=30)),
            "b": group(tier(["m1"], concurrency_limit=1, timeout=30)),
            "c": group(tier(["m1"], concurrency_limit=5, timeout=30))},
            **levels(echelon_level={"limit": 300, "queue_size": 0}, model_level={"limit": 2, "queue_size": 0}))
        router = self.serve(settings)
        first = [client.later(lambda t=t: router.chat(t)) for t in "ab"]
        self.assertTrue(client.until(lambda: len(u.hits) == 2), "both run together")
        for target in "abc":
            refused = router.chat(target)
            self.assertError(refused, 429, 503)
            self.assertRetryAfter(refused, 1, 60)
        self.assertEqual(len(u.hits), 2)
        answer.set()
        for result in first:
            self.assertOk(result())
        for target in "abc":
            self.assertOk(router.chat(target))

    def test_a_hundred_clients_share_five_permits_and_all_are_answered(self):
        u = self.upstream(steps.after(0.02, steps.ok()))
        router = self.serve(every={"concurrency_limit": 5})
        for reply in client.at_once(100, lambda _: router.chat()):
            self.assertOk(reply)
        self.assertEqual((u.max_running, len(u.hits)), (5, 100))

    def test_waiters_are_served_by_priority(self):
        order = []
        answer = threading.Event()

        def remember(x):
            order.append(x.hit.json()["messages"][0]["content"])
            steps.when(answer, steps.ok())(x)
        self.upstream(remember)
        router = self.serve(every={"concurrency_limit": 1, "timeout": 30})
        results = [client.later(lambda: router.chat(text="first"))]
        self.assertTrue(client.until(lambda: order))
        for waiting, (text, priority) in enumerate((("low", "9"), ("high", "0"), ("middle", "5")), 1):
            results.append(client.later(lambda t=text, p=priority: router.chat(
                text=t, headers=[("x-echelon-priority", p)])))
            self.assertTrue(client.until(lambda: router.waiting("echelon/g.echelon1") == waiting))
        answer.set()
        for result in results:
            self.assertOk(result())
        self.assertEqual(order, ["first", "high", "middle", "low"])

    def test_a_waiter_whose_deadline_passes_is_told_504(self):
        u = self.upstream(steps.hang())
        router = self.serve(every={"concurrency_limit": 1, "timeout": 60})
        with client.Connection(router.url) as c:
            c.send("POST", "/v1/chat/completions", client.prompt())
            self.assertTrue(client.until(lambda: u.hits))
            reply = router.chat(headers=[("x-echelon-timeout-ms", "400")])
            self.assertError(reply, 504)
            self.assertTook(reply.took, 0.4, 0.6)
        self.assertEqual(len(u.hits), 1)


if __name__ == "__main__":
    main()
