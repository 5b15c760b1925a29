"""Run the tasks that are due, one after another, and save the outcome of each.

The worker runs them in threads (`outbox.task_threads`), which use the same functions to run and to settle.
"""

import contextvars
import logging
import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import DataError, connection
from django.utils import timezone

from outbox import claims, conf
from outbox.backoff import retry_delay
from outbox.claims import Ended
from outbox.failures import describe_error, describe_failure, name_error
from outbox.handlers import TaskFailed, TaskHandler
from outbox.models import Task
from outbox.queue import NO_SUBJECT
from telemetry.context import build_reference, log_fields, more_fields

logger = logging.getLogger(__name__)

_FIRST_RETRY = timedelta(seconds=5)
_LONGEST_RETRY = timedelta(hours=6)
# The longest that another server may ask us to wait.
_LONGEST_RETRY_AFTER = timedelta(days=1)
_OUTCOMES = {"completed": "completed", "failed": "retried later"}


def run_due_tasks(*, now: datetime, limit: int = 20) -> Counter[str]:
    """Run at most `limit` tasks due at `now`. Returns a count for each outcome, empty if none was due.

    A crash loses nothing: a task that was running becomes due again when its lease ends.
    """
    outcomes: Counter[str] = Counter()
    for _ in range(limit):
        tasks = claims.claim(now, total=1)
        if not tasks:
            break
        ended = [describe_end(task, run_handler(task)) for task in tasks]
        if not connection.in_atomic_block:
            # It may be broken after the handler ran.
            connection.close_if_unusable_or_obsolete()
        settled, _locked = settle_tasks(ended)
        outcomes += settled
    return outcomes


def run_handler(task: Task) -> BaseException | None:
    """Run a claimed task. Returns what its handler raised, whatever that is, or None."""
    try:
        handler = conf.task_handlers().get(task.kind)
        if handler is None:
            return TaskFailed(f"No handler is registered for tasks of the kind {task.kind}.")
        # A language or a time zone that it activates, and does not deactivate, ends with it.
        contextvars.copy_context().run(_run_with_fields, handler, task)
    except BaseException as error:  # also SystemExit: a task that fails must not stop the others
        return error
    return None


def _run_with_fields(handler: TaskHandler, task: Task) -> None:
    with log_fields(reference=build_reference(), task=task.kind, **_name_subject(task)):
        handler.run(task, timezone.now())


def _name_subject(task: Task) -> dict[str, str]:
    return {} if task.subject == NO_SUBJECT else {"external_id": str(task.subject)}


def describe_end(task: Task, error: BaseException | None) -> Ended:
    """What to save of a task that has run and raised `error`, and when to retry it. Logs a failure."""
    if error is None:
        return Ended(task, "completed")
    logger.warning(
        "Task %s (%s) failed at attempt %s: %s",
        task.pk,
        task.kind,
        task.attempts,
        name_error(error),
        extra=more_fields(**_name_subject(task)),
    )
    reason = describe_failure(error) if isinstance(error, TaskFailed) else describe_error(error)
    return Ended(task, "failed", reason, timezone.now() + _retry_delay(task, error))


def settle_tasks(ended: Sequence[Ended]) -> tuple[Counter[str], list[Ended]]:
    """Delete the tasks that are complete, and put the others back with the reason.

    Returns a count for each outcome, and those that are locked: settle them later. Raises DatabaseError or
    InterfaceError if the database cannot be written to: call it again later. Until then the tasks stay
    claimed, and at the end of their lease they become due.
    """
    try:
        locked = claims.settle(ended)
    except (DataError, ValueError):
        words = "It failed. The reason cannot be stored: see the worker's log."
        ended = [Ended(one.task, one.outcome, one.error and words, one.due_at) for one in ended]
        locked = claims.settle(ended)
    left = {one.task.pk for one in locked}
    settled = (
        _OUTCOMES[one.outcome] for one in ended if one.task.pk not in left and one.outcome in _OUTCOMES
    )
    return Counter(settled), locked


def _retry_delay(task: Task, error: BaseException) -> timedelta:
    delay = retry_delay(task.attempts, first=_FIRST_RETRY, longest=_LONGEST_RETRY)
    seconds = error.retry_after if isinstance(error, TaskFailed) else None
    # The number comes from another server.
    if not isinstance(seconds, int | float) or not math.isfinite(seconds) or seconds <= 0:
        return delay
    return max(delay, timedelta(seconds=min(seconds, _LONGEST_RETRY_AFTER.total_seconds())))
