"""Tasks run in threads, one of a kind at a time; one that hangs is given up before its lease ends."""

import threading
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from hostapp.tasks import TASKS
from outbox import queue
from outbox.claims import LEASE
from outbox.handlers import TaskHandler
from outbox.models import Task
from outbox.task_threads import MAX_HUNG, TIME_LIMIT, TaskThreads
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

SUBJECT = uuid.uuid4()


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Tasks of the kind `hang` hang until this is set. Tasks of the kind `quick` succeed."""
    released = threading.Event()

    def hang(task: Task, now: datetime) -> None:
        released.wait(60)

    monkeypatch.setitem(TASKS, "hang", TaskHandler("Hang", hang))
    monkeypatch.setitem(TASKS, "quick", TaskHandler("Quick", lambda task, now: None))
    yield released
    released.set()
    wait_until(lambda: not [one for one in threading.enumerate() if one.name.startswith("Task ")])


def run_until_empty(threads: TaskThreads, kind: str) -> None:
    def is_empty() -> bool:
        threads.run_due_tasks(now=timezone.now())
        return not Task.objects.filter(kind=kind, due_at__lte=timezone.now()).exists()

    wait_until(is_empty)


def test_time_limit_ends_before_the_lease() -> None:
    assert TIME_LIMIT < LEASE


def test_hanging_task_stops_only_its_own_kind(released: threading.Event) -> None:
    for number in range(5):
        queue.enqueue("hang", SUBJECT, key=str(number))
        queue.enqueue("quick", SUBJECT, key=str(number))
    threads = TaskThreads()

    run_until_empty(threads, "quick")

    assert Task.objects.filter(kind="hang").count() == 5
    assert Task.objects.filter(kind="hang", attempts=1).count() == 1


def test_task_that_hangs_longer_than_the_time_limit_is_retried_with_a_reason(
    released: threading.Event,
) -> None:
    queue.enqueue("hang", SUBJECT)
    seconds = 0.0
    threads = TaskThreads(time_limit=timedelta(seconds=270), clock=lambda: seconds)
    assert threads.run_due_tasks(now=timezone.now()) == {}
    seconds = 271.0

    assert threads.run_due_tasks(now=timezone.now()) == {"retried later": 1}

    task = Task.objects.get()
    assert (task.error, task.claimed_until) == ("It did not end within 270 seconds.", None)
    assert task.due_at > timezone.now()


def test_task_that_ends_after_it_was_given_up_is_complete(released: threading.Event) -> None:
    queue.enqueue("hang", SUBJECT)
    seconds = 0.0
    threads = TaskThreads(time_limit=timedelta(seconds=270), clock=lambda: seconds)
    threads.run_due_tasks(now=timezone.now())
    seconds = 271.0
    threads.run_due_tasks(now=timezone.now())

    released.set()
    run_until_empty(threads, "hang")
    wait_until(lambda: threads.run_due_tasks(now=timezone.now()) or not Task.objects.exists())

    assert not Task.objects.exists()


def test_kind_with_too_many_hanging_tasks_is_left_alone(
    released: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(MAX_HUNG + 2):
        queue.enqueue("hang", SUBJECT, key=str(number))
    seconds = 0.0
    threads = TaskThreads(time_limit=timedelta(seconds=1), clock=lambda: seconds)
    for _ in range(MAX_HUNG + 2):
        threads.run_due_tasks(now=timezone.now())
        seconds += 2

    assert Task.objects.filter(attempts=1).count() == MAX_HUNG
    assert "tasks of the kind hang hang" in caplog.text
    queue.enqueue("quick", SUBJECT)
    run_until_empty(threads, "quick")
