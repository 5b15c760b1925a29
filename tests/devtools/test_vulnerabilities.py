"""`make audit` when all, some or none of the packages can be looked up."""

import json
from pathlib import Path
from typing import Any

import pytest

from devtools import vulnerabilities

FINE: dict[str, Any] = {"name": "fine", "version": "1.0", "vulns": []}
SKIPPED = {"name": "unknown", "skip_reason": "Dependency not found"}
VULNERABLE = {
    "name": "broken",
    "version": "1.0",
    "vulns": [{"id": "CVE-2026-0001", "fix_versions": ["1.1"], "aliases": [], "description": ""}],
}


@pytest.fixture
def pip_audit(tmp_path: Path) -> Path:
    """A program that prints the file `report` beside it, and fails."""
    program = tmp_path / "pip-audit"
    program.write_text('#!/bin/sh\ncat "$(dirname "$0")/report"\necho "no route to host" >&2\nexit 1\n')
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("dependencies", "in_ci", "elsewhere", "said"),
    [
        ([FINE], 0, 0, "Packages checked: 1. With known vulnerabilities: 0."),
        ([FINE, VULNERABLE, SKIPPED], 1, 1, "broken 1.0: CVE-2026-0001, fixed in 1.1"),
        ([FINE, SKIPPED], 2, 0, "NOT CHECKED for known vulnerabilities: 1 of 2 packages."),
        (None, 2, 0, "NOT CHECKED for known vulnerabilities: no package (no route to host)."),
    ],
)
def test_audit_tells_checked_from_not_checked(
    dependencies: list[Any] | None,
    in_ci: int,
    elsewhere: int,
    said: str,
    pip_audit: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = "" if dependencies is None else json.dumps({"dependencies": dependencies})
    pip_audit.with_name("report").write_text(report)

    monkeypatch.setenv("CI", "true")
    assert vulnerabilities.main(str(pip_audit)) == in_ci
    monkeypatch.delenv("CI")
    assert vulnerabilities.main(str(pip_audit)) == elsewhere

    assert capsys.readouterr().out.count(said) == 2
