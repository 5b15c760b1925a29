"""Who may import whom: the contracts hold, and each breaks when it is violated."""

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
ROOMS = ("devtools", "enterprises", "hostapp", "portal", "sandbox", "webhooks")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for room in ROOMS:
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("static", "__pycache__"))
    return copy


def contracts(house: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-c",
            LINT,
            "--no-cache",
        ],
        cwd=house,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )


def test_the_contracts_hold(house: Path) -> None:
    answer = contracts(house)

    assert answer.returncode == 0, answer.stdout


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
def test_each_contract_breaks_when_it_is_violated(house: Path, file: str, line: str, contract: str) -> None:
    path = house / file
    before = path.read_text() if path.exists() else None
    path.write_text(f"{line}\n{before or ''}")
    try:
        answer = contracts(house)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)

    assert answer.returncode == 1
    (broken,) = [row for row in answer.stdout.splitlines() if " BROKEN" in row]
    assert contract in broken
