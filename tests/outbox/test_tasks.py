"""Outbox tasks run until they succeed: retries, leases, coalescing and concurrent workers."""

import threading
import uuid
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from enterprises.people_reconcile import RECONCILE_PEOPLE
from enterprises.tasks import TaskKind
from hostapp import password_notices, password_reset
from hostapp.tasks import TASKS
from outbox import claims, queue
from outbox.backoff import retry_delay
from outbox.claims import LEASE
from outbox.handlers import TaskFailed, TaskHandler
from outbox.models import Task
from outbox.runner import run_due_tasks
from portal import tasks as portal_tasks
from webhooks.catch_up import CATCH_UP

pytestmark = pytest.mark.django_db

KIND = TaskKind.PROVISION
ACME, BIRCH = uuid.uuid4(), uuid.uuid4()
FIRST, LONGEST = timedelta(seconds=5), timedelta(hours=6)


@pytest.fixture
def completed(monkeypatch: pytest.MonkeyPatch) -> list[Task]:
    """Collect the tasks of one kind as they run."""
    seen: list[Task] = []
    monkeypatch.setitem(TASKS, KIND, TaskHandler("Test", lambda task, now: seen.append(task)))
    return seen


def test_every_task_kind_has_a_handler() -> None:
    portal_kinds = {portal_tasks.REVOKE_PORTAL_LINKS, portal_tasks.REVOKE_SETUP_LINK}
    password_kinds = {password_reset.SEND_PASSWORD_RESET, password_notices.SEND_PASSWORD_NOTICE}
    assert set(TASKS) == {*TaskKind, *portal_kinds, *password_kinds, CATCH_UP, RECONCILE_PEOPLE}


def test_task_runs_once_and_its_row_is_deleted(completed: list[Task]) -> None:
    queue.enqueue(KIND, ACME, arguments={"a": 1})

    assert run_due_tasks(now=timezone.now()) == {"completed": 1}
    assert run_due_tasks(now=timezone.now()) == {}

    assert [task.arguments for task in completed] == [{"a": 1}]
    assert not Task.objects.exists()


def test_task_is_rolled_back_with_its_transaction(completed: list[Task]) -> None:
    @transaction.atomic
    def change() -> None:
        queue.enqueue(KIND, ACME)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()

    assert not Task.objects.exists()


def test_tasks_with_the_same_kind_and_key_are_coalesced(completed: list[Task]) -> None:
    for number in range(3):
        queue.enqueue(KIND, ACME, key="one", arguments={"number": number})
    queue.enqueue(KIND, ACME, key="other")
    queue.enqueue(KIND, BIRCH, key="one")

    assert run_due_tasks(now=timezone.now()) == {"completed": 3}
    assert completed[0].arguments == {"number": 2}


def test_task_does_not_run_before_it_is_due(completed: list[Task]) -> None:
    now = timezone.now()
    queue.enqueue(KIND, ACME, due_at=now + timedelta(minutes=1))

    assert run_due_tasks(now=now) == {}
    assert run_due_tasks(now=now + timedelta(minutes=1)) == {"completed": 1}


def test_failed_task_keeps_its_error_and_blocks_no_other_task(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_for_acme(task: Task, now: datetime) -> None:
        if task.subject == ACME:
            raise TaskFailed("WorkOS asks us to slow down.", retry_after=90)

    monkeypatch.setitem(TASKS, KIND, TaskHandler("Test", fail_for_acme))
    queue.enqueue(KIND, ACME)
    queue.enqueue(KIND, BIRCH)
    now = timezone.now()

    assert run_due_tasks(now=now) == {"retried later": 1, "completed": 1}

    task = Task.objects.get()
    assert (task.subject, task.error, task.attempts) == (ACME, "WorkOS asks us to slow down.", 1)
    assert task.due_at >= now + timedelta(seconds=90)
    assert run_due_tasks(now=now) == {}


def test_retry_delay_grows_with_each_failure_and_is_capped() -> None:
    assert (
        retry_delay(1, first=FIRST, longest=LONGEST)
        < retry_delay(3, first=FIRST, longest=LONGEST)
        < retry_delay(6, first=FIRST, longest=LONGEST)
    )
    assert retry_delay(1000, first=FIRST, longest=LONGEST) <= timedelta(hours=7.5)


def test_task_enqueued_again_while_it_runs_is_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def enqueue_again(task: Task, now: datetime) -> None:
        seen.append(task.arguments)
        if len(seen) == 1:
            queue.enqueue(KIND, ACME, arguments={"newer": True})
            # The running task is claimed: no other worker takes it.
            assert run_due_tasks(now=timezone.now()) == {}

    monkeypatch.setitem(TASKS, KIND, TaskHandler("Test", enqueue_again))
    queue.enqueue(KIND, ACME)

    while run_due_tasks(now=timezone.now(), limit=1):
        pass

    assert seen == [{}, {"newer": True}]


def test_task_of_a_killed_worker_runs_after_its_lease(completed: list[Task]) -> None:
    queue.enqueue(KIND, ACME)
    now = timezone.now()
    # The claim is committed, and then the worker is killed.
    assert claims.claim(now)

    assert run_due_tasks(now=now + LEASE - timedelta(seconds=1)) == {}
    assert run_due_tasks(now=now + LEASE) == {"completed": 1}


@pytest.mark.django_db(transaction=True)
def test_concurrent_workers_run_each_task_once(completed: list[Task]) -> None:
    for number in range(40):
        queue.enqueue(KIND, ACME, key=str(number))
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        while run_due_tasks(now=timezone.now(), limit=3):
            pass
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(int(task.key) for task in completed) == list(range(40))
