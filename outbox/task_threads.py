"""Run due tasks in threads: many at once, bounded for each kind and for the process.

A kind always gets one thread, and up to `TaskHandler.threads` while the EXTRA_THREADS of the process suffice.
So a kind that hangs does not delay the others, and a process has at most as many task threads, each with a
database connection, as there are kinds, and EXTRA_THREADS more (those that hang come on top).

How many tasks of a kind are claimed at a time follows from how long its last ones took: as many as its
threads run in about _PACE_SECONDS. Those of one subject are run by one thread, in the order of their due
times.

What bounds a task: every call to another server has a time-out, and a task that still runs after TIME_LIMIT
counts as failed and is retried, before its lease ends. Its thread cannot be ended; when MAX_HUNG threads of
one kind hang, this process runs no more tasks of that kind.
"""

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from outbox import claims, conf
from outbox.claims import Ended
from outbox.handlers import TaskFailed
from outbox.models import Task
from outbox.queue import NO_SUBJECT
from outbox.runner import describe_end, run_handler, settle_tasks
from outbox.thread_pool import Batch, ThreadPool

logger = logging.getLogger(__name__)

TIME_LIMIT = claims.LEASE - timedelta(seconds=30)
MAX_HUNG = 3
EXTRA_THREADS = 8
# How many tasks without a handler are claimed at a time: they fail at once.
_UNKNOWN_TASKS = 20
_PACE_SECONDS = 0.25
# How long to wait for a task to end before looking again for due tasks.
_TURN_SECONDS = 0.1


class TaskThreads:
    """The tasks of one worker process. One thread calls its methods."""

    def __init__(
        self, *, time_limit: timedelta = TIME_LIMIT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._time_limit = time_limit.total_seconds()
        self._clock = clock
        self._changed = threading.Event()
        self._pool = ThreadPool(on_end=self._changed.set)
        self._running: list[Batch] = []
        self._hung: list[Batch] = []
        # What is not saved yet, because the database or another transaction is in the way.
        self._ended: list[Ended] = []
        # Seconds that a task takes, by kind.
        self._pace: dict[str, float] = {}

    def run_due_tasks(self, *, now: datetime) -> Counter[str]:
        """Start what is due at `now`; wait briefly for a task to end. Returns a count for each outcome."""
        outcomes = self._settle_ended()
        self._claim(now)
        if self._running and not outcomes:
            self._changed.wait(_TURN_SECONDS)
            outcomes = self._settle_ended()
        return outcomes

    def finish(self, *, seconds: float) -> None:
        """Wait for the running tasks, and put back those that still run after `seconds`."""
        deadline = self._clock() + seconds
        for batch in self._running:
            self._give_back(batch)
        self._settle_ended()
        # What another transaction has locked is tried again: a task that is complete must not run again.
        while (self._running or self._ended) and (left := deadline - self._clock()) > 0:
            self._changed.wait(min(left, _TURN_SECONDS) if self._ended else left)
            self._settle_ended()
        for batch in self._running:
            for task in batch.tasks_in_hand():
                logger.warning("Task %s (%s) did not end: it runs again", task.pk, task.kind)
                words = "The worker was stopped before it ended."
                self._ended.append(Ended(task, "failed", words, timezone.now()))
        self._save_ended()
        self._pool.end_idle_threads(at_once=True)

    def _settle_ended(self) -> Counter[str]:
        """Save the outcomes of the tasks that ended. If the database fails, the next call tries again."""
        self._changed.clear()
        for batch in list(self._running):
            # In this order: nothing is recorded after the end.
            has_ended = batch.has_ended
            self._collect(batch)
            if has_ended:
                self._running.remove(batch)
                self._give_back(batch)
                self._pool.release(batch)
            elif self._clock() - batch.started > self._time_limit:
                self._give_up(batch)
            elif batch.is_slow():
                self._give_back(batch)
        for batch in [batch for batch in self._hung if batch.has_ended]:
            # Late, but done.
            self._ended += [describe_end(task, None) for task, error in batch.collect() if error is None]
            self._hung.remove(batch)
            self._pool.release(batch)
        self._pool.end_idle_threads()
        return self._save_ended()

    def _collect(self, batch: Batch) -> None:
        results = batch.collect()
        self._ended += [describe_end(task, error) for task, error in results]
        if results:
            seconds = (self._clock() - batch.paced_from) / len(results)
            batch.paced_from = self._clock()
            self._pace[batch.kind] = (self._pace.get(batch.kind, seconds) + seconds) / 2

    def _give_back(self, batch: Batch) -> None:
        self._ended += [Ended(task, "not begun") for task in batch.give_back()]

    def _give_up(self, batch: Batch) -> None:
        waiting = batch.give_back()
        # Without a task in hand, what hangs is what the handler has around them.
        hanging = batch.tasks_in_hand() or waiting
        error = TaskFailed(f"It did not end within {self._time_limit:g} seconds.")
        self._ended += [describe_end(task, error) for task in hanging]
        self._ended += [Ended(task, "not begun") for task in waiting if task not in hanging]
        self._pace.pop(batch.kind, None)
        self._running.remove(batch)
        self._hung.append(batch)
        if self._count(self._hung)[batch.kind] == MAX_HUNG:
            logger.error(
                "%s tasks of the kind %s hang: this worker runs no more of them until one ends. "
                "Restart it when the cause is fixed.",
                MAX_HUNG,
                batch.kind,
            )

    def _save_ended(self) -> Counter[str]:
        if not self._ended:
            return Counter()
        connection.close_if_unusable_or_obsolete()
        outcomes, self._ended = settle_tasks(self._ended)
        return outcomes

    def _claim(self, now: datetime) -> None:
        """Claim what the free threads can run soon, and start them."""
        threads = self._count_free_threads()
        limits = {kind: count * self._batch_size(kind) for kind, count in threads.items()}
        tasks_by_kind: dict[str, list[Task]] = defaultdict(list)
        for task in claims.claim(now, limits=limits, limit=_UNKNOWN_TASKS):
            tasks_by_kind[task.kind].append(task)
        for kind, tasks in tasks_by_kind.items():
            if kind in threads:
                self._start(kind, tasks, threads[kind])
            else:
                self._ended += [describe_end(task, run_handler(task)) for task in tasks]

    def _start(self, kind: str, tasks: Sequence[Task], threads: int) -> None:
        handler = conf.task_handlers()[kind]
        for share in _split(tasks, threads, size=self._batch_size(kind)):
            # Other kinds may have taken the extra threads since the claim.
            batch = Batch(kind, handler, share, clock=self._clock)
            if self._count_free_threads()[kind] and self._pool.start(batch):
                self._running.append(batch)
            else:
                self._give_back(batch)

    def _count_free_threads(self) -> dict[str, int]:
        """How many more threads each kind may have. One whose tasks hang has one at a time, or none."""
        running, hung = self._count(self._running), self._count(self._hung)
        extra = EXTRA_THREADS - sum(count - 1 for count in running.values())
        free = {}
        for kind, handler in conf.task_handlers().items():
            allowed = handler.threads if not hung[kind] else int(hung[kind] < MAX_HUNG)
            free[kind] = max(0, min(allowed - running[kind], extra + (running[kind] == 0)))
        return free

    def _batch_size(self, kind: str) -> int:
        """One until it is known how long a task takes."""
        seconds = self._pace.get(kind, _PACE_SECONDS)
        return max(1, min(conf.task_handlers()[kind].most, int(_PACE_SECONDS / max(seconds, 1e-6))))

    @staticmethod
    def _count(batches: Iterable[Batch]) -> Counter[str]:
        return Counter(batch.kind for batch in batches)


def _split(tasks: Sequence[Task], count: int, *, size: int) -> list[list[Task]]:
    """Up to `count` shares of about `size` tasks; those of one subject are in one, in their order."""
    groups: dict[object, list[Task]] = defaultdict(list)
    for task in tasks:
        groups[task.subject if task.subject != NO_SUBJECT else task.key].append(task)
    shares: list[list[Task]] = []
    for group in groups.values():
        if not shares or (len(shares[-1]) >= size and len(shares) < count):
            shares.append([])
        min(shares, key=len).extend(group)
    return shares
