"""Sessions in documents: blocks of the kind `console` are typed into a shell, and what comes must be what stands there.

    $ command                 a line that goes on starts with `> `
    what it prints            `...` stands for anything
"""
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import threading

from harness.findings import OPTIONS

FENCE = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
PLACE = re.compile(r"\b(localhost|127\.0\.0\.1):(\d{4,5})\b")


def steps(block):
    """(command, expected output) of a block."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append([[line[2:]], []])
        elif line.startswith("> ") or line == ">":
            found[-1][0].append(line[2:])
        else:
            found[-1][1].append(line)
    return [("\n".join(command), "\n".join(output)) for command, output in found]


def matches(expected, actual):
    """Blanks at the ends of lines do not count."""
    def tidy(text):
        return re.sub(r"[ \t]+$", "", text, flags=re.M).strip("\n")
    pattern = ".*?".join(re.escape(x) for x in tidy(expected).split("..."))
    return re.fullmatch(pattern, tidy(actual), re.S) is not None


class Ports:
    """Each port of a document stands for a free one of this machine."""

    def __init__(self, free):
        self.free, self.known = free, {}

    def real(self, text):
        def one(found):
            port = self.known.setdefault(found.group(2), None) or str(self.free())
            self.known[found.group(2)] = port
            return f"{found.group(1)}:{port}"
        return PLACE.sub(one, text)

    def shown(self, text):
        back = {real: port for port, real in self.known.items()}
        return PLACE.sub(lambda x: f"{x.group(1)}:{back.get(x.group(2), x.group(2))}", text)


class Hung(Exception):
    """A command did not end in its time, or ended the shell."""


class Shell:
    """One bash that plays a document in a folder of its own."""

    def __init__(self, folder, binary, ports):
        self.folder, self.ports, self.count = pathlib.Path(folder), ports, 0
        bin_folder = pathlib.Path(folder, ".bin")
        bin_folder.mkdir()
        (bin_folder / "echelon").symlink_to(binary)
        url = ports.real("http://127.0.0.1:8080")
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
            env={"PATH": f"{bin_folder}:{os.environ['PATH']}", "HOME": str(folder), "ECHELON_URL": url, "LC_ALL": "C.UTF-8",
                 **{name: os.environ[name] for name in OPTIONS if name in os.environ}})

    def run(self, command, seconds=30):
        """What it prints, with the ports of the document."""
        self.count += 1
        mark = f"-- end of command {self.count} --"
        self.process.stdin.write(f"{self.ports.real(command)}\nprintf '\\n%s\\n' '{mark}'\n")
        self.process.stdin.flush()
        # A command that hangs is ended, and so fails by what it did not print.
        late = threading.Timer(seconds, self.kill)
        late.start()
        lines = []
        try:
            for line in self.process.stdout:
                if line.rstrip("\n") == mark:
                    break
                lines.append(line)
            else:
                logs = "".join(f"--- {x.name}\n{x.read_text(errors='replace')[-2000:]}\n" for x in sorted(self.folder.glob("*.log")))
                raise Hung(f"{command}\n{''.join(lines)}\n{logs}")
        finally:
            late.cancel()
        return self.ports.shown("".join(lines))

    def kill(self):
        """Ends the shell and all that it started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def close(self):
        self.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
