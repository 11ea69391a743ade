"""LiteLLM's configurations converted, validated and served."""
import pathlib
import tempfile

from harness.case import Case, main
from harness.router import run

FILES = pathlib.Path(__file__).resolve().parent / "litellm"
KEYS = {name: "sk-of-the-environment" for name in (
    "OPENAI_API_KEY", "OPENAI_API_KEY_2", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY",
    "HOSTED_VLLM_API_KEY")} | {"LITELLM_MASTER_KEY": "sk-master"}


class Import(Case):
    def converted(self, name):
        """The file written for FILES/name, and what was told of it."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name, "echelon.yaml")
        done = run("import", "litellm", str(FILES / name), "-o", str(path))
        self.assertEqual(done.returncode, 0, done.stderr)
        checked = run("validate", "--strict", "--config", str(path), env=KEYS)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr + path.read_text())
        return path, done.stderr

    def answers(self, path, targets, headers=()):
        router = self.serve(path, args=("--simulate",), env=KEYS)
        for target in targets:
            self.assertEqual(router.chat(target, headers=headers).status, 200, target)
        return router

    def test_a_team_s_file_with_fallbacks_limits_and_aliases(self):
        path, told = self.converted("team.yaml")
        self.assertEqual(told, "")
        text = path.read_text()
        for part in ("${OPENAI_API_KEY_2}", "rpm_limit: 500", "tpm_limit: 300000", "context_window: 128000",
                     "failure_threshold: 4", "recovery_time: 30", "input_per_mtok: 2.5"):
            self.assertIn(part, text)
        master = [("Authorization", "Bearer sk-master")]
        router = self.answers(path, ("gpt-4o", "claude-sonnet", "gemini-flash", "best", "vision"), master)
        self.assertEqual(router.chat("gpt-4o").status, 401)
        explained = run("explain", "gpt-4o", "--config", str(path), "--json", env=KEYS).stdout
        for stage in ("gpt-4o.deployments", "gpt-4o.to_claude-sonnet", "gpt-4o.to_gemini-flash"):
            self.assertIn(stage, explained)

    def test_a_small_file_whose_key_is_not_copied(self):
        path, told = self.converted("small.yaml")
        self.assertRegex(told, r"small\.yaml:6:\d+: warning: .*OPENAI_API_KEY.*\[plain-secret\]")
        self.assertRegex(told, r"small\.yaml:3:\d+: warning: .*'gpt-3-5-turbo'.*\[renamed\]")
        self.assertNotIn("SECRET", told + path.read_text())
        self.answers(path, ("gpt-3-5-turbo", "local"))

    def test_what_has_no_counterpart_is_told_with_its_line(self):
        path, told = self.converted("mixed.yaml")
        for line, word in ((5, "azure/my-deployment"), (10, "stream_timeout"), (17, "success_callback"),
                           (20, "azure-gpt"), (21, "cache"), (23, "usage-based-routing-v2"), (24, "redis_host"),
                           (26, "database_url")):
            self.assertRegex(told, rf"mixed\.yaml:{line}:\d+: warning: .*{word}")
        self.answers(path, ("fast", "smart"))
        self.assertIn("to_smart", path.read_text())

    def test_a_file_without_anything_to_take_over_is_an_error(self):
        for text, word in (("model_list: []\n", "model_list"), ("a: [\n", "error")):
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(text)
                file.flush()
                done = run("import", "litellm", file.name)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(word, done.stderr)
        self.assertEqual(run("import", "litellm", "/nonexistent.yaml").returncode, 2)


if __name__ == "__main__":
    main()
