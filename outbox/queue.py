"""The transactional outbox: a task is enqueued with the change that needs it, and runs until it succeeds."""

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from outbox.models import Task

# The subject of tasks without an enterprise.
NO_SUBJECT = UUID(int=0)

# Set after each commit of this process that has enqueued tasks: a worker then looks for them at once.
new_tasks = threading.Event()


@dataclass(frozen=True)
class NewTask:
    """A task to enqueue. `arguments` are JSON and hold no secrets: staff see them."""

    kind: str
    subject: UUID
    key: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    # Due at once by default.
    due_at: datetime | None = None


def enqueue(
    kind: str,
    subject: UUID,
    *,
    key: str = "",
    arguments: dict[str, Any] | None = None,
    due_at: datetime | None = None,
) -> None:
    """Enqueue a task. Call this in the transaction of the change that needs it.

    If a task with this kind, subject and key is waiting, it is updated instead: it gets the new arguments and
    the earlier of the two due times, and its attempts start again at zero.
    """
    enqueue_all([NewTask(kind, subject, key, arguments or {}, due_at)])


def enqueue_all(tasks: Iterable[NewTask]) -> None:
    """Enqueue many tasks in one statement. Of two with the same kind, subject and key, the last one wins."""
    unique = {(task.kind, task.subject, task.key): task for task in tasks}
    # In one order everywhere, so that two workers cannot deadlock.
    ordered = [unique[key] for key in sorted(unique)]
    if not ordered:
        return
    now = timezone.now()
    with connection.cursor() as cursor:
        # The constraint decides whether the task is new: two concurrent inserts end as one row.
        cursor.execute(
            "INSERT INTO outbox_task AS task"
            " (kind, subject, key, arguments, due_at, requests, attempts, error, enqueued_at)"
            # One parameter, however many rows: binding lists takes longer than the statement.
            " SELECT row->>0, (row->>1)::uuid, row->>2, row->3, (row->>4)::timestamptz, 1, 0, '', %s"
            " FROM jsonb_array_elements(%s::jsonb) AS row"
            " ON CONFLICT (kind, subject, key) DO UPDATE"
            " SET arguments = EXCLUDED.arguments, due_at = LEAST(task.due_at, EXCLUDED.due_at),"
            " requests = task.requests + 1, attempts = 0, error = ''",
            [
                now,
                json.dumps(
                    [
                        [task.kind, str(task.subject), task.key, task.arguments, str(task.due_at or now)]
                        for task in ordered
                    ]
                ),
            ],
        )
    transaction.on_commit(new_tasks.set)


def ensure(kind: str, subject: UUID, *, key: str = "", due_at: datetime) -> None:
    """Enqueue a task unless there is one already, which then stays as it is."""
    Task.objects.bulk_create(
        [Task(kind=kind, subject=subject, key=key, due_at=due_at, requests=1)], ignore_conflicts=True
    )


def cancel_tasks(subject: UUID, *, kind: str | None = None) -> None:
    """Delete the tasks of a subject, or those of one kind."""
    tasks = Task.objects.filter(subject=subject)
    (tasks if kind is None else tasks.filter(kind=kind)).delete()


@transaction.atomic
def retry_now(tasks: QuerySet[Task], now: datetime) -> list[Task]:
    """Make tasks due at once. Returns which: those that are due already, running or done stay as they are."""
    is_free = Q(claimed_until=None) | Q(claimed_until__lte=now)
    later = tasks.filter(is_free, due_at__gt=now).order_by("pk")
    # A task that another transaction has locked is about to run.
    found = list(later.select_for_update(skip_locked=True))
    Task.objects.filter(pk__in=[task.pk for task in found]).update(due_at=now)
    return found
