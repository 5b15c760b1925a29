"""What the README's pictures show, in words: so that a test can say when they are old.

Pixels differ from machine to machine; words, and the stylesheets, do not.
"""

import hashlib
import json
import re
from pathlib import Path

from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "pictures"
_TOLD = FOLDER / "told.json"
_STYLES = {
    "hostapp": ROOT / "hostapp" / "static" / "hostapp" / "style.css",
    "sandbox": ROOT / "sandbox" / "static" / "sandbox.css",
}
# Days, ports and ids are others each time, and so is whether the webhook or the person came first.
_CHANGING = re.compile(
    r"\d{1,2} \w+ \d{4}|localhost:\d+|\b\w+_0\w{25}\b|became active [^.]+\."
    r"|(Last|Not) checked with WorkOS[^.]+\.( This page is watching for news\.)?"
)


def told(page: Page) -> dict[str, str]:
    """The words of the page as it stands, and which style they have."""
    styled = "sandbox" if page.locator("link[href*='sandbox.css']").count() else "hostapp"
    return {
        "says": " ".join(_CHANGING.sub("…", page.locator("body").inner_text()).split()),
        "style": hashlib.sha256(_STYLES[styled].read_bytes()).hexdigest()[:12],
    }


def taken() -> dict[str, dict[str, str]]:
    """The same, of when the pictures were taken."""
    known: dict[str, dict[str, str]] = json.loads(_TOLD.read_text())
    return known


def write(shown: dict[str, dict[str, str]]) -> None:
    _TOLD.write_text(json.dumps(shown, indent=2, ensure_ascii=False) + "\n")
