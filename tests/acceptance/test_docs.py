"""The documents: their sessions do what they show, their commands have the options they use, their links lead somewhere.

ECHELON_WRITE_DOCS=1 puts what came in the place of what was expected.
"""
import os
import pathlib
import re
import tempfile
import unittest

from harness.case import main
from harness.console import FENCE, Ports, Shell, matches, steps
from harness.nodes import free_ports
from harness.router import BINARY, run

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
WRITE = os.environ.get("ECHELON_WRITE_DOCS") == "1"


def typed(page):
    """(command, expected output) of all sessions of a page."""
    return [step for block in FENCE.findall(page.read_text()) for step in steps(block)]


def play(page):
    """Plays all sessions of a page in one shell; (command, expected, actual) of each command."""
    played = []
    with tempfile.TemporaryDirectory(prefix="echelon-docs-") as folder:
        for name in ("configs", "docs"):
            pathlib.Path(folder, name).symlink_to(ROOT / name)
        shell = Shell(folder, pathlib.Path(BINARY).resolve(), Ports(lambda: free_ports(1)[0]))
        try:
            for command, expected in typed(page):
                played.append((command, expected, shell.run(command).strip("\n")))
        finally:
            shell.close()
    return played


def settled(text):
    """What differs each time is left open."""
    for what in (r"(?<=req_)[0-9a-f]+", r"\d{4}-\d\d-\d\dT[\d:.]+Z?", r"(?<=echelon )\d+\.\d+\.\d+", r"[\d.]+(?= ms)",
                 r'(?<=_ms": )[\d.]+', r"(?<=retry after )\d+", r"(?<=[Rr]etry-[Aa]fter: )\d+", r"(?<=notAfter=).*"):
        text = re.sub(what, "...", text)
    return re.sub(r"[ \t]+$", "", text, flags=re.M)


def rewrite(page, played):
    todo = iter(played)

    def block(found):
        lines = []
        for command, expected in steps(found.group(1)):
            _, _, actual = next(todo)
            output = expected if matches(expected, actual) else settled(actual)
            lines += ["$ " + command.replace("\n", "\n> "), *([output] if output else [])]
        return "```console\n" + "\n".join(lines) + "\n```"
    page.write_text(FENCE.sub(block, page.read_text()))


class Sessions(unittest.TestCase):
    maxDiff = None


def add(page):
    def test(self):
        played = play(page)
        if WRITE:
            rewrite(page, played)
        else:
            wrong = [x for x in played if not matches(*x[1:])]
            self.assertFalse(wrong, "".join(f"\n$ {c}\n--- expected\n{e}\n--- came\n{a}\n" for c, e, a in wrong))
    setattr(Sessions, f"test_{page.stem.lower().replace('-', '_')}_does_what_it_shows", test)


for one in PAGES:
    if FENCE.search(one.read_text()):
        add(one)


def commands():
    """(page, words) of each command line of ours that a document shows, in blocks and in tables."""
    for page in PAGES:
        text = page.read_text().replace("\\\n", " ").replace("\n> ", " ")
        for line in re.findall(r"^(?:\$ |sudo )?(?:\S*/)?(echelon [a-z].*)$|`(echelon [a-z][^`]*)`", text, re.M):
            shown = re.split(r" #|[|;&>]", line[0] or line[1])[0]
            yield page, re.sub(r"\.\.\.|['\"\\\\]", " ", shown).split()


class Commands(unittest.TestCase):
    def test_every_option_that_is_shown_exists(self):
        helps, seen = {}, 0
        for page, words in commands():
            verbs = tuple(words[1:3]) if words[1] in ("import", "keys") else tuple(words[1:2])
            if verbs not in helps:
                done = run(*verbs, "--help")
                helps[verbs] = done.stdout if done.returncode == 0 else ""
            for option in [x.strip("[]").split("=")[0] for x in words if x.strip("[").startswith("--")]:
                seen += 1
                self.assertRegex(helps[verbs], rf"(^|[\s,]){re.escape(option)}\b", f"{page.name}: {' '.join(words)}")
        self.assertGreater(seen, 30)

    def test_every_script_that_is_shown_exists(self):
        for page in PAGES:
            for path in re.findall(r"(?:^|[\s`(])((?:scripts|bench|configs|packaging|examples)/[\w./-]*\w)", page.read_text(), re.M):
                self.assertTrue((ROOT / path).exists() or (ROOT / f"{path}.cpp").exists()
                                or list(ROOT.glob(path + "*")), f"{page.name}: {path}")


def anchors(page):
    heads = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", x.lower()).replace(" ", "-") for x in heads}


class Waits(unittest.TestCase):
    def test_what_waits_prints_nothing_before_its_time(self):
        """How often a condition is looked at is a matter of the machine: it may print something when it holds, and only then."""
        seen = 0
        for page in PAGES:
            for command, _ in typed(page):
                for condition in re.findall(r"\buntil (.*?); do ", command):
                    seen += 1
                    last = condition.split("|")[-1].strip()
                    self.assertRegex(last, r"^(curl -sf|grep -[qv]|grep [^-])", f"{page.name}: {command}")
        self.assertGreater(seen, 10)


class Links(unittest.TestCase):
    def test_every_link_leads_to_a_file_and_a_heading(self):
        for page in [*PAGES, *ROOT.glob("docs/decisions/*.md")]:
            for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
                if re.match(r"[a-z]+:", target):
                    continue
                name, _, anchor = target.partition("#")
                path = (page.parent / name) if name else page
                self.assertTrue(path.exists(), f"{page.name}: {target}")
                if anchor and path.suffix == ".md":
                    self.assertIn(anchor, anchors(path), f"{page.name}: {target}")

    def test_every_page_is_in_an_index(self):
        listed = (ROOT / "docs/README.md").read_text() + (ROOT / "README.md").read_text().replace("(docs/", "(")
        for page in PAGES[1:]:
            self.assertIn(f"({page.name}", listed)


if __name__ == "__main__":
    main()
