"""The layering check itself: each rule finds the fault that it is there for."""
import pathlib
import tempfile
import unittest

import check


def faults_of(name, text):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, name)
        path.parent.mkdir(parents=True)
        path.write_text(text)
        return [f"{n}:{line}" for n, line, _ in check.check(folder)]


class Layering(unittest.TestCase):
    def test_what_points_down_is_fine(self):
        self.assertEqual(faults_of("cli/a.cpp", '#include "gateway/x.hpp"\n#include <caf/all.hpp>\n'), [])
        self.assertEqual(faults_of("actors/a.hpp", '#include "policy/x.hpp"\n#include <caf/all.hpp>\n'), [])
        self.assertEqual(faults_of("gateway/a.cpp", '#include "actors/x.hpp"\n#include <caf/all.hpp>\n'), [])

    def test_an_include_that_points_up_is_a_fault(self):
        for folder, target in [("policy", "config"), ("messages", "actors"), ("config", "messages"),
                               ("actors", "providers"), ("providers", "gateway"), ("cluster", "providers"),
                               ("gateway", "cli"), ("api", "gateway")]:
            with self.subTest(folder=folder, target=target):
                text = f'// one\n#include "{target}/x.hpp"\n'
                self.assertEqual(faults_of(f"{folder}/a.cpp", text), [f"{folder}/a.cpp:2"])

    def test_policy_uses_neither_caf_nor_boost(self):
        self.assertEqual(faults_of("policy/a.cpp", "#include <caf/actor.hpp>\n"), ["policy/a.cpp:1"])
        self.assertEqual(faults_of("policy/a.cpp", "# include <boost/asio.hpp>\n"), ["policy/a.cpp:1"])

    def test_plain_headers_do_not_show_caf(self):
        for folder in check.NO_CAF_HEADERS:
            with self.subTest(folder=folder):
                self.assertEqual(faults_of(f"{folder}/a.hpp", "#include <caf/all.hpp>\n"), [f"{folder}/a.hpp:1"])

    def test_a_long_file_is_a_fault(self):
        self.assertEqual(faults_of("actors/a.cpp", "\n" * check.MAX_LINES), [])
        self.assertEqual(faults_of("actors/a.cpp", "\n" * (check.MAX_LINES + 1)), [f"actors/a.cpp:{check.MAX_LINES}"])

    def test_a_path_outside_of_the_project_is_a_fault(self):
        self.assertEqual(faults_of("docs/a.md", f"see {check.OUTSIDE}/x\n"), ["docs/a.md:1"])


if __name__ == "__main__":
    unittest.main()
