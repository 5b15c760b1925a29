"""Find a Chromium for the browser walks: one on the machine, else by apt as root, else Playwright's own.

`python -m tests.browser.chromium` prints what was found, or says aloud that the walks will not run; in CI
that is a failure.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


# It runs as root in CI, and may not look beyond this machine.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find() -> str | None:
    """The path of a browser that Playwright can drive here, or None."""
    if not _driver_runs():
        return None
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    for place in _PLACES:
        if Path(place).exists():
            return place
    return _playwrights_own()


def needed() -> str:
    """The same, in a test: without one the walk is reported as not run; in CI it fails."""
    path = find()
    if path is None:
        missing = "NO BROWSER: the browser walks did not run. `make browser` says why."
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path


def _driver_runs() -> bool:
    # Playwright brings a Node of its own, which needs a library that a bare Debian lacks.
    command = [sys.executable, "-m", "playwright", "--version"]
    return subprocess.run(command, capture_output=True).returncode == 0


def _playwrights_own() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> None:
    """Try the ways there are, quietly: what counts is whether `find` finds one afterwards."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing Chromium for the browser walks …", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        packages = ["install", "--yes", "--no-install-recommends", "chromium", "libatomic1"]
        for arguments in (["update"], packages):
            subprocess.run(["apt-get", "-qq", *arguments], env=environment, stdout=subprocess.DEVNULL)
    if find() is None:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], stdout=subprocess.DEVNULL)


def main() -> int:
    if find() is None:
        install()
    if find() is None:
        print("NO BROWSER: the browser walks will NOT run. Install Chromium to run them.", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    # Looked for once a checkout; where none was found, again each time.
    (Path(sys.prefix) / ".browser").touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
