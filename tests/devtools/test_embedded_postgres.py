"""Processes share one embedded PostgreSQL, which stops after the last of them, however it ends."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from django.core.management import CommandError

from devtools.embedded_postgres import ensure_running, guardian, system_user
from tests.processes import ROOT, create_open_folder, wait_until

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
    # Short, for the socket's path.
    with create_open_folder("pg-") as parent:
        yield parent / "data"


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


def test_folders_above_the_data_stay_closed_to_other_users(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(system_user.OPEN_PARENTS, raising=False)
    closed = folder.parent / "closed"
    closed.mkdir(mode=0o700)
    user = start_user(closed / "data")

    # The user that the server runs as for root could not read its data.
    assert bool(read_socket_folder(user)) is (os.geteuid() != 0)
    end(user)
    wait_for_shutdown(closed / "data")
    with pytest.raises(CommandError, match=rf"cannot pass {closed}\. .*EMBEDDED_POSTGRES_OPEN_PARENTS=on"):
        system_user.require_passable(closed / "data")
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["data", "with blank", "long" * 25])
def test_open_folders_keep_their_modes_and_the_socket_is_closed(folder: Path, name: str) -> None:
    # Others may pass it, and not list it.
    folder.parent.chmod(0o711)
    data = folder.parent / name
    user = start_user(data)
    socket_folder = Path(read_socket_folder(user))

    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o711
    # Whoever reaches the socket is not asked for a password.
    assert any(not one.stat().st_mode & stat.S_IXOTH for one in (socket_folder, *socket_folder.parents))
    with psycopg.connect(host=str(socket_folder), user="postgres", dbname="postgres") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    end(user)
    wait_for_shutdown(data)


def test_closed_folder_is_opened_where_the_variable_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = folder.parent / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setenv(system_user.OPEN_PARENTS, "on")

    system_user.require_passable(closed / "data")

    assert stat.S_IMODE(closed.stat().st_mode) == 0o701


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
