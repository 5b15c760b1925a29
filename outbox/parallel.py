"""Do work on many things in a few threads."""

import queue
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

from django.db import connections

ItemT = TypeVar("ItemT")

# How long the work in hand may take once it is stopped. It must be safe to end it at any moment.
_STOP_SECONDS = 10.0


def work_in_threads(
    items: Iterable[ItemT], work: Callable[[ItemT], object], *, threads: int, stop: threading.Event
) -> None:
    """Call `work` once for each item, in up to `threads` threads; with one, in the caller's.

    Once `stop` is set, no further item is begun. An exception stops the others, too, and is raised here.
    Ctrl-C sets `stop`, waits a little for the work in hand, and is raised.
    """
    waiting: queue.SimpleQueue[ItemT] = queue.SimpleQueue()
    for item in items:
        waiting.put(item)
    errors: list[BaseException] = []

    def work_on_waiting() -> None:
        try:
            while not stop.is_set():
                work(waiting.get_nowait())
        except queue.Empty:
            return

    def run_thread() -> None:
        try:
            work_on_waiting()
        except BaseException as error:
            errors.append(error)
            stop.set()
        finally:
            connections.close_all()

    count = min(threads, waiting.qsize())
    if count <= 1:
        work_on_waiting()
        return
    # Daemons, so that one that waits for WorkOS does not keep the process alive.
    running = [threading.Thread(target=run_thread, daemon=True) for _ in range(count)]
    for thread in running:
        thread.start()
    try:
        for thread in running:
            thread.join()
    except KeyboardInterrupt:
        stop.set()
        for thread in running:
            thread.join(_STOP_SECONDS / count)
        raise
    if errors:
        raise errors[0]
