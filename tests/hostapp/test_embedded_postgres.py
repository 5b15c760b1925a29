"""Processes share the embedded PostgreSQL, which stops when the last of them exits or is killed."""

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

    # The path must be short, and open to other users: run as root, the server gets a user of its own.
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        yield Path(folder).resolve() / "data"


def start_process(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CODE, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def read_url(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def stop_process(process: "subprocess.Popen[str]", signal_number: signal.Signals | None = None) -> None:
    if signal_number:
        process.send_signal(signal_number)
    process.communicate()


def find_server(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "postmaster.pid").read_text().splitlines()[0]))


def test_server_is_shared_and_stops_when_its_last_process_is_killed(folder: Path) -> None:
    first, second = start_process(folder), start_process(folder)
    assert read_url(first) == read_url(second) != ""
    server = find_server(folder)

    stop_process(first)
    time.sleep(0.5)
    assert server.is_running(), "the second process still uses the server"
    stop_process(second, signal.SIGKILL)

    assert psutil.wait_procs([server], timeout=15)[1] == []
    third = start_process(folder)
    assert read_url(third), "the server did not start again"
    stop_process(third, signal.SIGTERM)
    deadline = time.monotonic() + 15
    while (folder / "postmaster.pid").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not (folder / "postmaster.pid").exists()
