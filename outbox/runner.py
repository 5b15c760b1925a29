"""Run the tasks that are due, one after another, and save the outcome of each.

The worker runs them in threads (`outbox.task_threads`), which use the same two functions to run and to settle
a task.
"""

import logging
import math
from collections import Counter
from datetime import datetime, timedelta

from django.db import DataError, connection
from django.utils import timezone

from outbox import conf, queue
from outbox.backoff import retry_delay
from outbox.failures import describe_error, describe_failure, name_error
from outbox.handlers import TaskFailed
from outbox.models import Task

logger = logging.getLogger(__name__)

_FIRST_RETRY = timedelta(seconds=5)
_LONGEST_RETRY = timedelta(hours=6)
# The longest that another server may ask us to wait.
_LONGEST_RETRY_AFTER = timedelta(days=1)


def run_due_tasks(*, now: datetime, limit: int = 20) -> Counter[str]:
    """Run at most `limit` tasks due at `now`. Returns a count for each outcome, empty if none was due.

    A crash loses nothing: a task that was running becomes due again when its lease ends.
    """
    outcomes: Counter[str] = Counter()
    for _ in range(limit):
        task = queue.claim(now)
        if task is None:
            break
        outcomes[settle_task(task, run_handler(task))] += 1
    return outcomes


def run_handler(task: Task) -> BaseException | None:
    """Run a claimed task. Returns what its handler raised, whatever that is, or None."""
    try:
        handler = conf.task_handlers().get(task.kind)
        if handler is None:
            return TaskFailed(f"No handler is registered for tasks of the kind {task.kind}.")
        handler.run(task, timezone.now())
    except BaseException as error:  # also SystemExit: a task that fails must not stop the others
        return error
    return None


def settle_task(task: Task, error: BaseException | None) -> str:
    """Delete a task that succeeded, or put a failed one back with the reason. Returns the outcome in words.

    Raises DatabaseError or InterfaceError if the database cannot be written to: call it again later. Until
    then the task stays claimed, and at the end of its lease it becomes due.
    """
    if not connection.in_atomic_block:
        # The connection may be broken after the handler ran.
        connection.close_if_unusable_or_obsolete()
    if error is None:
        queue.complete(task)
        return "completed"
    logger.warning(
        "Task %s (%s) failed at attempt %s: %s", task.pk, task.kind, task.attempts, name_error(error)
    )
    due_at = timezone.now() + _retry_delay(task, error)
    try:
        queue.retry(task, _describe_reason(error), due_at=due_at)
    except (DataError, ValueError):
        queue.retry(task, "It failed. The reason cannot be stored: see the worker's log.", due_at=due_at)
    return "retried later"


def _describe_reason(error: BaseException) -> str:
    return describe_failure(error) if isinstance(error, TaskFailed) else describe_error(error)


def _retry_delay(task: Task, error: BaseException) -> timedelta:
    delay = retry_delay(task.attempts, first=_FIRST_RETRY, longest=_LONGEST_RETRY)
    seconds = error.retry_after if isinstance(error, TaskFailed) else None
    # The number comes from another server.
    if not isinstance(seconds, int | float) or not math.isfinite(seconds) or seconds <= 0:
        return delay
    return max(delay, timedelta(seconds=min(seconds, _LONGEST_RETRY_AFTER.total_seconds())))
