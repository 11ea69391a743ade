"""Debian packages of the build, and the service that one of them brings, without a systemd that runs."""
import os
import pathlib
import shlex
import shutil
import subprocess

SYSTEMD_RUNS = pathlib.Path("/run/systemd/system").exists()


def run(*command, expect=0, timeout=60, **more):
    done = subprocess.run([str(x) for x in command], capture_output=True, text=True, timeout=timeout, check=False,
                          **more)
    if expect is not None and done.returncode != expect:
        raise AssertionError(f"{command} ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done


class Machine:
    """Where packages are installed: this machine if that disturbs nobody, else a folder.

    It disturbs nobody as root, where no systemd would start the service, and no package of these is there yet.
    Root has dpkg install into the folder; others have the files unpacked alone, without the packages' scripts.
    """

    def __init__(self, folder, names):
        self.is_root = os.geteuid() == 0
        taken = any(run("dpkg-query", "-W", name, expect=None).returncode == 0 for name in names)
        self.real = self.is_root and not SYSTEMD_RUNS and not taken
        self.root = pathlib.Path("/") if self.real else pathlib.Path(folder)
        if not self.real:
            self.root.chmod(0o755)
            for part in ("etc", "var/lib/dpkg/info", "var/lib/dpkg/updates"):
                (self.root / part).mkdir(parents=True)
            for part in ("status", "available"):
                (self.root / "var/lib/dpkg" / part).touch()
            for name in ("passwd", "group", "shadow", "gshadow"):
                if os.access(f"/etc/{name}", os.R_OK):
                    shutil.copy(f"/etc/{name}", self.root / "etc" / name)

    def path(self, of):
        return self.root / str(of).lstrip("/")

    def dpkg(self, *args):
        where = [] if self.real else [f"--root={self.root}", "--force-script-chrootless", "--force-depends"]
        return run("dpkg", *where, "--force-confold", *args)

    def install(self, *packages):
        if self.is_root:
            self.dpkg("-i", *packages)
        else:
            for package in packages:
                run("dpkg-deb", "-x", package, self.root)

    def user(self, name):
        """The line of the user in passwd as a list, or none."""
        lines = [x.split(":") for x in self.path("/etc/passwd").read_text().splitlines()]
        return next((x for x in lines if x[0] == name), None)


class Service:
    """A unit of systemd's, carried out as far as a test needs it."""

    def __init__(self, machine, unit):
        self.machine = machine
        self.settings = {}
        for line in machine.path(f"/lib/systemd/system/{unit}").read_text().splitlines():
            if "=" in line and not line.startswith("#"):
                key, value = line.split("=", 1)
                self.settings.setdefault(key, []).append(value)
        self.process = None

    def one(self, key):
        value, = self.settings[key]
        return value

    def environment(self):
        """As systemd makes it: nothing of ours but the path."""
        found = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        lines = self.machine.path(self.one("EnvironmentFile").lstrip("-")).read_text().splitlines()
        return {**found, **dict(x.split("=", 1) for x in lines if x and not x.startswith("#"))}

    def _command(self, text):
        """Its paths are those of the machine."""
        words = shlex.split(text)
        inside = [str(self.machine.path(x)) if x.startswith(("/usr/", "/etc/")) else x for x in words]
        return [x.replace("$MAINPID", str(self.process.pid) if self.process else "") for x in inside]

    def _identity(self):
        if not self.machine.is_root:
            return {}
        user = self.machine.user(self.one("User"))
        return {"user": int(user[2]), "group": int(user[3]), "extra_groups": []}

    def start(self, log):
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                self._command(self.one("ExecStart")), env=self.environment(), stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, umask=int(self.one("UMask"), 8), **self._identity(),
                cwd=self.machine.path(self.one("WorkingDirectory")) if self.machine.is_root else None)

    def reload(self):
        """The code of the first command that fails, else 0."""
        for text in self.settings["ExecReload"]:
            done = run(*self._command(text), expect=None, env=self.environment(), **self._identity())
            if done.returncode != 0:
                return done.returncode
        return 0
