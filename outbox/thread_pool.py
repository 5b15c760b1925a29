"""Threads that run batches of tasks, each with a database connection that it keeps for its next batch.

Nothing that a handler leaves behind reaches the next task: a connection on which a task failed, or left a
transaction open, is closed, and the session of any other is reset after each batch.
"""

import contextvars
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from psycopg.pq import TransactionStatus

from outbox.failures import name_error
from outbox.handlers import TaskHandler
from outbox.models import Task
from outbox.runner import run_handler
from telemetry.context import LIMITED

logger = logging.getLogger(__name__)

# A batch begins no task later than this after its start: another thread takes those that are left.
BATCH_SECONDS = 1.0
# An idle thread ends after this, and its connection with it.
_IDLE_SECONDS = 30.0


class Batch:
    """Tasks of one kind that one thread runs. The worker looks at them while the thread does."""

    def __init__(
        self,
        kind: str,
        handler: TaskHandler,
        tasks: Sequence[Task],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.kind = kind
        self.handler = handler
        self.started = self._may_begin_from = self.paced_from = clock()
        self.has_ended = False
        self._has_begun = False
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting = list(tasks)
        self._in_hand: list[Task] = []
        self._results: list[tuple[Task, BaseException | None]] = []

    def take(self, count: int) -> list[Task]:
        """Begin up to `count` tasks; none once the batch has taken BATCH_SECONDS, but at least its first."""
        with self._lock:
            if self._is_slow():
                return []
            self._has_begun = True
            self._in_hand = self._waiting[:count]
            del self._waiting[:count]
            return list(self._in_hand)

    def put_back(self) -> None:
        """The tasks in hand were not done: begin them again."""
        with self._lock:
            self._waiting = [*self._in_hand, *self._waiting]
            self._in_hand = []
            self._has_begun = False
            self._may_begin_from = self._clock()

    def record(self, tasks: Sequence[Task], error: BaseException | None) -> None:
        with self._lock:
            self._results += [(task, error) for task in tasks]
            self._in_hand = []

    def collect(self) -> list[tuple[Task, BaseException | None]]:
        """The tasks that have run since the last call, and what each raised."""
        with self._lock:
            results, self._results = self._results, []
            return results

    def give_back(self) -> list[Task]:
        """The tasks that are not begun. The thread no longer runs them."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            return waiting

    def tasks_in_hand(self) -> list[Task]:
        with self._lock:
            return list(self._in_hand)

    def is_slow(self) -> bool:
        with self._lock:
            return self._is_slow()

    def _is_slow(self) -> bool:
        return self._has_begun and self._clock() - self._may_begin_from > BATCH_SECONDS


class ThreadPool:
    """The task threads of a process. One thread calls its methods."""

    def __init__(self, *, on_end: Callable[[], object], idle_seconds: float = _IDLE_SECONDS) -> None:
        self._on_end = on_end
        self._idle_seconds = idle_seconds
        self._idle: list[tuple[_TaskThread, float]] = []
        self._busy: dict[Batch, _TaskThread] = {}

    def start(self, batch: Batch) -> bool:
        """False if there is no thread for it: the process has as many as it may."""
        thread = self._idle.pop()[0] if self._idle else None
        if thread is None:
            thread = _TaskThread(self._on_end)
            try:
                thread.start()
            except RuntimeError as error:
                logger.error(
                    "Tasks of the kind %s wait for a thread: %s", batch.kind, name_error(error), extra=LIMITED
                )
                return False
        self._busy[batch] = thread
        thread.batches.put(batch)
        return True

    def release(self, batch: Batch) -> None:
        """The batch has ended: its thread is free."""
        self._idle.append((self._busy.pop(batch), time.monotonic()))

    def end_idle_threads(self, *, at_once: bool = False) -> None:
        # The last one that became idle is the first to work again.
        while self._idle and (at_once or time.monotonic() - self._idle[0][1] > self._idle_seconds):
            self._idle.pop(0)[0].batches.put(None)


class _TaskThread(threading.Thread):
    def __init__(self, on_end: Callable[[], object]) -> None:
        # A daemon, so that one that hangs does not keep the process alive.
        super().__init__(name="Idle task thread", daemon=True)
        self.batches: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._on_end = on_end

    def run(self) -> None:
        while (batch := self.batches.get()) is not None:
            self.name = f"Task {batch.kind}"
            try:
                for connection in connections.all(initialized_only=True):
                    # It may have been closed, or grown old, since the last batch.
                    connection.close_if_unusable_or_obsolete()
                run_batch(batch)
                _reset_sessions()
            except BaseException as error:  # also SystemExit: the thread goes on
                logger.error("Tasks of the kind %s: %s", batch.kind, name_error(error))
                _drop_connections()
            finally:
                self.name = "Idle task thread"
                batch.has_ended = True
                self._on_end()
        _drop_connections()


def run_batch(batch: Batch) -> None:
    """Run the tasks of a batch and record what each raised."""
    try:
        with batch.handler.around():
            if not _run_together(batch):
                _run_one_by_one(batch)
    except BaseException as error:  # from `around`
        batch.put_back()
        while tasks := batch.take(1):
            batch.record(tasks, error)
        raise


def _run_together(batch: Batch) -> bool:
    """Run all tasks in one call. Returns False if that is not possible, or raised: then nothing is done."""
    run_all = batch.handler.run_all
    if run_all is None:
        return False
    tasks = batch.take(batch.handler.most)
    try:
        # A language or a time zone that it activates, and does not deactivate, ends with it.
        contextvars.copy_context().run(run_all, tasks, timezone.now())
    except BaseException as error:  # as in run_handler
        logger.warning("%s tasks (%s) run one by one: %s", len(tasks), batch.kind, name_error(error))
        _drop_connections()
        batch.put_back()
        return False
    if _has_leftovers():
        _drop_connections()
    batch.record(tasks, None)
    return True


def _run_one_by_one(batch: Batch) -> None:
    while tasks := batch.take(1):
        error = run_handler(tasks[0])
        if error is not None or _has_leftovers():
            _drop_connections()
        batch.record(tasks, error)


def _has_leftovers() -> bool:
    return any(_is_in_transaction(connection) for connection in connections.all(initialized_only=True))


def _is_in_transaction(connection: BaseDatabaseWrapper) -> bool:
    if connection.connection is None:
        return bool(connection.in_atomic_block)
    return bool(
        connection.in_atomic_block
        or not connection.autocommit
        or connection.connection.info.transaction_status != TransactionStatus.IDLE
    )


def _reset_sessions() -> None:
    """Forget settings, locks, temporary tables and what else a handler left in its session."""
    for connection in connections.all(initialized_only=True):
        if connection.connection is not None:
            with connection.cursor() as cursor:
                cursor.execute("DISCARD ALL")
            # Django's own settings, such as the time zone.
            connection.init_connection_state()


def _drop_connections() -> None:
    """Close the thread's connections. The next query makes new ones, which know nothing of a transaction."""
    for connection in connections.all(initialized_only=True):
        try:
            connection.close()
        except Exception as error:
            logger.error("A database connection could not be closed: %s", name_error(error))
        finally:
            del connections[connection.alias]
