"""Imports and strings point down: the contracts hold, and each one breaks when it is violated."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINT = (
    "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command as lint; lint()"
)
# From the top down; packages of one layer stand together.
LAYERS = (
    ("hostapp",),
    ("devtools",),
    ("portal", "webhooks"),
    ("enterprises",),
    ("mirror",),
    ("gateway", "outbox", "audit"),
    ("telemetry",),
)
APPLICATION = [package for layer in LAYERS for package in layer]


@pytest.fixture(scope="module")
def project_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for package in (*APPLICATION, "sandbox"):
        shutil.copytree(
            ROOT / package, copy / package, ignore=shutil.ignore_patterns("static", "__pycache__")
        )
    return copy


def run_import_linter(project_copy: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=project_copy,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )


def test_imports_keep_every_contract(project_copy: Path) -> None:
    result = run_import_linter(project_copy)

    assert result.returncode == 0, result.stdout


POINT_DOWN = "Imports point down"
VIOLATIONS = [
    ("devtools/violation.py", "import hostapp.models", POINT_DOWN),
    ("portal/violation.py", "import webhooks.models", POINT_DOWN),
    ("webhooks/violation.py", "import portal.models", POINT_DOWN),
    ("enterprises/violation.py", "import portal.models", POINT_DOWN),
    ("enterprises/violation.py", "import hostapp.models", POINT_DOWN),
    ("mirror/violation.py", "import enterprises.models", POINT_DOWN),
    ("gateway/violation.py", "import mirror.models", POINT_DOWN),
    ("outbox/violation.py", "import audit.models", POINT_DOWN),
    ("audit/violation.py", "import gateway", POINT_DOWN),
    ("telemetry/violation.py", "import audit", POINT_DOWN),
    ("portal/violation.py", "import workos", "Only the gateway"),
    ("mirror/violation.py", "from workos import WorkOSClient", "Only the gateway"),
    ("sandbox/violation.py", "import enterprises.models", "The sandbox imports nothing"),
    ("sandbox/violation.py", "import django", "The sandbox imports nothing"),
    ("hostapp/violation.py", "import sandbox", "does not import the sandbox"),
    ("webhooks/receive/signature.py", "import django", "import no framework"),
    ("webhooks/receive/accept.py", "import webhooks.models", "import no framework"),
    ("webhooks/receive/record.py", "from django.db import connection", "import no framework"),
    ("webhooks/receive/asgi.py", "import webhooks.conf", "import no framework"),
    ("audit/client_ip.py", "import django", "import no framework"),
]


@pytest.mark.slow
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
    broken = [row for row in result.stdout.splitlines() if " BROKEN" in row]
    assert any(contract in row for row in broken)


# URL names of django.contrib.auth.urls, which every project includes.
AUTH_URL_NAMES = {"login", "logout", "password_change", "password_reset", "password_reset_confirm"}
# URL namespaces and the package that they belong to.
NAMESPACES = {"staff": "hostapp"} | {package: package for package in APPLICATION}


def packages_out_of_reach(package: str) -> set[str]:
    """The packages that `package` must not name: those above it and beside it."""
    (index,) = [number for number, layer in enumerate(LAYERS) if package in layer]
    return {other for layer in LAYERS[: index + 1] for other in layer} - {package}


def names_in_string(text: str, package: str) -> list[str]:
    """What `text` names of a package that `package` must not know: a dotted path, a URL name, a file."""
    forbidden = packages_out_of_reach(package)
    words = "|".join(sorted(forbidden))
    found = re.findall(rf"\b(?:{words})(?:\.[A-Za-z_]\w*)+", text)
    found += re.findall(rf"\b(?:{words})/[\w./-]+\.(?:html|txt|js|css|svg)\b", text)
    namespaces = "|".join(space for space, owner in NAMESPACES.items() if owner in forbidden)
    return found + re.findall(rf"\b(?:{namespaces}):[a-z_]+\b", text)


def names_in_template(text: str, package: str) -> list[str]:
    """The same for a template, which also must not extend or link to what belongs to the project."""
    found = names_in_string(text, package)
    # names_in_string has found the templates of packages out of reach.
    known = ("admin/", *(f"{other}/" for other in APPLICATION))
    found += [name for name in re.findall(r"{% extends [\"']([^\"']+)", text) if not name.startswith(known)]
    url_names = re.findall(r"{% url [\"']([^\"']+)", text)
    return found + [name for name in url_names if ":" not in name and name not in AUTH_URL_NAMES]


def strings_of(source: str) -> Iterator[str]:
    """The string constants of a module, without its docstrings."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


@pytest.mark.parametrize("package", APPLICATION[1:])
def test_strings_of_a_package_name_nothing_above_it(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        if "migrations" in path.parts:
            continue
        for text in strings_of(path.read_text()):
            assert not names_in_string(text, package), path
    for folder in (ROOT / "templates" / package, ROOT / "templates" / "admin" / package):
        for path in folder.rglob("*.*"):
            assert not names_in_template(path.read_text(), package), path


@pytest.mark.parametrize(
    ("package", "text"),
    [
        ("outbox", "hostapp.tasks.TASKS"),
        ("mirror", "enterprises.Enterprise"),
        ("enterprises", "portal:overview"),
        ("enterprises", "staff:customer"),
        ("enterprises", "portal/mail/setup_link.txt"),
        ("portal", "webhooks:receive"),
        ("portal", "hostapp/style.css"),
    ],
)
def test_string_that_names_an_upper_package_is_found(package: str, text: str) -> None:
    assert names_in_string(text, package) == [text]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{% extends 'base.html' %}", ["base.html"]),
        ("{% url 'home' %}", ["home"]),
        ("{% url 'portal:overview' slug %}", ["portal:overview"]),
        ("{% extends base_template %}{% url 'login' %}{% url 'enterprises:members' slug %}", []),
    ],
)
def test_template_that_names_an_upper_package_is_found(text: str, found: list[str]) -> None:
    assert names_in_template(text, "enterprises") == found
