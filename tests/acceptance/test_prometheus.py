"""A real Prometheus scrapes a router; the shipped rules and the Grafana dashboard hold with what it finds."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

from harness import client, steps
from harness.case import Case, main
from harness.nodes import free_ports
from harness.sdks import SKIPPED

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "observability"


class Prometheus(Case):
    def promtool(self, *args):
        done = subprocess.run(["promtool", *args], cwd=DOCS, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_rules_pass_their_own_tests(self):
        self.promtool("check", "rules", "rules.yml")
        self.promtool("test", "rules", "rules_test.yml")

    def start(self, router):
        """A Prometheus that looks each second; returns query(expression) -> list of results."""
        folder = tempfile.TemporaryDirectory(prefix="echelon-prometheus-")
        self.addCleanup(folder.cleanup)
        port = free_ports(1)[0]
        settings = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [str(DOCS / "rules.yml")],
                    "scrape_configs": [{"job_name": "echelon", "static_configs": [{"targets": [router.url.removeprefix("http://")]}]}]}
        path = pathlib.Path(folder.name, "prometheus.yml")
        path.write_text(json.dumps(settings), encoding="utf-8")
        log = pathlib.Path(folder.name, "log")
        with open(log, "wb") as out:
            process = subprocess.Popen(["prometheus", f"--config.file={path}", f"--storage.tsdb.path={folder.name}/data",
                                        f"--web.listen-address=127.0.0.1:{port}"], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.at = f"http://127.0.0.1:{port}"

        def up():
            try:
                return self.api("/-/ready").status == 200
            except OSError:
                return False
        self.assertTrue(client.until(up, 40), log.read_text(errors="replace"))

    def api(self, path):
        return client.request(self.at, "GET", path)

    def query(self, expression):
        reply = self.api("/api/v1/query?query=" + urllib.parse.quote(expression))
        self.assertEqual(reply.status, 200, reply)
        return reply.json()["data"]["result"]

    def test_it_scrapes_and_the_rules_and_panels_find_their_series(self):
        self.upstream(steps.error(503))
        self.upstream(steps.ok())
        router = self.serve(breaker={"failure_threshold": 1, "recovery_time": 120})
        self.start(router)
        self.assertOk(router.chat())
        router.chat(stream=True)
        self.assertTrue(client.until(lambda: self.query('up{job="echelon"} == 1'), 30))
        self.assertTrue(client.until(lambda: self.query('echelon_breaker_state{actor="model/m1"} == 2'), 30))
        self.assertTrue(client.until(lambda: self.query('echelon_fallbacks_total{cause!=""} >= 1'), 30))
        # The breaker is open: its alert waits for two minutes to pass.
        alerts = client.until(lambda: [a for a in self.api("/api/v1/alerts").json()["data"]["alerts"]
                                       if a["labels"]["alertname"] == "EchelonBreakerOpen" and a["labels"]["actor"] == "model/m1"], 30)
        self.assertTrue(alerts)
        rules = [r for g in self.api("/api/v1/rules").json()["data"]["groups"] for r in g["rules"]]
        self.assertEqual({r["health"] for r in rules} - {"ok"}, set(), rules)
        # Every metric that a rule or a panel names is there, but for those that need a cluster, a queue or HTTPS.
        named = set(re.findall(r"echelon_[a-z_]+", (DOCS / "rules.yml").read_text() + (DOCS / "grafana.json").read_text()))
        text = router.get("/metrics").body.decode()
        missing = {x for x in named if x not in text}
        self.assertLessEqual(missing, {"echelon_admissions_total", "echelon_queue_wait_seconds", "echelon_queue_wait_seconds_bucket",
                                       "echelon_cost_total", "echelon_time_to_first_content_seconds_bucket",
                                       "echelon_http_certificate_end_seconds"})
        for panel in json.loads((DOCS / "grafana.json").read_text())["panels"]:
            for target in panel["targets"]:
                self.query(target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*"))


if __name__ == "__main__":
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        print("skipped: no Prometheus; Debian's package is prometheus", file=sys.stderr)
        sys.exit(SKIPPED)
    main()
