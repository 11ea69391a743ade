"""A PostgreSQL of a test's own, on loopback; it can be killed and started again."""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

from harness import client
from harness.nodes import free_ports


def programs():
    """The folder of Debian's PostgreSQL, or none."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


class Postgres:
    def __init__(self, case):
        self.bin = programs()
        if self.bin is None:
            raise RuntimeError("PostgreSQL is not installed: scripts/setup")
        self.port = free_ports(1)[0]
        self.folder = tempfile.mkdtemp(prefix="echelon-pg-")
        case.addCleanup(shutil.rmtree, self.folder, True)
        # It refuses to run as root.
        self.user = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
        if self.user:
            os.chown(self.folder, pwd.getpwnam("postgres").pw_uid, -1)
        self.data = os.path.join(self.folder, "data")
        subprocess.run([self.bin / "initdb", "-D", self.data, "-U", "echelon", "-A", "trust", "--no-sync"], check=True,
                       stdout=subprocess.DEVNULL, cwd=self.folder, **self.user)
        self.process = None
        case.addCleanup(self.kill)
        self.start()

    @property
    def url(self):
        return f"postgresql://echelon@127.0.0.1:{self.port}/postgres"

    def start(self):
        self.process = subprocess.Popen(
            [self.bin / "postgres", "-D", self.data, "-h", "127.0.0.1", "-p", str(self.port), "-k", self.folder],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder, start_new_session=True, **self.user)
        if not client.until(lambda: self.sql("SELECT 1", check=False) == "1", 60):
            raise RuntimeError("PostgreSQL did not start")

    def kill(self):
        """At once, all of its processes, as by a loss of power of its machine."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def sql(self, text, check=True):
        """The answer as psql prints it, unadorned."""
        done = subprocess.run([self.bin / "psql", "-XAtq", self.url, "-c", text], capture_output=True, text=True,
                              check=False, cwd="/")
        if check and done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()
