"""Text descriptions of the README's pictures, so that a test can tell when the pictures are outdated.

Pixels differ between machines; text and stylesheets do not.
"""

import hashlib
import json
import re
from pathlib import Path

from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "pictures"
_DESCRIPTIONS = FOLDER / "descriptions.json"
_STYLES = {
    "hostapp": ROOT / "hostapp" / "static" / "hostapp" / "style.css",
    "sandbox": ROOT / "sandbox" / "static" / "sandbox.css",
}
# Dates, ports and ids differ on each run, and so does whether the webhook or the user arrives first.
_CHANGING = re.compile(
    r"\d{1,2} \w+ \d{4}((,| at) \d\d:\d\d(:\d\d)?)?|localhost:\d+|\b[a-z_]+_0[0-9A-Z]{25}"
    r"|(Last checked|Up to date|Updates automatically)[^\n]*"
)
# Facts of a card that are shown once the worker has read the API.
_SOMETIMES = re.compile(r"(Last change|Last checked)\s*\n[^\n]*")


def describe_page(page: Page) -> dict[str, str]:
    """The current text of the page, and the hash of its stylesheet."""
    stylesheet = "sandbox" if page.locator("link[href*='sandbox.css']").count() else "hostapp"
    return {
        "text": " ".join(_CHANGING.sub("…", _SOMETIMES.sub("", page.locator("body").inner_text())).split()),
        "style": hashlib.sha256(_STYLES[stylesheet].read_bytes()).hexdigest()[:12],
    }


def load_descriptions() -> dict[str, dict[str, str]]:
    """The descriptions saved when the pictures were taken."""
    known: dict[str, dict[str, str]] = json.loads(_DESCRIPTIONS.read_text())
    return known


def save_descriptions(shown: dict[str, dict[str, str]]) -> None:
    _DESCRIPTIONS.write_text(json.dumps(shown, indent=2, ensure_ascii=False) + "\n")
