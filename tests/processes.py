"""Start real processes of the application on the test's database, and wait for what they do."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

ROOT = Path(__file__).resolve().parents[1]

# The fixture `manage`: starts `manage.py …`.
Manage = Callable[..., "subprocess.Popen[str]"]


def build_environment() -> dict[str, str]:
    """Environment variables with which a process uses the test's database."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": os.environ.get("TEST_SETTINGS", "tests.process_settings"),
        "TEST_DATABASE": str(connection.settings_dict["NAME"]),
    }


def start_manage_command(*arguments: str) -> "subprocess.Popen[str]":
    """Start `manage.py …` and return without waiting for it."""
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=build_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def create_open_folder(prefix: str) -> Iterator[Path]:
    """A temporary folder that other users may pass: for root, the embedded PostgreSQL runs as one of them."""
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        folder = Path(name).resolve()
        folder.chmod(0o711)
        yield folder


def wait_until(condition: Callable[[], object], *, seconds: float = 30) -> None:
    """Wait until `condition()` is true. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"the condition was not met within {seconds:g} s"
        time.sleep(0.02)


def wait_until_database_is_idle() -> None:
    """Wait until no other connection has a transaction: emptying the tables could deadlock with it."""
    wait_until(_database_is_idle)


def end_other_sessions() -> None:
    """End the sessions that processes and threads of tests have left: a database in use cannot be dropped."""
    # It may have been ended, too.
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def a_connection_is_busy() -> bool:
    """Whether another connection runs a statement or has a transaction open."""
    return not _database_is_idle()


def _database_is_idle() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'"
        )
        return bool(cursor.fetchone()[0] == 0)


def someone_waits_for_a_lock() -> bool:
    return count_lock_waiters() > 0


def count_lock_waiters() -> int:
    """Database connections that wait for a lock."""
    with connection.cursor() as cursor:
        # Within a transaction the statistics are cached.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        # Not its wait_event: a process that has just been given its lock may not have cleared it yet.
        cursor.execute(
            "SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE NOT granted AND datname = current_database()"
        )
        return int(cursor.fetchone()[0])
