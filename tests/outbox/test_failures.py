"""Whatever a task, a step or a periodic job raises, and also one that hangs, the worker lives and goes on."""

import signal
import time
import uuid
from pathlib import Path

import psycopg
import pytest
from django.db import OperationalError
from django.utils import timezone

from hostapp.tasks import TASKS
from outbox import queue
from outbox.failures import name_error
from outbox.handlers import TaskHandler
from outbox.models import Task
from outbox.runner import run_due_tasks
from outbox.worker import STOP_SECONDS
from tests.outbox.failing import FAILURES
from tests.processes import Manage, wait_until

SUBJECT = uuid.uuid4()

# These break the connection of the thread that they run in, which here is the test's own.
BREAKS_THE_CONNECTION = {
    "broken transaction",
    "open transaction",
    "closed connection",
    "ended server process",
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(set(FAILURES) - BREAKS_THE_CONNECTION))
def test_task_that_fails_is_retried_with_a_reason(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TASKS, name, TaskHandler(name, FAILURES[name]))
    queue.enqueue(name, SUBJECT)
    now = timezone.now()

    assert run_due_tasks(now=now) == {"retried later": 1}

    task = Task.objects.get()
    assert task.error
    assert len(task.error) <= 2000
    assert task.due_at > now
    assert task.claimed_until is None


@pytest.mark.django_db
def test_reason_keeps_what_can_be_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NUL", "half a surrogate pair", "unprintable"):
        monkeypatch.setitem(TASKS, name, TaskHandler(name, FAILURES[name]))
        queue.enqueue(name, SUBJECT)

    run_due_tasks(now=timezone.now())

    assert dict(Task.objects.values_list("kind", "error")) == {
        "NUL": "ValueError: a\ufffdb",
        "half a surrogate pair": "ValueError: a?b",
        "unprintable": "UnprintableError: (its message cannot be read: ValueError)",
    }


@pytest.mark.django_db
def test_task_without_a_handler_is_retried_with_a_reason() -> None:
    queue.enqueue("removed_kind", SUBJECT)

    assert run_due_tasks(now=timezone.now()) == {"retried later": 1}
    assert Task.objects.get().error == "No handler is registered for tasks of the kind removed_kind."


@pytest.mark.django_db(transaction=True)
def test_worker_outlives_tasks_steps_and_jobs_that_fail_in_every_way(
    manage: Manage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = tmp_path / "done"
    monkeypatch.setenv("TEST_SETTINGS", "tests.outbox.failing_settings")
    monkeypatch.setenv("TEST_DONE_FILE", str(done))
    monkeypatch.setenv("TEST_STOP_SECONDS", "0.3")
    for name in FAILURES:
        queue.enqueue(name, SUBJECT)
    for number in range(3):
        queue.enqueue("hang", SUBJECT, key=str(number))
        queue.enqueue("succeed", SUBJECT, key=str(number))

    worker = manage("worker", "--interval", "0.05")
    failed = Task.objects.filter(kind__in=FAILURES).exclude(error="")
    wait_until(lambda: failed.count() == len(FAILURES) or worker.poll() is not None, seconds=40)

    # All others ran while one hangs, and the worker goes on.
    queue.enqueue("succeed", SUBJECT, key="later")
    wait_until(lambda: "task later" in done.read_text() or worker.poll() is not None)
    wait_until(lambda: not Task.objects.filter(kind="succeed").exists())
    lines = done.read_text().splitlines()
    assert {"task 0", "task 1", "task 2", "job", "failing job", "failing step"} <= set(lines)
    assert "step without an answer" in lines
    # The others of its subject were given back.
    wait_until(lambda: Task.objects.filter(kind="hang", claimed_until__isnull=False).count() == 1)
    assert worker.poll() is None

    stopped_at = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    output, _ = worker.communicate(timeout=STOP_SECONDS + 5)

    assert worker.returncode == 0, output
    assert time.monotonic() - stopped_at < STOP_SECONDS + 3
    # What was cut off runs again without waiting for the end of its lease.
    assert not Task.objects.filter(kind="hang", claimed_until__isnull=False).exists()
    assert "The worker was stopped before it ended." in set(
        Task.objects.filter(kind="hang").values_list("error", flat=True)
    )


def test_error_of_the_database_is_named_with_the_drivers_unless_they_have_one_name() -> None:
    same, other = OperationalError(), OperationalError()
    same.__cause__ = psycopg.OperationalError()
    other.__cause__ = psycopg.errors.ReadOnlySqlTransaction()

    assert name_error(same) == "OperationalError"
    assert name_error(other) == "OperationalError (ReadOnlySqlTransaction)"
