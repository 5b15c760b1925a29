"""Start `manage.py` processes on the test's database."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from django.db import connection

ROOT = Path(__file__).resolve().parents[1]


Manage = Callable[..., "subprocess.Popen[str]"]


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.process_settings",
        "TEST_DATABASE": str(connection.settings_dict["NAME"]),
    }


def manage(*arguments: str) -> "subprocess.Popen[str]":
    """Start `manage.py …` and return without waiting for it."""
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def until(condition: Callable[[], object], *, seconds: float = 15) -> None:
    """Wait until `condition()` is true. Fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"the condition was not met within {seconds} s"
        time.sleep(0.02)


def someone_waits_for_a_lock() -> bool:
    return count_lock_waiters() > 0


def count_lock_waiters() -> int:
    """Database connections that wait for a lock."""
    with connection.cursor() as cursor:
        # Within a transaction the statistics are cached.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return int(cursor.fetchone()[0])
