"""Workers claim many tasks in one statement, and settle many in one, without waiting for each other."""

import os
import signal
import uuid
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from outbox import claims, queue
from outbox.claims import LEASE, Ended
from outbox.models import Task
from outbox.queue import NO_SUBJECT, NewTask
from tests.processes import Manage, wait_until

pytestmark = pytest.mark.django_db

SUBJECT = uuid.uuid4()


def enqueue(kind: str, count: int, *, subject: uuid.UUID | None = None) -> None:
    queue.enqueue_all(
        NewTask(kind, subject or uuid.uuid4(), key=str(number).zfill(5)) for number in range(count)
    )


def test_claim_takes_of_each_kind_as_many_as_are_wanted() -> None:
    for kind in ("one", "two", "none", "unknown"):
        enqueue(kind, 5)

    tasks = claims.claim(timezone.now(), limits={"one": 1, "two": 2, "none": 0}, limit=4)

    kinds = sorted(task.kind for task in tasks)
    assert kinds == ["one", "two", "two", "unknown", "unknown", "unknown", "unknown"]


def test_claimed_tasks_are_complete_rows_in_the_order_of_their_due_times() -> None:
    now = timezone.now()
    queue.enqueue("one", SUBJECT, key="later", arguments={"a": [1]}, due_at=now - timedelta(minutes=1))
    queue.enqueue("two", SUBJECT, key="earlier", due_at=now - timedelta(minutes=2))

    earlier, later = claims.claim(now, limit=9)

    assert (earlier.key, later.key, later.arguments) == ("earlier", "later", {"a": [1]})
    assert later.claimed_until == now + LEASE
    row = Task.objects.get(pk=later.pk)
    assert (row.attempts, row.claimed_until) == (later.attempts, later.claimed_until) == (1, now + LEASE)


def test_other_tasks_of_a_kind_and_subject_are_not_claimed_while_one_is() -> None:
    enqueue("one", 2, subject=SUBJECT)
    enqueue("two", 1, subject=SUBJECT)
    enqueue("without enterprise", 2, subject=NO_SUBJECT)
    now = timezone.now()
    (first,) = claims.claim(now, limits={"one": 1}, limit=0)

    others = claims.claim(now, limit=9)

    assert sorted(task.kind for task in others) == ["two", "without enterprise", "without enterprise"]
    claims.settle([Ended(first, "completed")])
    assert [task.kind for task in claims.claim(now, limit=9)] == ["one"]


@pytest.mark.django_db(transaction=True)
def test_locked_task_is_settled_later_and_nobody_waits() -> None:
    enqueue("one", 2)
    tasks = claims.claim(timezone.now(), limit=9)
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("UPDATE outbox_task SET requests = requests + 1 WHERE id = %s", [tasks[0].pk])

        left = claims.settle([Ended(task, "completed") for task in tasks])

        assert [one.task for one in left] == [tasks[0]]
        assert list(Task.objects.all()) == [tasks[0]]

    # It was enqueued again while it ran, so it runs again.
    assert claims.settle(left) == []
    assert claims.claim(timezone.now()) == [tasks[0]]


def test_claim_reads_only_what_is_due_of_each_kind() -> None:
    with connection.cursor() as cursor:
        # PostgreSQL would scan so small a table, whatever indexes it has.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        statement = claims._CLAIM.partition(";")[2]
        now = timezone.now()
        cursor.execute(
            f"EXPLAIN {statement}",
            {"now": now, "lease": now, "no_subject": NO_SUBJECT, "limits": "{}", "limit": 5, "total": None},
        )
        plan = "\n".join(row for (row,) in cursor.fetchall())

    assert "using outbox_task_due_by_kind" in plan
    assert "outbox_task_claimed" in plan
    assert "Seq Scan" not in plan


@pytest.mark.django_db(transaction=True)
def test_killed_worker_loses_no_task(manage: Manage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done = tmp_path / "done"
    done.touch()
    monkeypatch.setenv("TEST_SETTINGS", "tests.outbox.failing_settings")
    monkeypatch.setenv("TEST_DONE_FILE", str(done))
    first, second = (manage("worker", "--interval", "0.05") for _ in range(2))
    enqueue("succeed", 1000)

    wait_until(lambda: len(done.read_text().splitlines()) > 50, seconds=40)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    # What it had claimed is due at the end of its lease.
    wait_until(lambda: not Task.objects.filter(claimed_until=None).exists(), seconds=40)
    Task.objects.update(claimed_until=timezone.now())
    wait_until(lambda: not Task.objects.exists(), seconds=40)

    assert second.poll() is None
    assert set(done.read_text().split()) - {"task"} >= {str(number).zfill(5) for number in range(1000)}
