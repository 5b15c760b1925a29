"""The sandbox's wheel, built from sandbox/pyproject.toml and run away from the checkout."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.request
from importlib.metadata import packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest

SOURCE = Path(__file__).parents[2] / "sandbox"
# The plugin runs inside the pytest of the project that uses it.
PROVIDED_BY_USER = {"pytest"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # A copy: setuptools writes its working files next to the sources.
    copy = folder / "sandbox"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    run_pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder), str(copy))
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    run_pip("install", "--no-deps", "--no-index", "--target", str(target), str(wheel))
    return target


def run_pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, capture_output=True)


def environment(installed: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(installed)}


def test_wheel_contains_every_file_of_the_package(wheel: Path) -> None:
    sources = {
        f"sandbox/{path.relative_to(SOURCE)}"
        for path in SOURCE.rglob("*")
        if path.suffix in {".py", ".html", ".css", ".js", ".svg"} and "build" not in path.parts
    }

    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert packed == sources


def test_wheel_requires_every_package_that_it_imports() -> None:
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    required = {re.split(r"[^\w-]", line)[0].lower() for line in project["dependencies"]}
    imported = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
    foreign = imported - sys.stdlib_module_names - {"sandbox"} - PROVIDED_BY_USER

    distributions = packages_distributions()
    assert {distributions[name][0].lower() for name in foreign} == required


def test_installed_wheel_answers_at_its_health_url(installed: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--port", "0", "--quiet"],
        cwd=tmp_path,
        env=environment(installed),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        url = next(line.split()[1] for line in process.stdout if line.split()[:1] == ["API"])
        paths = ("/_sandbox/health", "/_sandbox/", "/_sandbox/static/sandbox.css")
        statuses = []
        for path in paths:
            with urllib.request.urlopen(url + path, timeout=10) as response:  # noqa: S310
                statuses.append(response.status)
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()

    assert statuses == [200, 200, 200]


def test_installed_wheel_is_imported_instead_of_the_checkout(installed: Path, tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", "import sandbox; print(sandbox.__file__)"],
        cwd=tmp_path,
        env=environment(installed),
        capture_output=True,
        text=True,
    )

    assert finished.stdout.strip() == str(installed / "sandbox" / "__init__.py")


def test_console_script_prints_its_help(installed: Path, tmp_path: Path) -> None:
    finished = subprocess.run(
        [installed / "bin" / "workos-sandbox", "--help"],
        cwd=tmp_path,
        env=environment(installed),
        capture_output=True,
        text=True,
    )

    assert finished.returncode == 0
    assert "A stand-in for WorkOS" in finished.stdout
