"""Processes share one embedded PostgreSQL, which stops after the last of them, however it ends."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from django.core.management import CommandError

from devtools.embedded_postgres import ensure_running, guardian
from tests.processes import ROOT, wait_until

# A process that uses the server of a folder until its input ends.
USER = """
import sys, pathlib
from devtools import embedded_postgres
print(embedded_postgres.ensure_running(pathlib.Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""
# The same, where starting the server takes a moment and fails if another process is at it.
SLOW_USER = """
import sys, pathlib, time
from devtools import embedded_postgres
def start_server(folder):
    folder.mkdir()
    time.sleep(0.2)
    folder.rmdir()
    return "started alone"
embedded_postgres._start_server = start_server
print(embedded_postgres.ensure_running(pathlib.Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    # Short, for the socket's path, and open to other users: as root, the server runs as a user of its own.
    with tempfile.TemporaryDirectory(prefix="pg-") as parent:
        yield Path(parent).resolve() / "data"


def start_user(folder: Path, code: str = USER) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def read_socket_folder(user: "subprocess.Popen[str]") -> str:
    """The folder of the server's socket; empty if the process failed."""
    assert user.stdout
    return user.stdout.readline().strip()


def end(user: "subprocess.Popen[str]", signum: signal.Signals | None = None) -> None:
    if signum:
        user.send_signal(signum)
    user.communicate()


def server_process(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "postmaster.pid").read_text().splitlines()[0]))


def wait_for_shutdown(folder: Path) -> None:
    wait_until(lambda: not (folder / "postmaster.pid").exists())


def test_server_stops_when_its_last_user_is_killed_and_starts_again(folder: Path) -> None:
    first, second = start_user(folder), start_user(folder)
    assert read_socket_folder(first) == read_socket_folder(second) != ""
    server = server_process(folder)

    end(first)
    time.sleep(0.5)
    assert server.is_running(), "the second process still uses it"
    end(second, signal.SIGKILL)

    assert psutil.wait_procs([server], timeout=15)[1] == []
    third = start_user(folder)
    assert read_socket_folder(third), "it starts again"
    end(third, signal.SIGTERM)
    wait_for_shutdown(folder)


@pytest.mark.parametrize("name", ["a folder", "Ada's & (größe); a*b?c"])
def test_folder_with_blanks_and_odd_characters_in_its_name_works(folder: Path, name: str) -> None:
    odd = folder.parent / name / "data"
    odd.parent.mkdir()

    user = start_user(odd)
    socket_folder = read_socket_folder(user)

    with psycopg.connect(host=socket_folder, user="postgres", dbname="postgres") as connection:
        assert connection.execute("SHOW data_directory").fetchone() == (str(odd),)
    end(user)
    wait_for_shutdown(odd)


@pytest.mark.parametrize("name", ["$HOME", 'a"b', "a`b", "a\\b"])
def test_folder_with_a_name_that_cannot_work_is_refused_in_one_sentence(folder: Path, name: str) -> None:
    with pytest.raises(CommandError, match=r"^The embedded PostgreSQL cannot use .* Set EMBEDDED_POSTGRES"):
        ensure_running(folder.parent / name / "data")


def test_processes_that_start_at_once_on_an_empty_folder_all_connect(folder: Path) -> None:
    users = [start_user(folder) for _ in range(4)]

    socket_folders = {read_socket_folder(user) for user in users}

    assert len(socket_folders) == 1
    assert "" not in socket_folders
    for user in users:
        end(user)
    wait_for_shutdown(folder)


def test_one_process_at_a_time_starts_the_server(folder: Path) -> None:
    users = [start_user(folder, SLOW_USER) for _ in range(3)]

    assert [read_socket_folder(user) for user in users] == ["started alone"] * 3
    for user in users:
        end(user)


def test_guardian_of_a_half_deleted_folder_stops_no_other_process_and_creates_nothing(folder: Path) -> None:
    folder.mkdir()
    pid_file = folder / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{folder}\n1700000000\n5432\n{folder}\n\n0 0\nready\n")

    guardian.main(folder)

    assert list(folder.iterdir()) == [pid_file]
