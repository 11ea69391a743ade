"""What a sanitizer found in a process of the test, however that process ended and whoever saw its standard error.

A router that is killed has no exit code that tells, a finding of the thread sanitizer lets a process go on, and a command
on a terminal prints it among all else. So each process writes its findings to a file of its own, and the test that
ran it fails. Beside the address sanitizer GCC's UBSan prints to standard error whatever it is told: that of routers and
commands is looked at too.
"""
import os
import pathlib
import re
import sys
import tempfile
import unittest

OPTIONS = ("ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS")
# What else they write are warnings about their own work.
FINDING = re.compile(r"(ERROR|FATAL): \w+Sanitizer|WARNING: ThreadSanitizer|Sanitizer: CHECK failed|: runtime error: ")
printed = set()


def look_at(text):
    """What a process has printed, with what was found maybe."""
    if FINDING.search(text):
        printed.add(text)


class Findings:
    """Those of the processes that have this environment."""

    def __init__(self, environment):
        self.folder = tempfile.TemporaryDirectory(prefix="echelon-findings-")
        for name in OPTIONS:
            before = environment.get(name)
            environment[name] = (f"{before}:" if before else "") + f"log_path={self.folder.name}/report"

    def take(self):
        """The reports since the last time."""
        texts = sorted(printed)
        printed.clear()
        for path in sorted(pathlib.Path(self.folder.name).iterdir()):
            text = path.read_text(errors="replace")
            path.unlink()
            if FINDING.search(text):
                texts.append(f"{path.name}:\n{text}")
        return texts


def preloaded():
    """Environment of a process that is given a library to load before the sanitizer's."""
    return {"ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:verify_asan_link_order=0"}


def result_with(findings):
    class Result(unittest.TextTestResult):
        """A test fails too by what was found while it ran."""

        def stopTest(self, test):
            for text in findings.take():
                self.addFailure(test, (AssertionError, AssertionError(text), None))
            super().stopTest(test)
    return Result


def main():
    """As unittest's, for sanitizer builds and others alike."""
    findings = Findings(os.environ)
    done = unittest.main(verbosity=2, exit=False, testRunner=unittest.TextTestRunner(
        verbosity=2, resultclass=result_with(findings)))
    late = findings.take()  # Of processes that were of no test alone.
    for text in late:
        print(text, file=sys.stderr)
    sys.exit(bool(late) or not done.result.wasSuccessful())
