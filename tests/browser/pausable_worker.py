"""`manage.py worker`, which runs only while a test lets it: `python -m tests.browser.pausable_worker`.

It skips its steps and heartbeats unless another connection holds RUN_LOCK. So it also stops when that
connection is lost. It holds STEP_LOCK during a step, so a test that gets this lock knows that no step is
running. It never waits for a lock, so SIGTERM ends it at any time.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import django
from django.core.management import execute_from_command_line
from django.db import connection

# Advisory locks in the test's database.
RUN_LOCK = 20_261_125
STEP_LOCK = 20_261_126

HEARTBEAT_SECONDS = 0.3
# Between two looks for the permission. A worker that is paused should cost the other tests nothing.
_PAUSED_SECONDS = 0.2

Step = Callable[..., Counter[str]]


def pausable(step: Step) -> Step:
    """The same step, skipped while no test lets the worker run."""

    def run_unless_paused(*, now: datetime) -> Counter[str]:
        with _permission() as may_run:
            if may_run:
                return step(now=now)
        time.sleep(_PAUSED_SECONDS)
        return Counter()

    return run_unless_paused


@contextmanager
def _permission() -> Iterator[bool]:
    """Whether the worker may run now. Until the end of the block `App.pause_worker` waits."""
    if not _may_run() or not _execute("SELECT pg_try_advisory_lock_shared(%s)", STEP_LOCK):
        yield False
        return
    try:
        # It may have been withdrawn before the lock was taken.
        yield _may_run()
    finally:
        _execute("SELECT pg_advisory_unlock_shared(%s)", STEP_LOCK)


def _may_run() -> bool:
    # A look, and not an attempt to take it: another step's attempt would look like a permission.
    return _execute(
        "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
        " WHERE datname = current_database() AND locktype = 'advisory' AND objid = %s AND granted)",
        RUN_LOCK,
    )


def _execute(statement: str, lock: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, [lock])
        return bool(cursor.fetchone()[0])


class SequentialTasks:
    """Stands in for `TaskThreads`: a step ends when its tasks have ended."""

    def run_due_tasks(self, *, now: datetime) -> Counter[str]:
        from outbox.runner import run_due_tasks

        return run_due_tasks(now=now)

    def finish(self, *, seconds: float) -> None:
        """Nothing runs between two steps."""


def main() -> None:
    django.setup()
    from outbox import worker
    from outbox.heartbeat import Heartbeat

    repeat_step = worker._repeat_step
    # One after another, within the step: so the lock covers the tasks, too.
    worker.TaskThreads = SequentialTasks  # type: ignore[attr-defined,assignment]
    worker._repeat_step = lambda name, step, *arguments: repeat_step(name, pausable(step), *arguments)
    beat = Heartbeat.beat

    def beat_unless_paused(self: Heartbeat, *, now: datetime) -> None:
        with _permission() as may_run:
            if may_run:
                beat(self, now=now)

    # Otherwise its row appears in the tables of other tests.
    worker.INTERVAL = timedelta(seconds=HEARTBEAT_SECONDS)  # type: ignore[attr-defined]
    Heartbeat.beat = beat_unless_paused  # type: ignore[method-assign]
    execute_from_command_line(["manage.py", "worker", *sys.argv[1:]])


if __name__ == "__main__":
    main()
