"""Rules that every template follows."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "templates"
# A mail cannot run a script that finds the reader's time zone, so mails use UTC.
PAGES = sorted(FOLDER.rglob("*.html"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_page_template_renders_times_with_the_tag(path: Path) -> None:
    """`{% time %}` shows the time in the reader's time zone, with UTC on hover."""
    found = re.findall(r"{{[^}]*(?:\|(?:date|time|timesince)|_at\b)[^}]*}}", path.read_text())

    assert not found


def test_mail_templates_label_times_as_utc() -> None:
    for path in FOLDER.rglob("*.txt"):
        assert not re.search(r"\|date:\"(?![^\"]*UTC)[^\"]*H", path.read_text()), path
