"""Headless Chromium, driven by Playwright: Debian's browser, PyPI's driver at the version that sdk/browser.txt pins."""
import contextlib
import shutil
import subprocess
import sys

from harness import sdks


def _chromium():
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def ready():
    """None if a browser can be driven, else why not."""
    if not _chromium():
        return "no Chromium; Debian's package is chromium"
    try:
        folder = sdks.install("browser", sdks.SDK / "browser.txt", lambda f: [
            [sys.executable, "-m", "venv", f / "venv"],
            [f / "venv/bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", "browser.txt"]])
    except (subprocess.SubprocessError, OSError) as error:
        return f"PyPI's playwright cannot be installed: {error}"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    sys.path.append(str(folder / "venv/lib" / version / "site-packages"))
    return None


@contextlib.contextmanager
def chromium():
    """A running browser of Playwright's synchronous API."""
    from playwright.sync_api import sync_playwright  # Only there once ready() has said so.
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=_chromium(), args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()
