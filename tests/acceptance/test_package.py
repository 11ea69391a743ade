"""Debian's packages: they install, the service starts, answers, reloads and stops by its unit, and all is cleared away."""
import os
import pathlib
import re
import signal
import tempfile
import unittest

from harness import client
from harness.case import main
from harness.package import Machine, Service, run
from harness.router import LISTENING

BUILD = pathlib.Path(os.environ["ECHELON_BUILD_DIR"])
UNIT = "/lib/systemd/system/echelon.service"
CONFIG = "/etc/echelon/echelon.yaml"


class Packages(unittest.TestCase):
    """Built once from what the build tree holds."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="echelon-package-")
        made = pathlib.Path(cls.folder.name, "made")
        run("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", made, timeout=280)
        found = [(re.sub("_.*", "", x.name), x) for x in made.glob("*.deb")]
        cls.debs = {re.sub(r"^libechelon[0-9.]+$", "library", name): x for name, x in found}

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def setUp(self):
        self.service = None
        folder = tempfile.TemporaryDirectory(prefix="echelon-root-")
        self.addCleanup(folder.cleanup)
        self.scratch = pathlib.Path(folder.name)
        self.scratch.chmod(0o755)
        root = self.scratch / "root"
        root.mkdir()
        self.names = [run("dpkg-deb", "-f", x, "Package").stdout.strip() for x in self.debs.values()]
        self.machine = Machine(root, self.names)
        self.addCleanup(self.clear)

    def clear(self):
        """Whatever a failed test left."""
        if self.service and self.service.process and self.service.process.poll() is None:
            self.service.process.kill()
            self.service.process.wait()
        if self.machine.real:
            there = [x for x in self.names if run("dpkg-query", "-W", x, expect=None).returncode == 0]
            if there:
                self.machine.dpkg("--purge", *there)

    def field(self, package, name):
        return run("dpkg-deb", "-f", self.debs[package], name).stdout.strip()

    def start(self):
        """The service with a free port, till it listens; its address."""
        with open(self.machine.path("/etc/echelon/environment"), "a", encoding="utf-8") as file:
            file.write("ECHELON_LISTEN=127.0.0.1:0\n")
        self.service = Service(self.machine, "echelon.service")
        log = self.scratch / "log"
        self.service.start(log)
        found = client.until(lambda: LISTENING.search(log.read_text()) or self.service.process.poll() is not None, 20)
        self.assertNotIsInstance(found, bool, log.read_text())
        return found.group(1)

    def add_group(self, name):
        path = self.machine.path(CONFIG)
        path.write_text(f"{path.read_text()}\n  {name}: {{echelon1: {{models: [small]}}}}\n")

    def targets(self, url):
        return {x["id"] for x in client.request(url, "GET", "/v1/models").json()["data"]}

    def test_what_they_need_comes_from_what_they_link_to(self):
        self.assertEqual(set(self.debs), {"echelon", "library", "libechelon-dev", "python3-echelon"})
        version = re.fullmatch(r"(\d+\.\d+)\.\d+-1", self.field("echelon", "Version"))
        self.assertTrue(version)
        for package in ("echelon", "library"):
            for needed in ("libcaf-core0.17", "libssl3", "libyaml-cpp0.7", "libstdc++6"):
                self.assertIn(needed, self.field(package, "Depends"))
        self.assertEqual(self.field("library", "Package"), f"libechelon{version.group(1)}")
        for package in ("libechelon-dev", "python3-echelon"):
            self.assertIn(f"{self.field('library', 'Package')} (= {self.field('echelon', 'Version')})",
                          self.field(package, "Depends"))

    def test_the_service_lives_by_its_unit_and_is_cleared_away(self):
        machine = self.machine
        machine.install(self.debs["echelon"])
        said = run(machine.path("/usr/bin/echelon"), "--version").stdout
        self.assertTrue(said.startswith(f"echelon {self.field('echelon', 'Version').removesuffix('-1')} ("), said)
        for path in ("man/man1/echelon.1", "bash-completion/completions/echelon", "doc/echelon/docs/operations.md"):
            self.assertTrue(list(machine.path("/usr/share").glob(path + "*")), path)
        if machine.is_root:
            user = machine.user("echelon")
            self.assertEqual(user[6], "/usr/sbin/nologin")
            for path, mode, owner in (("/etc/echelon", 0o750, 0), ("/etc/echelon/environment", 0o600, 0),
                                      ("/var/lib/echelon", 0o750, int(user[2])),
                                      ("/var/log/echelon", 0o750, int(user[2]))):
                found = machine.path(path).stat()
                self.assertEqual((found.st_mode & 0o777, found.st_uid), (mode, owner), path)

        url = self.start()
        self.assertEqual(client.request(url, "GET", "/readyz").status, 200)
        reply = client.chat(url, "demo_group")
        self.assertEqual(reply.status, 200, reply)
        self.assertIn("answer to", reply.text)

        self.add_group("more_group")
        self.assertEqual(self.service.reload(), 0)
        self.assertTrue(client.until(lambda: "more_group" in self.targets(url), 10))
        good = machine.path(CONFIG).read_text()
        machine.path(CONFIG).write_text(good.replace("models: [small]", "models: [smal]"))
        self.assertEqual(self.service.reload(), 1)
        self.assertIn("more_group", self.targets(url))
        self.assertEqual(client.chat(url, "more_group").status, 200)
        machine.path(CONFIG).write_text(good)

        self.service.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.service.process.wait(20), 0)
        if not machine.is_root:
            return
        # The next version of the package leaves the administrator's configuration as it is.
        machine.install(self.debs["echelon"])
        self.assertEqual(machine.path(CONFIG).read_text(), good)
        machine.path("/var/lib/echelon/something").touch()
        machine.dpkg("--remove", "echelon")
        self.assertFalse(machine.path("/usr/bin/echelon").exists())
        self.assertTrue(machine.path(CONFIG).exists())
        self.assertTrue(machine.path("/var/lib/echelon/something").exists())
        machine.dpkg("--purge", "echelon")
        for path in ("/etc/echelon", "/var/lib/echelon", "/var/log/echelon", "/usr/share/doc/echelon", UNIT):
            self.assertFalse(machine.path(path).exists(), path)
        self.assertIsNone(machine.user("echelon"))

    def test_the_unit_has_no_faults_and_little_rights(self):
        machine = self.machine
        machine.install(self.debs["echelon"])
        root = [] if machine.real else [f"--root={machine.root}"]
        if machine.real:
            said = run("systemd-analyze", "verify", "--man=no", UNIT, "/lib/systemd/system/echelon.socket")
            self.assertNotIn("echelon", said.stderr)
        # Of 100: what an ordinary service without any of these settings has is 96.
        run("systemd-analyze", "security", "--offline=true", "--threshold=15", *root, machine.path(UNIT))

    def test_the_library_is_found_where_debian_looks(self):
        machine = self.machine
        machine.install(*(self.debs[x] for x in ("library", "libechelon-dev", "python3-echelon")))
        clean = {"PATH": os.environ["PATH"]}
        if not machine.real:
            clean |= {"PYTHONPATH": str(machine.path("/usr/lib/python3/dist-packages")),
                      "PKG_CONFIG_PATH": str(machine.path("/usr/lib/pkgconfig"))}
        said = run("/usr/bin/python3", "-c", "import echelon; print(echelon.__file__)", env=clean, cwd="/").stdout.strip()
        self.assertEqual(said, str(machine.path("/usr/lib/python3/dist-packages/echelon/__init__.py")))
        self.assertEqual(run("pkg-config", "--modversion", "echelon", env=clean).stdout.strip(),
                         self.field("library", "Version").removesuffix("-1"))
        program = self.scratch / "main.cpp"
        program.write_text("#include <echelon/echelon.hpp>\n#include <iostream>\n"
                           "int main() { std::cout << echelon::version(); }\n")
        flags = run("pkg-config", "--cflags", "--libs", "echelon", env=clean).stdout.split()
        run("c++", program, "-o", self.scratch / "main", *flags)
        if not machine.real:
            clean["LD_LIBRARY_PATH"] = str(machine.path("/usr/lib"))
        self.assertEqual(run(self.scratch / "main", env=clean).stdout,
                         self.field("library", "Version").removesuffix("-1"))


if __name__ == "__main__":
    main()
