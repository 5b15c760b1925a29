"""Run due tasks in threads, so that a task that hangs does not delay tasks of other kinds.

At most one task of a kind runs at a time in a process, each in a new thread with a database connection of its
own, which is closed with it: nothing that a handler leaves behind reaches the next one. So a process has at
most as many task threads as there are kinds.

What bounds a task: every call to another server has a time-out, and a task that still runs after TIME_LIMIT
counts as failed and is retried, before its lease ends. Its thread cannot be ended; when MAX_HUNG threads of
one kind hang, this process runs no more tasks of that kind.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connections
from django.utils import timezone

from outbox import queue
from outbox.handlers import TaskFailed
from outbox.models import Task
from outbox.runner import run_handler, settle_task

logger = logging.getLogger(__name__)

TIME_LIMIT = queue.LEASE - timedelta(seconds=30)
MAX_HUNG = 3
# How long to wait for a task to end before looking again for due tasks.
_TURN_SECONDS = 0.5


@dataclass(eq=False)
class _Run:
    """A task that is running. `has_ended` is set last."""

    task: Task
    started: float
    error: BaseException | None = None
    has_ended: bool = False


class TaskThreads:
    """The task threads of one worker process. One thread calls its methods."""

    def __init__(
        self, *, time_limit: timedelta = TIME_LIMIT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._time_limit = time_limit.total_seconds()
        self._clock = clock
        self._running: list[_Run] = []
        self._hung: list[_Run] = []
        self._one_ended = threading.Event()

    def run_due_tasks(self, *, now: datetime) -> Counter[str]:
        """Start what is due at `now`; wait briefly for a task to end. Returns a count for each outcome."""
        outcomes = self._settle_ended() + self._give_up_hung()
        while task := queue.claim(now, excluded_kinds=self._busy_kinds()):
            self._start(task)
        if self._running and not outcomes:
            self._one_ended.wait(_TURN_SECONDS)
            outcomes = self._settle_ended()
        return outcomes

    def finish(self, *, seconds: float) -> None:
        """Wait for the running tasks, and put back those that still run after `seconds`."""
        deadline = self._clock() + seconds
        self._settle_ended()
        while self._running and (left := deadline - self._clock()) > 0:
            self._one_ended.wait(left)
            self._settle_ended()
        for run in self._running:
            logger.warning("Task %s (%s) did not end: it runs again", run.task.pk, run.task.kind)
            queue.retry(run.task, "The worker was stopped before it ended.", due_at=timezone.now())

    def _busy_kinds(self) -> list[str]:
        hung = Counter(run.task.kind for run in self._hung)
        return [run.task.kind for run in self._running] + [
            kind for kind, count in hung.items() if count >= MAX_HUNG
        ]

    def _start(self, task: Task) -> None:
        run = _Run(task, self._clock())
        # A daemon, so that one that hangs does not keep the process alive.
        threading.Thread(target=self._run, args=(run,), name=f"Task {task.kind}", daemon=True).start()
        self._running.append(run)

    def _run(self, run: _Run) -> None:
        try:
            run.error = run_handler(run.task)
        finally:
            try:
                connections.close_all()
            finally:
                run.has_ended = True
                self._one_ended.set()

    def _settle_ended(self) -> Counter[str]:
        """Save the outcomes of the tasks that ended. If the database fails, the next call tries again."""
        self._one_ended.clear()
        outcomes: Counter[str] = Counter()
        for run in [run for run in self._running if run.has_ended]:
            outcomes[settle_task(run.task, run.error)] += 1
            self._running.remove(run)
        for run in [run for run in self._hung if run.has_ended]:
            if run.error is None:
                # Late, but done.
                outcomes[settle_task(run.task, None)] += 1
            self._hung.remove(run)
        return outcomes

    def _give_up_hung(self) -> Counter[str]:
        outcomes: Counter[str] = Counter()
        for run in [run for run in self._running if self._clock() - run.started > self._time_limit]:
            error = TaskFailed(f"It did not end within {self._time_limit:g} seconds.")
            outcomes[settle_task(run.task, error)] += 1
            self._running.remove(run)
            self._hung.append(run)
            if [other.task.kind for other in self._hung].count(run.task.kind) == MAX_HUNG:
                logger.error(
                    "%s tasks of the kind %s hang: this worker runs no more of them until one ends. "
                    "Restart it when the cause is fixed.",
                    MAX_HUNG,
                    run.task.kind,
                )
        return outcomes
