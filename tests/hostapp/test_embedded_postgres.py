"""The embedded PostgreSQL is shared by processes and stops with the last, however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import sys, pathlib
from hostapp.embedded_postgres import ensure_running
print(ensure_running(pathlib.Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    import tempfile

    # Short and traversable: the server runs as a user of its own when we are root.
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        yield Path(folder).resolve() / "data"


def user_of(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CODE, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def ready(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def end(process: "subprocess.Popen[str]", how: signal.Signals | None = None) -> None:
    if how:
        process.send_signal(how)
    process.communicate()


def server_of(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "postmaster.pid").read_text().splitlines()[0]))


def test_processes_share_one_server_which_stops_when_the_last_is_killed(folder: Path) -> None:
    first, second = user_of(folder), user_of(folder)
    assert ready(first) == ready(second) != ""
    server = server_of(folder)

    end(first)
    time.sleep(0.5)
    assert server.is_running(), "the second still uses it"
    end(second, signal.SIGKILL)

    assert psutil.wait_procs([server], timeout=15)[1] == []
    third = user_of(folder)
    assert ready(third), "it starts again"
    end(third, signal.SIGTERM)
    deadline = time.monotonic() + 15
    while (folder / "postmaster.pid").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not (folder / "postmaster.pid").exists()
