"""Wake the workers from Django: from the view, catch-up, replay and retry.

The ASGI receiver does it itself (`receive.batches`).
"""

import logging
import threading
import time
from typing import Any

import psycopg
from django.db import DatabaseError, InterfaceError, connection, transaction

from outbox.listener import find_default_parameters
from webhooks.receive.wake_ups import NOTIFY, WakeUps

logger = logging.getLogger(__name__)

# Seconds for which the thread of late notifications keeps its connection.
_LINGER = 0.1
# The name of that thread.
LATE = "Late notifications"


class Notifier:
    """Sends the notifications of a process: on the caller's connection, or soon after in a thread."""

    def __init__(self) -> None:
        self._wake_ups = WakeUps()
        self._changed = threading.Condition()
        self._has_thread = False

    def notify(self) -> None:
        with self._changed:
            self._wake_ups.request()
            is_due = self._wake_ups.take(time.monotonic())
            needs_thread = not (is_due or self._has_thread)
            self._has_thread |= needs_thread
            self._changed.notify()
        if is_due:
            _send()
        elif needs_thread:
            self._start_thread()

    def _start_thread(self) -> None:
        # No daemon: a command that ends now sends its last notification first.
        parameters = find_default_parameters()
        thread = threading.Thread(target=self._send_late, args=(parameters,), name=LATE)
        try:
            thread.start()
        except RuntimeError as error:
            # The process has as many threads as it may. What is committed must not look like a failure.
            self._give_up(error)

    def _send_late(self, parameters: dict[str, Any]) -> None:
        """Send what is requested when it is due, until nothing has been requested for a while."""
        try:
            with psycopg.connect(**parameters, autocommit=True) as late:
                while self._wait_until_due():
                    late.execute(NOTIFY)
        except (psycopg.Error, OSError) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """There is no thread: the next request starts one."""
        _log(error)
        with self._changed:
            self._has_thread = False

    def _wait_until_due(self) -> bool:
        """True when a notification is to be sent. False when the thread is to end."""
        with self._changed:
            while True:
                if self._wake_ups.take(time.monotonic()):
                    return True
                seconds = self._wake_ups.seconds_until_due(time.monotonic())
                if seconds is not None:
                    self._changed.wait(seconds)
                elif not (self._changed.wait(_LINGER) or self._wake_ups.is_requested):
                    # Nor did a request come between the end of the wait and the lock.
                    self._has_thread = False
                    return False


_notifier = Notifier()


def wake_workers_after_commit() -> None:
    """Wake the workers when the transaction is committed, if there is one: events have become due."""
    transaction.on_commit(_notifier.notify)


def _send() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(NOTIFY)
    except (DatabaseError, InterfaceError) as error:
        _log(error)


def _log(error: Exception) -> None:
    # What is recorded stays recorded: the workers' next look finds it.
    logger.warning("The workers were not notified: %s", type(error).__name__)
