"""`manage.py worker`, which a test can pause between two steps: `python -m tests.browser.pausable_worker`.

Each step runs under a shared advisory lock in the test's database. A test that takes the same lock
exclusively waits for the steps that are running and prevents new ones. The worker never waits for the lock:
it skips the step, so SIGTERM ends it while it is paused, too.
"""

import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime

import django
from django.core.management import execute_from_command_line
from django.db import connection

PAUSE_LOCK = 20_261_125

Step = Callable[..., Counter[str]]


def pausable(step: Step) -> Step:
    """The same step, skipped while a test holds the lock."""

    def run_unless_paused(*, now: datetime) -> Counter[str]:
        if not _execute("SELECT pg_try_advisory_lock_shared(%s)"):
            return Counter()
        try:
            return step(now=now)
        finally:
            _execute("SELECT pg_advisory_unlock_shared(%s)")

    return run_unless_paused


def _execute(statement: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, [PAUSE_LOCK])
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

    repeat_step = worker._repeat_step
    # One after another, within the step: so the lock covers the tasks, too.
    worker.TaskThreads = SequentialTasks  # type: ignore[attr-defined,assignment]
    worker._repeat_step = lambda name, step, *arguments: repeat_step(name, pausable(step), *arguments)
    execute_from_command_line(["manage.py", "worker", *sys.argv[1:]])


if __name__ == "__main__":
    main()
