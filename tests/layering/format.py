"""Checks that every C++ file is as clang-format leaves it. usage: format.py ROOT CLANG_FORMAT"""
import pathlib
import subprocess
import sys

import check


def main():
    root, tool = pathlib.Path(sys.argv[1]), sys.argv[2]
    sources = [str(p) for p, _ in check.files(root) if p.suffix in {".cpp", ".hpp"}]
    if not sources:
        print(f"{root}: no C++ file found", file=sys.stderr)
        return 2
    return subprocess.run([tool, "--dry-run", "--Werror", "--ferror-limit=3", *sources], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
