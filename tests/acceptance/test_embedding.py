"""The installed package: other projects build against it, and the examples do what they say."""
import http.server
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

from harness import client
from harness.case import main

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["ECHELON_BUILD_DIR"])
CONFIG = str(ROOT / "configs" / "llms")


def run(*command, timeout=280, **more):
    done = subprocess.run([str(x) for x in command], capture_output=True, text=True, timeout=timeout,
                          check=False, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done


class Text(http.server.BaseHTTPRequestHandler):
    """An upstream of the example's own wire format."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        text = self.rfile.read(int(self.headers["content-length"])).decode()
        stream = self.path.startswith("/stream/")
        body = "one \ntwo\n.\n" if stream else f"heard {text}"
        # Model a is out of tea.
        status = 418 if self.path.endswith("/a") else 200
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


class Installed(unittest.TestCase):
    """Everything below lives in one prefix, made once."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="echelon-install-")
        cls.prefix = pathlib.Path(cls.folder.name, "prefix")
        run("cmake", "--install", BUILD, "--prefix", cls.prefix)
        found = list(cls.prefix.rglob("libechelon.so"))
        assert len(found) == 1, found
        cls.lib = found[0].parent
        cls.examples = pathlib.Path(cls.folder.name, "examples")
        shutil.copytree(ROOT / "examples", cls.examples)
        cls.built = pathlib.Path(cls.folder.name, "built")
        run("cmake", "-G", "Ninja", "-S", cls.examples, "-B", cls.built, f"-DCMAKE_PREFIX_PATH={cls.prefix}",
            "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
        run("cmake", "--build", cls.built)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def example(self, name, *args, timeout=60):
        return run(self.built / name, *args, timeout=timeout)

    def test_a_command_line_app_asks(self):
        done = self.example("ask", CONFIG, "plan_group", "hello", "--simulate")
        self.assertRegex(done.stdout, r"^Simulated \S+ answer to: hello\n$")
        self.assertRegex(done.stderr, r"route plan_group\.echelon1/\S+, attempts 1, \d+ tokens")
        wrong = subprocess.run([self.built / "ask", CONFIG, "plan_grup", "x", "--simulate"], capture_output=True,
                               text=True, timeout=60, check=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("did you mean 'plan_group'", wrong.stderr)

    def test_an_http_service_embeds_the_router(self):
        process = subprocess.Popen([self.built / "service", CONFIG, "--simulate"], stdout=subprocess.PIPE, text=True)
        try:
            port = re.fullmatch(r"listening on (\d+)\n", process.stdout.readline()).group(1)
            url = f"http://127.0.0.1:{port}"
            replies = client.at_once(20, lambda i: client.request(url, "POST", "/summarize", f"text {i}"))
            for i, reply in enumerate(replies):
                self.assertEqual(reply.status, 200)
                self.assertIn(f"text {i}", reply.body.decode())
                self.assertRegex(reply.header("x-route"), r"^fast_group\.echelon")
            process.terminate()
            self.assertEqual(process.wait(30), 0)
        finally:
            process.kill()
            process.stdout.close()
            process.wait()

    def test_a_caf_application_asks_by_message(self):
        done = self.example("actors", CONFIG, "fast_group", "first", "second", "--simulate")
        lines = sorted(done.stdout.splitlines())
        self.assertEqual(len(lines), 2)
        self.assertRegex(lines[0], r"^1: Simulated \S+ answer to: first$")
        self.assertRegex(lines[1], r"^2: Simulated \S+ answer to: second$")

    def test_a_provider_of_the_host_with_its_rotation_and_classifier(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Text)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            self.assertEqual(self.example("provider", url, "hi").stdout, "heard hi\nroute spare.best/text-b\n")
            self.assertEqual(self.example("provider", url, "hi", "--stream").stdout,
                             "one two\nroute spare.best/text-b\n")
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def test_the_usage_of_task_groups_in_cpp_and_in_python(self):
        cpp = self.example("seed_usage", CONFIG, "--simulate").stdout
        package = list(self.prefix.rglob("echelon/_core*.so"))
        self.assertEqual(len(package), 1)
        python = run(sys.executable, self.examples / "seed_usage" / "seed_usage.py", CONFIG, "--simulate", timeout=60,
                     env={**os.environ, "PYTHONPATH": str(package[0].parents[1]),
                          "LD_LIBRARY_PATH": str(self.lib)}).stdout
        self.assertEqual(cpp, python)
        self.assertRegex(cpp, r"^plan_group\.echelon1 has \d+ models\nnode: thinking_group\.echelon1/\S+\n"
                              r"plan_group\.echelon1/\S+: Simulated \S+ answer to: Plan a trip to the sea\.\n$")

    def test_pkg_config_and_a_bare_compiler_are_enough(self):
        flags = run("pkg-config", "--cflags", "--libs", "echelon",
                    env={**os.environ, "PKG_CONFIG_PATH": str(self.lib / "pkgconfig")}).stdout.split()
        program = pathlib.Path(self.folder.name, "bare")
        run("c++", self.examples / "ask" / "main.cpp", "-o", program, *flags, f"-Wl,-rpath,{self.lib}")
        self.assertIn("answer to: hi", run(program, CONFIG, "fast_group", "hi", "--simulate", timeout=60).stdout)

    def test_public_headers_show_neither_caf_nor_boost_nor_json(self):
        include = next(self.prefix.rglob("echelon/echelon.hpp")).parents[1]
        source = pathlib.Path(self.folder.name, "headers.cpp")
        source.write_text("#include <echelon/echelon.hpp>\n")
        seen = run("c++", "-std=c++20", "-M", f"-I{include}", source).stdout
        for part in ("/caf/", "/boost/", "nlohmann", "spdlog"):
            self.assertNotIn(part, seen)

    def test_the_library_shows_its_public_names_alone(self):
        listed = run("nm", "-DC", "--defined-only", self.lib / "libechelon.so").stdout.splitlines()
        strangers = [x for x in listed if re.search(r" [TB] ", x) and "echelon::" not in x]
        self.assertEqual(strangers, [])
        inner = [x for x in listed if re.search(r" [TB] .*echelon::(policy|actors|engine|cluster|providers|config)::", x)]
        self.assertEqual(inner, [])

    def test_the_python_package_has_types(self):
        folder = next(self.prefix.rglob("echelon/_core*.so")).parent
        self.assertTrue((folder / "py.typed").exists())
        self.assertTrue((folder / "_core.pyi").exists())


class AsPartOfAProject(unittest.TestCase):
    def test_add_subdirectory_gives_the_same_target(self):
        # Beside the build under test, so that the compiler's cache knows the files.
        folder = BUILD.parent / "as-subdirectory"
        shutil.rmtree(folder, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="echelon-host-") as host:
            source = pathlib.Path(host)
            (source / "CMakeLists.txt").write_text(
                "cmake_minimum_required(VERSION 3.25)\nproject(host LANGUAGES CXX)\n"
                f'add_subdirectory("{ROOT}" echelon EXCLUDE_FROM_ALL)\n'
                "add_executable(host main.cpp)\ntarget_link_libraries(host PRIVATE echelon::echelon)\n")
            shutil.copy(ROOT / "examples" / "ask" / "main.cpp", source / "main.cpp")
            cache = (BUILD / "CMakeCache.txt").read_text()
            flags = {name: re.search(rf"^{name}:[A-Z]+=(.*)$", cache, re.M).group(1)
                     for name in ("CMAKE_BUILD_TYPE", "CMAKE_CXX_FLAGS", "CMAKE_CXX_FLAGS_DEBUG",
                                  "CMAKE_CXX_FLAGS_RELEASE", "CMAKE_CXX_COMPILER", "ECHELON_WERROR")}
            run("cmake", "-G", "Ninja", "-S", source, "-B", folder, *[f"-D{k}={v}" for k, v in flags.items()])
            try:
                run("cmake", "--build", folder, timeout=1500)
                self.assertFalse(list(folder.rglob("api_test")), "tests are not part of a host's build")
                done = run(folder / "host", CONFIG, "fast_group", "hi", "--simulate", timeout=60)
                self.assertIn("answer to: hi", done.stdout)
            finally:
                shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
