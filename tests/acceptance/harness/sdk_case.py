"""What each official OpenAI SDK must see; the same for every language."""
import threading

from harness import client, steps
from harness.case import Case, config, group, tier

KEY = "client-key"
TOOL_CALL = {**steps.completion(None), "choices": [{
    "index": 0, "finish_reason": "tool_calls", "logprobs": None,
    "message": {"role": "assistant", "content": None, "refusal": None, "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}}]}


class SdkCase(Case):
    """Subclasses set `act` to a function act(base_url, key, action, model)."""

    act = None

    def start(self, *script, groups=None, **changes):
        u = self.upstream(*script)
        router = self.serve(config(self.upstreams, groups=groups or {"g": group(tier(["m1"], timeout=1))},
                                   auth={"keys": {"me": KEY}}, **changes))
        self.base = router.url + "/v1"
        return u, router

    def does(self, action, model="g", key=KEY):
        return type(self).act(self.base, key, action, model)

    def assertThrown(self, got, name, status):
        self.assertEqual((got.get("thrown"), got.get("status")), (name, status), got)
        self.assertTrue(got["message"])

    def test_it_lists_models(self):
        self.start(steps.ok())
        self.assertLessEqual({"g", "g.echelon1", "m1"}, set(self.does("list")["ids"]))

    def test_it_completes(self):
        self.start(steps.ok("hello"))
        got = self.does("complete")
        self.assertEqual((got["text"], got["finish"], got["usage"]["total_tokens"]), ("hello", "stop", 5))

    def test_it_streams(self):
        self.start(steps.stream("hel", "lo"))
        self.assertEqual(self.does("stream"), {"text": "hello", "finish": "stop"})

    def test_it_calls_tools(self):
        self.start(lambda x: x.json(200, TOOL_CALL))
        self.assertEqual(self.does("tools")["calls"][0]["function"]["name"], "f")

    def test_it_throws_its_own_class_for_400(self):
        self.start(steps.error(400, steps.failure("bad field", "invalid_request_error")))
        self.assertThrown(self.does("complete"), "BadRequestError", 400)

    def test_it_throws_its_own_class_for_401(self):
        self.start(steps.ok())
        got = self.does("complete", key="wrong-key")
        self.assertThrown(got, "AuthenticationError", 401)
        self.assertEqual(got["code"], "invalid_api_key")

    def test_it_throws_its_own_class_for_404(self):
        self.start(steps.ok())
        got = self.does("complete", "nope")
        self.assertThrown(got, "NotFoundError", 404)
        self.assertEqual(got["code"], "model_not_found")

    def test_it_throws_its_own_class_for_429(self):
        self.start(steps.ok(), groups={"g": group(tier(["m1"], rpm_limit=1))})
        self.does("complete")
        self.assertThrown(self.does("complete"), "RateLimitError", 429)
        self.assertThrown(self.does("stream"), "RateLimitError", 429)

    def test_it_throws_its_own_class_for_503(self):
        _, router = self.start(steps.error(500), groups={"g": group(
            tier(["m1"]), breaker={"failure_threshold": 1, "recovery_time": 60})})
        self.assertThrown(self.does("complete"), "InternalServerError", 502)
        self.assertThrown(self.does("complete"), "InternalServerError", 503)
        self.assertEqual(router.get("/healthz").status, 200)

    def test_it_throws_its_own_class_for_504(self):
        self.start(steps.hang())
        self.assertThrown(self.does("complete"), "InternalServerError", 504)

    def test_it_throws_for_an_error_inside_a_stream(self):
        self.start(steps.pieces(steps.delta("one"), then=steps.reset))
        self.assertEqual(self.does("stream")["thrown"], "APIError")

    def test_many_at_once_are_all_answered(self):
        answer = threading.Event()
        u, router = self.start(steps.when(answer, steps.ok("hello")), groups={"g": group(tier(["m1"], timeout=30))})
        results = [client.later(lambda: self.does("complete")) for _ in range(4)]
        self.assertTrue(client.until(lambda: len(u.hits) == 4, 30))
        answer.set()
        self.assertEqual([r()["text"] for r in results], ["hello"] * 4)
        self.assertTrue(router.alive())
