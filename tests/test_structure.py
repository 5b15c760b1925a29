"""The import contracts hold, and each one breaks when it is violated."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINT = (
    "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command as lint; lint()"
)
PACKAGES = ("enterprises", "gateway", "hostapp", "portal", "sandbox", "webhooks")


@pytest.fixture(scope="module")
def project_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, copy / package, ignore=shutil.ignore_patterns("static", "__pycache__")
        )
    return copy


def run_import_linter(project_copy: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-c",
            LINT,
            "--no-cache",
        ],
        cwd=project_copy,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )


def test_imports_keep_every_contract(project_copy: Path) -> None:
    result = run_import_linter(project_copy)

    assert result.returncode == 0, result.stdout


VIOLATIONS = [
    ("enterprises/violation.py", "import portal.models", "The address stands above"),
    ("enterprises/violation.py", "import hostapp.models", "The address stands above"),
    ("enterprises/violation.py", "import devtools.demo_data", "The address stands above"),
    ("devtools/violation.py", "import hostapp.models", "The address stands above"),
    ("portal/violation.py", "import webhooks.models", "The address stands above"),
    ("webhooks/violation.py", "import portal.models", "The address stands above"),
    ("portal/violation.py", "import workos", "The gateway is the only importer"),
    ("enterprises/violation.py", "from workos import WorkOSClient", "The gateway is the only importer"),
    ("sandbox/violation.py", "import enterprises.models", "it imports nobody here"),
    ("sandbox/violation.py", "import django", "it imports nobody here"),
    ("devtools/violation.py", "import sandbox", "nobody here imports it"),
    ("hostapp/violation.py", "import sandbox", "nobody here imports it"),
    ("webhooks/signature.py", "import django", "know no framework"),
]


@pytest.mark.parametrize(("file", "line", "contract"), VIOLATIONS, ids=lambda value: value)
def test_forbidden_import_breaks_its_contract(
    project_copy: Path, file: str, line: str, contract: str
) -> None:
    path = project_copy / file
    original = path.read_text() if path.exists() else None
    path.write_text(f"{line}\n{original or ''}")
    try:
        result = run_import_linter(project_copy)
    finally:
        if original is None:
            path.unlink()
        else:
            path.write_text(original)

    assert result.returncode == 1
    (broken,) = [row for row in result.stdout.splitlines() if " BROKEN" in row]
    assert contract in broken
