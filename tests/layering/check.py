"""Enforces how the source tree may depend on itself. Prints every fault as file:line: text.

usage: check.py ROOT
"""
import pathlib
import re
import sys

# Folder -> folders of ours that it may include. Its own folder is always allowed.
ALLOWED = {
    "policy": set(),
    "messages": {"policy"},
    "config": {"policy"},
    "actors": {"policy", "messages", "config"},
    "providers": {"actors", "policy", "messages", "config"},
    "cluster": {"actors", "policy", "messages", "config"},
    "accounts": {"policy", "config"},
    "engine": {"accounts", "cluster", "providers", "actors", "policy", "messages", "config"},
    "gateway": {"engine", "accounts", "cluster", "providers", "actors", "policy", "messages", "config"},
    "api": {"engine", "accounts", "cluster", "providers", "actors", "policy", "messages", "config"},
    "cli": {"gateway", "api", "engine", "accounts", "cluster", "providers", "actors", "policy", "messages", "config"},
}
# Folder -> libraries that no file of it may include.
FORBIDDEN_LIBRARIES = {
    "policy": ("caf", "boost", "nlohmann", "yaml-cpp", "spdlog", "prometheus"),
    "config": ("caf", "boost"),
    "messages": ("boost",),
}
# Folders whose headers must not show CAF: what they offer is plain.
NO_CAF_HEADERS = ("gateway", "engine", "providers", "config", "policy")
MAX_LINES = 450
CODE = {".cpp", ".hpp", ".py", ".mjs", ".sh", ".cmake"}
TEXT = CODE | {".md", ".yaml", ".yml", ".json", ".txt", ""}
SKIPPED = {"build", ".git", "node_modules", "__pycache__", ".venv"}
OUTSIDE = "../" + "shared"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def files(root):
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if any(p in SKIPPED or p.startswith("build-") for p in parts):
            continue
        if path.is_file() and not path.is_symlink() and path.suffix in TEXT:
            yield path, parts


def include_faults(parts, number, line):
    found = INCLUDE.match(line)
    if not found:
        return
    folder = parts[0]
    quoted, target = found.group(1) == '"', found.group(2)
    first = target.split("/")[0]
    if quoted and first in ALLOWED and "/" in target:
        if first != folder and first not in ALLOWED[folder]:
            yield number, f"{folder}/ must not include {target}"
    if not quoted and first in FORBIDDEN_LIBRARIES.get(folder, ()):
        yield number, f"{folder}/ must not use {first}: <{target}>"
    elif not quoted and first == "caf" and folder in NO_CAF_HEADERS and parts[-1].endswith(".hpp"):
        yield number, f"a header of {folder}/ must not show CAF: <{target}>"
    if quoted and target.startswith("."):
        yield number, f"includes start at the root of the project: {target}"


def check(root):
    """All faults under `root` as (file, line, text)."""
    root = pathlib.Path(root)
    faults = []
    for path, parts in files(root):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        name = "/".join(parts)
        if path.suffix in CODE and len(lines) > MAX_LINES:
            faults.append((name, MAX_LINES, f"{len(lines)} lines: look for the second subject"))
        for number, line in enumerate(lines, 1):
            if OUTSIDE in line:
                faults.append((name, number, "names a folder outside of the project"))
            if parts[0] in ALLOWED and path.suffix in {".cpp", ".hpp"}:
                faults += [(name, n, text) for n, text in include_faults(parts, number, line)]
    return faults


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    root = pathlib.Path(sys.argv[1])
    if not any((root / folder).is_dir() for folder in ALLOWED):
        print(f"{root}: not the project's root", file=sys.stderr)
        return 2
    faults = check(root)
    for name, number, text in faults:
        print(f"{name}:{number}: {text}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
