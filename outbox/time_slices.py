"""Long work in pieces: a task ends in time, and the rest of its work is enqueued."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from outbox import queue
from outbox.models import Task

# Well below claims.LEASE: another worker must not claim a task that still runs.
_SECONDS = 120.0


@contextmanager
def work_for_a_while(task: Task, now: datetime) -> Iterator[threading.Event]:
    """The event is set when the time is over; then end soon. The task is enqueued again if it was set."""
    stop = threading.Event()
    timer = threading.Timer(_SECONDS, stop.set)
    timer.daemon = True
    timer.start()
    try:
        yield stop
    finally:
        timer.cancel()
    if stop.is_set():
        queue.enqueue(task.kind, task.subject, key=task.key, due_at=now)
