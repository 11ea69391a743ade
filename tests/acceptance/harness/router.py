"""A running `echelon serve`."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

from harness import client, findings

BINARY = os.environ.get("ECHELON_BIN", "echelon")
LISTENING = re.compile(r"echelon listening on (https?://[][0-9a-f.:]+)")

# Becomes a command that finds a socket as descriptor 3, as systemd starts it.
ACTIVATE = """import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execvp(sys.argv[2], sys.argv[2:])"""


def run(*args, env=None, timeout=30):
    """Runs one command of the binary to its end."""
    done = subprocess.run([BINARY, *args], capture_output=True, text=True, timeout=timeout, check=False,
                          env={**os.environ, **(env or {})})
    findings.look_at(done.stderr)
    return done


class Router:
    """Starts with a configuration given as a dict (JSON is YAML) or a path, on a free port.

    `wrap` is a command that ends by becoming the one that follows it; `held` a listening socket that it takes over.
    """

    def __init__(self, config, args=(), env=None, wrap=(), listen="127.0.0.1:0", held=None):
        self.folder = tempfile.TemporaryDirectory(prefix="echelon-test-")
        self.stderr_path = pathlib.Path(self.folder.name, "stderr")
        self.stdout_path = pathlib.Path(self.folder.name, "stdout")
        self.admin = ()
        if isinstance(config, dict):
            token = config.get("server", {}).get("admin_token")
            self.admin = (("Authorization", f"Bearer {token}"),) if token else ()
            self.config_path = pathlib.Path(self.folder.name, "config.yaml")
            self.write(config)
        else:
            self.config_path = pathlib.Path(config)
        if held:
            wrap = [sys.executable, "-c", ACTIVATE, str(held.fileno()), *wrap]
        with open(self.stderr_path, "wb") as err, open(self.stdout_path, "wb") as out:
            self.process = subprocess.Popen(
                [*wrap, BINARY, "serve", "--config", str(self.config_path), "--listen", listen, *args],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={**os.environ, **(env or {})},
                pass_fds=[held.fileno()] if held else [])
        found = client.until(self._listening, 60 if os.environ.get("ECHELON_SANITIZE") else 20)
        if not isinstance(found, str):
            self.kill()
            log = self.log()
            self.folder.cleanup()
            raise RuntimeError(f"echelon did not start:\n{log}")
        self.url = found

    def _listening(self):
        """The address, or true when there will be none."""
        found = LISTENING.search(self.log())
        return found.group(1) if found else self.process.poll() is not None

    def write(self, config):
        """Replaces the configuration file, for a reload."""
        self.config_path.write_text(json.dumps(config, ensure_ascii=False, indent=1), encoding="utf-8")

    def log(self):
        return self.stderr_path.read_text(errors="replace")

    def output(self):
        return self.stdout_path.read_text(errors="replace") + self.log()

    def rss(self):
        """Resident memory in bytes."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    def alive(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def terminate(self, timeout=120 if os.environ.get("ECHELON_SANITIZE") else 40):
        """SIGTERM; the exit code."""
        if self.alive():
            self.signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def kill(self):
        if self.alive():
            self.process.kill()
        self.process.wait()
        findings.look_at(self.log())

    def chat(self, target="g", **kw):
        return client.chat(self.url, target, **kw)

    def get(self, path, headers=()):
        return client.request(self.url, "GET", path, headers=headers or self.admin)

    def post(self, path, body=None, headers=()):
        return client.request(self.url, "POST", path, {} if body is None else body, headers or self.admin)

    def actor(self, path):
        """What /admin/state says of one actor, e.g. model/m1."""
        for actor in self.get("/admin/state").json()["actors"]:
            if actor["path"] == path:
                return actor
        raise KeyError(path)

    def breaker(self, path="model/m1"):
        """closed, open or half_open."""
        return self.actor(path)["breaker"]["state"]

    def failures(self, path="model/m1"):
        """Consecutive failures that the breaker counts."""
        return self.actor(path)["breaker"]["failures"]

    def in_flight(self, path="echelon/g.echelon1"):
        return self.actor(path)["permits"]["used"]

    def waiting(self, path):
        return self.actor(path)["queue"]["length"]
