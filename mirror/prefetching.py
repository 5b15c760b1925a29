"""Read ahead in a thread, so that writing and the network do not wait for each other."""

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

ItemT = TypeVar("ItemT")

_POLL_SECONDS = 0.5
_END = object()


def prefetch(items: Iterator[ItemT], *, ahead: int) -> Iterator[ItemT]:
    """The same items, up to `ahead` of them read before they are wanted. Errors are raised here.

    `items` must not use the database: its thread has no connection. It ends soon after the last use.
    """
    fetched: queue.Queue[object] = queue.Queue(ahead)
    is_unwanted = threading.Event()

    def put(item: object) -> None:
        while not is_unwanted.is_set():
            try:
                fetched.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return

    def fetch() -> None:
        end: object = _END
        try:
            for item in items:
                put(item)
                if is_unwanted.is_set():
                    return
        except BaseException as error:
            end = error
        put(end)

    threading.Thread(target=fetch, daemon=True).start()
    try:
        while (item := fetched.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield item  # type: ignore[misc]
    finally:
        is_unwanted.set()
