"""A real etcd for a test."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from harness.nodes import Nodes, free_ports

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "scripts" / "etcd"


def is_there():
    """Whether Debian's packages etcd-server and etcd-client are installed."""
    return all(shutil.which(x) for x in ("etcd", "etcdctl"))


class Etcd:
    """Runs until the test ends, on a port of its own; what it stores outlives a restart."""

    def __init__(self, case, *options):
        self.folder = tempfile.TemporaryDirectory(prefix="echelon-etcd-")
        case.addCleanup(self.folder.cleanup)
        case.addCleanup(self.kill)
        self.port = free_ports(1)[0]
        self.options = options
        self.process = None
        self.url = self.start()

    def start(self):
        """Returns its URL when it answers."""
        self.process = subprocess.Popen([SCRIPT, str(self.port), self.folder.name, *self.options],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        url = self.process.stdout.readline().strip()
        if not url:
            raise RuntimeError("etcd did not start")
        return url

    def signal(self, number):
        """To etcd and the script around it."""
        os.killpg(self.process.pid, number)

    def kill(self):
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def ctl(self, *args):
        """What etcdctl prints."""
        return subprocess.run(["etcdctl", "--endpoints", self.url, *args], check=True, capture_output=True,
                              text=True, timeout=20, env={**os.environ, "ETCDCTL_API": "3"}).stdout


class EtcdNodes(Nodes):
    """Nodes that know of each other by an etcd alone."""

    def __init__(self, case, settings, endpoints, count=3, **etcd):
        super().__init__(case, settings, count)
        self.cluster = {"name": "test", "membership": "etcd",
                        "etcd": {"endpoints": endpoints, "lease_ttl": 5, **etcd}}
