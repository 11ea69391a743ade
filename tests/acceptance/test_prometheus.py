"""A real Prometheus scrapes a router; the shipped rules and the Grafana dashboard hold with what it finds."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse

from harness import client, steps
from harness.case import Case, main
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
        settings = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [str(DOCS / "rules.yml")],
                    "scrape_configs": [{"job_name": "echelon", "static_configs": [{"targets": [router.url.removeprefix("http://")]}]}]}
        path = pathlib.Path(folder.name, "prometheus.yml")
        path.write_text(json.dumps(settings), encoding="utf-8")
        log = pathlib.Path(folder.name, "log")
        with open(log, "wb") as out:
            process = subprocess.Popen(["prometheus", f"--config.file={path}", f"--storage.tsdb.path={folder.name}/data",
                                        f"--web.listen-address=127.0.0.1:0"], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        # It says which port it got.
        address = client.until(lambda: re.search(r'msg="Listening on" address=(127\.0\.0\.1:\d+)', log.read_text(errors="replace")), 40)
        self.assertTrue(address, log.read_text(errors="replace"))
        self.at = f"http://{address.group(1)}"

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

    def everything(self, **changes):
        """A router with one of everything that has a metric: a price, a queue, rates, a window of tokens, a cluster."""
        models = {"m1": {"provider": "u1", "model": "real-1"},
                  "m2": {"provider": "u2", "model": "real-2", "tpm_limit": 100000, "concurrency_limit": 1,
                         "price": {"input_per_mtok": 1, "output_per_mtok": 1}}}
        return self.serve(models=models, cluster={"node": "a", "listen": "127.0.0.1:0"}, every={"timeout": 20}, **changes)

    def wait_in_line(self, router, upstream):
        """Two requests, of which one waits for the other's permit."""
        answered = threading.Event()
        self.addCleanup(answered.set)
        upstream.play(steps.when(answered, steps.either()))
        replies = client.later(lambda: client.at_once(2, lambda _: router.chat()))
        self.assertTrue(client.until(lambda: router.waiting("model/m2") == 1, 15))
        answered.set()
        for reply in replies():
            self.assertOk(reply)

    def test_every_metric_of_the_list_is_there_with_its_labels(self):
        self.upstream(steps.error(503))
        u = self.upstream(steps.either())
        router = self.everything(breaker={"failure_threshold": 1, "recovery_time": 120})
        self.assertEqual(router.chat(stream=True).content(), "ok")
        self.wait_in_line(router, u)
        text = router.get("/metrics").body.decode()
        for series in ('echelon_build_info{version="', 'echelon_requests_total{status="200",target="g"} 3', 'echelon_requests_in_flight 0',
                       'echelon_attempts_total{model="m1",outcome="server_error"} 1', 'echelon_attempts_total{model="m2",outcome="ok"} 3',
                       'echelon_attempt_duration_seconds_count{model="m2"} 3', 'echelon_fallbacks_total{cause="server_error"} 1',
                       'echelon_queue_wait_seconds_count{target="g"} 1', 'echelon_actor_wait_seconds_count{actor="model/m2",result="turn"} 1',
                       'echelon_admission_seconds_count', 'echelon_time_to_first_content_seconds_count{model="m2"} 1',
                       'echelon_tokens_total{direction="prompt",model="m2"}', 'echelon_cost_total{model="m2"}',
                       'echelon_permits_used{actor="model/m2"} 0', 'echelon_permits_limit{actor="model/m2"} 1', 'echelon_queue_length{actor="model/m2"} 0',
                       'echelon_queue_size{actor="model/m2"}', 'echelon_rate_available{actor="echelon/g.echelon2"}',
                       'echelon_rate_limit{actor="echelon/g.echelon2"} 6000', 'echelon_tokens_window_limit{actor="model/m2"} 100000',
                       'echelon_tokens_window_used{actor="model/m2"}', 'echelon_breaker_state{actor="model/m1"} 2',
                       'echelon_actor_requests_total{actor="model/m2",result="succeeded"} 3', 'echelon_actor_restarts{actor="model/m2"} 0',
                       'echelon_admissions_total{way="own"}'):
            with self.subTest(series):
                self.assertTrue("\n" + series in text, [x for x in text.splitlines() if x.startswith(series.split("{")[0])])

    def test_it_scrapes_and_the_rules_and_panels_find_their_series(self):
        self.upstream(steps.error(503))
        u = self.upstream(steps.either())
        router = self.everything(breaker={"failure_threshold": 1, "recovery_time": 120})
        self.start(router)
        self.assertOk(router.chat())
        self.assertEqual(router.chat(stream=True).content(), "ok")
        self.wait_in_line(router, u)
        self.assertTrue(client.until(lambda: self.query('up{job="echelon"} == 1'), 30))
        self.assertTrue(client.until(lambda: self.query('echelon_breaker_state{actor="model/m1"} == 2'), 30))
        self.assertTrue(client.until(lambda: self.query('echelon_fallbacks_total{cause!=""} >= 1'), 30))
        # The breaker is open: its alert waits for two minutes to pass.
        alerts = client.until(lambda: [a for a in self.api("/api/v1/alerts").json()["data"]["alerts"]
                                       if a["labels"]["alertname"] == "EchelonBreakerOpen" and a["labels"]["actor"] == "model/m1"], 30)
        self.assertTrue(alerts)
        rules = [r for g in self.api("/api/v1/rules").json()["data"]["groups"] for r in g["rules"]]
        self.assertEqual({r["health"] for r in rules} - {"ok"}, set(), rules)
        # Every metric that a rule or a panel names is there, but for the one of HTTPS.
        named = set(re.findall(r"echelon_[a-z_]+", (DOCS / "rules.yml").read_text() + (DOCS / "grafana.json").read_text()))
        text = router.get("/metrics").body.decode()
        self.assertEqual({x for x in named if x not in text}, {"echelon_http_certificate_end_seconds"})
        for panel in json.loads((DOCS / "grafana.json").read_text())["panels"]:
            for target in panel["targets"]:
                self.query(target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*"))


if __name__ == "__main__":
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        print("skipped: no Prometheus; Debian's package is prometheus", file=sys.stderr)
        sys.exit(SKIPPED)
    main()
