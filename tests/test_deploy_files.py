"""The files of deploy/ hold together, as far as that can be tried here."""

import shutil
from pathlib import Path

import pytest

from deploy import try_files
from deploy.try_files import FILES, NotTried, Wrong
from tests import programs

# The Debian packages of the programs with which files are tried.
PACKAGES = {"nginx.conf": "nginx", "Caddyfile": "caddy", "systemd/": "systemd"}


@pytest.mark.parametrize("name", FILES)
def test_file_can_be_used(name: str, tmp_path: Path) -> None:
    try:
        FILES[name](tmp_path)
    except NotTried as reason:
        programs.skip(str(reason), PACKAGES[name])


@pytest.mark.parametrize(
    ("name", "file", "old", "new"),
    [
        ("systemd/", "systemd/portal-host-worker@.service", "ProtectHome=yes", "ProtectHome=perhaps"),
        ("compose.yaml", "compose.yaml", "secrets: [postgres_password]", "secrets: [password]"),
        ("Procfile", "Procfile", "manage.py worker", "manage.py labourer"),
    ],
)
def test_mistake_in_a_file_is_found(
    name: str, file: str, old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "deploy"
    shutil.copytree(try_files.DEPLOY, copy)
    text = (copy / file).read_text()
    assert old in text
    (copy / file).write_text(text.replace(old, new))
    monkeypatch.setattr(try_files, "DEPLOY", copy)
    (folder := tmp_path / "work").mkdir()

    try:
        with pytest.raises(Wrong):
            FILES[name](folder)
    except NotTried as reason:
        programs.skip(str(reason), PACKAGES[name])


@pytest.mark.parametrize(
    ("ci", "is_known", "expected"),
    [
        ("true", True, pytest.fail.Exception),
        ("true", False, pytest.skip.Exception),
        ("", True, pytest.skip.Exception),
    ],
)
def test_missing_program_fails_only_in_ci_that_could_install_it(
    ci: str, is_known: bool, expected: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(programs, "can_be_installed", lambda package: is_known)

    with pytest.raises(expected, match="no-such-program is not installed"):
        programs.require_program("no-such-program", "no-such-package")
