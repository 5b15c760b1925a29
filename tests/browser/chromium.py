"""Find a Chromium for the browser tests, or install the distribution's with apt as root.

`python -m tests.browser.chromium` warns if there is none and the browser tests will not run; in CI that is an
error.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Debian's headless shell has no window to draw, and starts and loads pages faster.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PATHS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)

_INSTALL = (
    "To run them: sudo apt-get install --yes chromium libatomic1 (or install Chrome), then make browser"
)

# It runs as root in CI, and must not connect to other machines.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_path() -> str | None:
    """The path of a browser that Playwright can drive here, or None."""
    if not _can_run_driver():
        return None
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    for path in _PATHS:
        if Path(path).exists():
            return path
    return _find_playwright_chromium()


def require_path() -> str:
    """The same for a test, which is skipped without a browser; in CI it fails."""
    path = find_path()
    if path is None:
        missing = "NO BROWSER: the browser tests did not run. `make browser` says why."
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path


def _can_run_driver() -> bool:
    # Playwright's own Node needs a library that a minimal Debian lacks.
    command = [sys.executable, "-m", "playwright", "--version"]
    return subprocess.run(command, capture_output=True).returncode == 0


def _find_playwright_chromium() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> None:
    """Install one with apt, as root. What counts is whether `find_path` then finds it, errors are ignored."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing Chromium for the browser tests …", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["install", "--yes", "--no-install-recommends", "libatomic1"]
        # Older distributions have no headless shell.
        for arguments in (["update"], [*install, "chromium-headless-shell"], [*install, "chromium"]):
            subprocess.run(["apt-get", "-qq", *arguments], env=environment, stdout=subprocess.DEVNULL)
            if find_path():
                break


def main() -> int:
    if find_path() is None:
        install()
    if find_path() is None:
        print(f"NO BROWSER: the browser tests will NOT run. {_INSTALL}", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    # `make` runs this once in a checkout, or each time until a browser is found.
    (Path(sys.prefix) / ".browser").touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
