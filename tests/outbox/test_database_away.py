"""A worker waits for a database that is away, read-only or not migrated, and goes on by itself."""

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from enterprises.tasks import TaskKind
from outbox import queue
from outbox.models import Task, WorkerHeartbeat
from tests.processes import Manage, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def end_other_connections() -> None:
    execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


@contextmanager
def read_only() -> Iterator[None]:
    name = connection.ops.quote_name(str(connection.settings_dict["NAME"]))
    execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    end_other_connections()
    yield
    execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")


@contextmanager
def not_migrated() -> Iterator[None]:
    tables = ("outbox_task", "outbox_workerheartbeat", "webhooks_webhookevent", "enterprises_accessgrant")
    execute(*(f"ALTER TABLE {table} RENAME TO hidden_{table}" for table in tables))
    yield
    execute(*(f"ALTER TABLE hidden_{table} RENAME TO {table}" for table in tables))


def enqueue_task() -> None:
    # An enterprise that does not exist: the task is complete when a worker has run it.
    queue.enqueue(TaskKind.RECONCILE, uuid.uuid4())


def read_failures(worker: "subprocess.Popen[str]", count: int, *, error: str = "") -> None:
    """Read what the worker logs until its tasks have failed so many times: it has tried again."""
    assert worker.stdout is not None
    while count:
        line = worker.stdout.readline()
        assert line, "the worker has ended"
        count -= "Tasks: the database cannot be used" in line and error in line


@pytest.mark.parametrize("unusable", [read_only, not_migrated])
def test_worker_that_starts_on_an_unusable_database_waits_and_then_works(
    manage: Manage, unusable: Any
) -> None:
    enqueue_task()
    with unusable():
        worker = manage("worker", "--interval", "0.05")
        read_failures(worker, 3)

    wait_until(lambda: not Task.objects.exists() and WorkerHeartbeat.objects.exists(), seconds=20)
    assert worker.poll() is None


def test_running_worker_waits_while_the_database_is_read_only(manage: Manage) -> None:
    worker = manage("worker", "--interval", "0.05")
    wait_until(WorkerHeartbeat.objects.exists, seconds=20)

    with read_only():
        enqueue_task()
        read_failures(worker, 3, error="InternalError (ReadOnlySqlTransaction)")
        assert Task.objects.exists()

    wait_until(lambda: not Task.objects.exists(), seconds=20)
    worker.terminate()
    worker.communicate(timeout=12)
    assert worker.returncode == 0
