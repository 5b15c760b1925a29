"""Run the tasks that are due."""

import logging
from collections import Counter
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from outbox import conf, queue
from outbox.backoff import retry_delay
from outbox.handlers import TaskFailed
from outbox.models import Task

logger = logging.getLogger(__name__)

_FIRST_RETRY = timedelta(seconds=5)
_LONGEST_RETRY = timedelta(hours=6)


def run_due_tasks(*, now: datetime, limit: int = 20) -> Counter[str]:
    """Run at most `limit` tasks that are due at `now`. Returns how many ended how; empty when none was due.

    A crash loses nothing: a task that was running becomes due again when its lease ends.
    """
    outcomes: Counter[str] = Counter()
    for _ in range(limit):
        task = queue.claim(now)
        if task is None:
            break
        outcomes[_run_task(task)] += 1
    return outcomes


def _run_task(task: Task) -> str:
    try:
        conf.task_handlers()[task.kind].run(task, timezone.now())
    except (OperationalError, InterfaceError):
        # The database is away: the task comes back when its lease ends.
        raise
    except Exception as error:
        # Whatever a handler raises is the failure of this task and is kept on it: the others go on.
        _retry_task(task, error)
        return "retried later"
    queue.complete(task)
    return "completed"


def _retry_task(task: Task, error: Exception) -> None:
    if isinstance(error, TaskFailed):
        reason, retry_after = str(error), error.retry_after or 0.0
    else:
        reason, retry_after = f"{type(error).__name__}: {error}"[:2000], 0.0
    logger.warning(
        "Task %s (%s) failed at attempt %s: %s", task.pk, task.kind, task.attempts, type(error).__name__
    )
    delay = max(
        retry_delay(task.attempts, first=_FIRST_RETRY, longest=_LONGEST_RETRY), timedelta(seconds=retry_after)
    )
    queue.retry(task, reason, due_at=timezone.now() + delay)
