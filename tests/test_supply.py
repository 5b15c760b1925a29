"""What the project installs and contains: pinned, unchanged, and under known licenses."""

import hashlib
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from devtools import licenses

ROOT = Path(__file__).resolve().parents[1]
HTMX = ROOT / "portal" / "static" / "portal"


def test_list_of_licenses_is_that_of_the_pinned_packages() -> None:
    assert licenses.DOCUMENT.read_text() == licenses.describe(), "run `make licenses`"


def test_every_pinned_package_has_a_known_and_allowed_license() -> None:
    pinned = licenses.read_pinned(ROOT / "requirements" / "dev.txt")

    assert len(pinned) > 50
    assert licenses.find_problems(pinned) == []


def test_package_of_unknown_or_forbidden_license_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licenses, "ALLOWED", licenses.ALLOWED - {"LGPL-3.0-only"})

    problems = licenses.find_problems([Requirement("nobodys==1"), Requirement("psycopg==3")])

    assert [problem.split(".")[0] for problem in problems] == [
        "nobodys: no known license",
        "psycopg: LGPL-3",
    ]


@pytest.mark.parametrize(
    ("expression", "is_allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND AGPL-3.0-only", False),
        ("(MIT OR Apache-2.0) AND PSF-2.0", True),
    ],
)
def test_license_is_allowed_if_all_its_parts_are(expression: str, is_allowed: bool) -> None:
    assert licenses.is_allowed(expression) is is_allowed


@pytest.mark.parametrize("name", ["base", "dev", "audit", "sentry"])
def test_every_package_is_pinned_with_hashes(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", " ")
    packages = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]

    assert len(packages) > 20
    assert [line for line in packages if "==" not in line or "--hash=sha256:" not in line] == []


def test_nothing_is_installed_from_the_pinned_lists_without_their_hashes() -> None:
    text = "".join(path.read_text() for path in (ROOT / "Makefile", ROOT / ".ci" / "run"))
    commands = re.findall(r"^.*pip install .*-r requirements/.*$", text, re.MULTILINE)

    assert commands
    assert [command for command in commands if "--require-hashes" not in command] == []


def test_vendored_htmx_is_the_file_and_version_written_beside_it() -> None:
    script = (HTMX / "htmx.min.js").read_bytes()
    about = (HTMX / "htmx.VERSION.txt").read_text()

    assert f"SHA-256: {hashlib.sha256(script).hexdigest()}\n" in about
    assert f'version:"{licenses.read_htmx_version()}"'.encode() in script
    assert "License: 0BSD" in about
    assert (HTMX / "htmx.LICENSE.txt").read_text().startswith("Zero-Clause BSD")
