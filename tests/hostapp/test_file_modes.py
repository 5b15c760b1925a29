"""What holds a secret is readable for its user alone."""

import os
import stat
import subprocess
import sys
from pathlib import Path

from tests.processes import ROOT


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def load_demo_settings(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", "import hostapp.demo_settings"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DEMO_FOLDER": str(folder)},
        capture_output=True,
        text=True,
        umask=0o022,
    )


def test_secrets_of_the_demo_are_readable_for_its_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    # An older version wrote them for everybody.
    (folder / "secret_key").write_text("of-an-older-version-" * 3)
    (folder / "secret_key").chmod(0o644)

    assert load_demo_settings(folder).returncode == 0
    secrets = {file.name: file.read_text() for file in folder.iterdir()}
    assert load_demo_settings(folder).returncode == 0

    assert {file.name: mode_of(file) for file in folder.iterdir()} == {
        "secret_key": 0o600,
        "webhook_secret": 0o600,
    }
    assert {file.name: file.read_text() for file in folder.iterdir()} == secrets
    assert secrets["secret_key"].startswith("of-an-older-version")


def test_make_writes_env_file_for_its_user_alone(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text((ROOT / ".env.example").read_text())
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    bin_folder = Path(sys.executable).parent

    subprocess.run(
        ["make", "-f", str(ROOT / "Makefile"), "-o", ".venv/.installed", f"BIN={bin_folder}", ".env"],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        umask=0o022,
    )

    assert mode_of(tmp_path / ".env") == 0o600
    assert "SECRET_KEY=\n" not in (tmp_path / ".env").read_text()
