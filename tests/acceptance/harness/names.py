"""Names of a test's own: the router runs with a hosts file that the test writes."""
import pathlib
import socket
import subprocess
import tempfile
import unittest

ENTER = 'mount --bind "$0/hosts" /etc/hosts && { [ ! -e "$0/resolv.conf" ] || mount --bind "$0/resolv.conf" ' \
        '/etc/resolv.conf; } && exec "$@"'


class Names:
    """A hosts file for one router; `wrap` starts a router under it."""

    def __init__(self, case, silent_server=False, **names):
        """With `silent_server` all other names are asked of a name server that never answers."""
        self.folder = tempfile.TemporaryDirectory(prefix="echelon-names-")
        case.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name, "hosts")
        self.set(**names)
        if silent_server:
            self._silence(case)
        for flags in ("-m", "-rm"):
            self.wrap = ("unshare", flags, "sh", "-c", ENTER, self.folder.name)
            try:
                if subprocess.run([*self.wrap, "true"], capture_output=True, check=False).returncode == 0:
                    return
            except FileNotFoundError:
                break
        raise unittest.SkipTest("this machine lets no process have a hosts file of its own")

    def _silence(self, case):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        case.addCleanup(server.close)
        try:
            server.bind(("127.0.0.53", 53))
        except OSError as e:
            raise unittest.SkipTest("no port 53 on this machine") from e
        pathlib.Path(self.folder.name, "resolv.conf").write_text("nameserver 127.0.0.53\noptions timeout:20 attempts:1\n")

    def set(self, **names):
        """name=addresses; a name's dots are written as _. The file keeps its inode: it is mounted."""
        lines = ["127.0.0.1 localhost"]
        lines += [f"{a} {name.replace('_', '.')}" for name, addresses in names.items() for a in addresses]
        with open(self.path, "r+" if self.path.exists() else "w", encoding="utf-8") as file:
            file.truncate(0)
            file.write("\n".join(lines) + "\n")


def black_hole(case, address, port):
    """An address where connecting neither succeeds nor fails: a full listen queue drops every SYN."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    case.addCleanup(listener.close)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(0)
    for _ in range(8):
        filler = socket.socket(family, socket.SOCK_STREAM)
        case.addCleanup(filler.close)
        filler.settimeout(0.2)
        try:
            filler.connect((address, port))
        except OSError:
            return
    raise unittest.SkipTest("this machine's listen queues do not fill")
