"""The files of deploy/ hold together, as far as that can be tried here."""

import shutil
from pathlib import Path

import pytest

from deploy import try_files
from deploy.try_files import FILES, NotTried, Wrong


@pytest.mark.parametrize("name", FILES)
def test_file_can_be_used(name: str, tmp_path: Path) -> None:
    try:
        FILES[name](tmp_path)
    except NotTried as reason:
        pytest.skip(str(reason))


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
        pytest.skip(str(reason))
