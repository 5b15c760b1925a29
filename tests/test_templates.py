"""What every template keeps to."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "templates"
# Mails have no script that could know the reader's zone: they say UTC.
PAGES = sorted(FOLDER.rglob("*.html"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_times_are_written_in_one_way(path: Path) -> None:
    """`time.html` gives the reader's zone, with UTC on hover."""
    if path.name == "time.html":
        return
    found = re.findall(r"{{[^}]*(?:\|(?:date|time|timesince)|_at\b(?! style))[^}]*}}", path.read_text())

    assert not found


def test_times_in_mails_say_utc() -> None:
    for path in FOLDER.rglob("*.txt"):
        assert not re.search(r"\|date:\"(?![^\"]*UTC)[^\"]*H", path.read_text()), path
