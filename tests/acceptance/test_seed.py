"""The sample configuration as it stands, with every provider simulated, and the commands around it."""
import pathlib
import subprocess

from harness import client
from harness.case import Case, main
from harness.router import BINARY, run

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEED = ROOT / "tests" / "config" / "data" / "seed.yaml"
TIERS = [f"{g}.echelon{i}" for g in ("fast_group", "plan_group", "thinking_group", "execute_group", "review_group",
                                     "high_payload_group") for i in (1, 2, 3)]
TIERS += [f"fast_small_group.{t}" for t in ("translation", "analysis", "execute", "thinking", "high_payload")]
POOLS = ["single_turn_pool", "multi_turn_pool", "high_concurrency_pool"]
NODES = ["planning_node", "execution_node", "thinking_node", "fast_response_node"]
MODELS = ["openai-gpt4", "openai-gpt4-turbo", "openai-gpt3.5-turbo", "anthropic-claude-3-opus",
          "anthropic-claude-3-sonnet", "anthropic-claude-3-haiku", "gemini-pro"]


class Seed(Case):
    def setUp(self):
        super().setUp()
        self.router = self.serve(SEED, args=["--simulate"])

    def test_every_tier_pool_and_node_of_the_sample_is_served(self):
        self.assertEqual((len(TIERS), len(POOLS), len(NODES)), (23, 3, 4))
        for target in TIERS + POOLS + NODES + MODELS:
            for stream in (False, True):
                with self.subTest(target=target, stream=stream):
                    reply = self.router.chat(target, stream=stream)
                    self.assertOk(reply)
                    route, _, model = reply.header("x-echelon-route").rpartition("/")
                    self.assertIn(model, MODELS)
                    if target in TIERS:
                        self.assertEqual(route, target)
                    if stream:
                        self.assertEqual((reply.errors(), reply.events()[-1]), ([], "[DONE]"))
                        self.assertTrue(reply.content())
                    else:
                        self.assertTrue(reply.text)

    def test_every_target_is_listed(self):
        listed = {m["id"] for m in self.router.get("/v1/models").json()["data"]}
        self.assertLessEqual(set(TIERS + POOLS + NODES + MODELS), listed)

    def test_call_prints_the_answer(self):
        for args in ((), ("--stream",)):
            done = run("call", "plan_group.echelon1", "hello", "--url", self.router.url, *args)
            self.assertEqual(done.returncode, 0, done)
            self.assertTrue(done.stdout.strip())
        done = run("call", "nope", "hello", "--url", self.router.url)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("nope", done.stderr)
        done = run("call", "nope.echelon1", "hello", "--fallback", "plan_group.echelon2", "--url", "http://127.0.0.1:1")
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(done.stderr.strip())

    def test_status_shows_the_actors(self):
        done = run("status", "--url", self.router.url)
        self.assertEqual(done.returncode, 0, done)
        for path in ("echelon/plan_group.echelon1", "pool/single_turn_pool", "node/planning_node"):
            self.assertIn(path, done.stdout)


class Shipped(Case):
    def test_the_sample_validates_with_its_known_warnings_only(self):
        done = run("validate", "--config", str(SEED))
        self.assertEqual(done.returncode, 0, done)
        text = done.stdout + done.stderr
        self.assertNotIn(" error: ", text)
        self.assertRegex(text, r"warning: .*fast_small_group\.fast")
        self.assertEqual(run("validate", "--strict", "--config", str(SEED)).returncode, 1)

    def test_the_shipped_configuration_validates_and_serves(self):
        keys = {f"{p}_API_KEY": "test-key" for p in ("OPENAI", "ANTHROPIC", "GEMINI", "GOOGLE")}
        keys["ECHELON_ADMIN_TOKEN"] = "test-token"
        path = str(ROOT / "configs" / "llms")
        done = run("validate", "--config", path, env=keys)
        self.assertEqual(done.returncode, 0, done)
        router = self.serve(path, args=["--simulate"], env=keys)
        for target in ("plan_group.echelon1", "planning_node", "single_turn_pool"):
            self.assertOk(router.chat(target))

    def test_a_router_before_a_simulator_process_gets_its_answers(self):
        simulator = subprocess.Popen([BINARY, "simulate", "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(simulator.stdout.close)
        self.addCleanup(simulator.wait, 10)
        self.addCleanup(simulator.terminate)
        url = "http://" + simulator.stdout.readline().split("http://", 1)[1].strip()
        providers = {"s": {"kind": "openai", "base_url": url + "/v1", "api_key": "k"},
                     "a": {"kind": "anthropic", "base_url": url, "api_key": "k"},
                     "g": {"kind": "gemini", "base_url": url, "api_key": "k"}}
        router = self.serve({"task_groups": {f"t{p}": {"echelon1": {"models": [f"m-{p}"], "priority": 1}}
                                             for p in providers},
                             "providers": providers,
                             "models": {f"m-{p}": {"provider": p, "model": f"real-{p}"} for p in providers}})
        for target in ("ts", "ta", "tg"):
            self.assertOk(router.chat(target))
            self.assertTrue(router.chat(target, stream=True).content())
        state = client.request(url, "GET", "/sim/state").json()
        self.assertIn("real-a", str(state))


if __name__ == "__main__":
    main()
