"""The official SDKs, installed once below the build folder at the versions that sdk/ pins."""
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

SDK = pathlib.Path(__file__).resolve().parents[1] / "sdk"
HOME = pathlib.Path(os.environ.get("ECHELON_SDK_DIR", ".")).resolve()
SKIPPED = 77  # What ctest takes for a skipped test.


def install(name, pins, commands):
    """Runs the commands in HOME/name-<hash of the pins>, unless they have succeeded there before."""
    folder = HOME / f"{name}-{hashlib.sha256(pins.read_bytes()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Two tests may come first at once.
        if not (folder / "installed").exists():
            shutil.copy(pins, folder)
            for command in commands(folder):
                subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=240)
            (folder / "installed").touch()
    return folder


def node_folder():
    """Where npm's packages are."""
    return install("node", SDK / "package.json", lambda _: [
        ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]])


def python_folder():
    """Where PyPI's packages are; raises subprocess.CalledProcessError if it cannot be reached."""
    return install("python", SDK / "requirements.txt", lambda f: [
        [sys.executable, "-m", "venv", f / "venv"],
        [f / "venv/bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", "requirements.txt"]])


def node():
    """Returns act(base_url, key, action, model) by npm's `openai`."""
    folder = node_folder()
    return lambda *args: _act("node", SDK / "openai_node.mjs", folder, *args)


def python():
    """The same by PyPI's `openai` and `anthropic`."""
    folder = python_folder()
    return lambda *args: _act(folder / "venv/bin/python", SDK / "openai_python.py", *args)


def _act(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])
