"""Listen for notifications of the database, so that a step begins as soon as there is work for it.

A connection behind a pooler in transaction mode gets no notifications. So the listener sends itself one over
the connection of everyone else; if it does not arrive, the worker looks for work more often instead.
"""

import logging
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import DatabaseError, InterfaceError, connection

from outbox import conf
from outbox.failures import name_error

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1
# In which the listener's own notification must arrive, and after which it tries again if it did not.
_TEST_SECONDS = 5
_TEST_AGAIN_SECONDS = 60
# How soon it sees that the worker stops.
_STOP_SECONDS = 0.3
# Of silence, after which it looks whether the connection is still there.
_SILENCE_SECONDS = 30
# By which the connection is found in pg_stat_activity.
APPLICATION_NAME = "worker: listen"
# Arguments that are for Django's own kind of connection.
_DJANGO_ONLY = {"context", "cursor_factory", "prepare_threshold"}


class NotListening(Exception):
    """The listener's own notification did not arrive."""


class Listener:
    """Sets an event for each notification on its channel. `is_listening` is true while that works."""

    def __init__(self, woken: Mapping[str, threading.Event], stop: threading.Event) -> None:
        """`woken`: what to set, by channel."""
        self._woken = woken
        self._stop = stop
        self.is_listening = False
        # What was logged last: the same is not logged again.
        self._problem = ""

    def run(self) -> None:
        """Listen until `stop` is set, and connect again whenever that is necessary."""
        while not self._stop.is_set():
            wait = float(_RETRY_SECONDS)
            try:
                parameters = conf.listen_parameters() or find_default_parameters()
                parameters = {**parameters, "application_name": APPLICATION_NAME}
                with psycopg.connect(**parameters, autocommit=True) as listening:
                    self._listen(listening)
            except NotListening:
                wait = _TEST_AGAIN_SECONDS
                self._log(
                    "No notification arrives at this worker, so it looks for events at intervals. Behind a "
                    "pooler in transaction mode, set DATABASE_LISTEN_URL to a direct connection."
                )
            except (psycopg.Error, DatabaseError, InterfaceError, OSError) as error:
                self._log(f"Not listening for events: {name_error(error)}. This worker looks at intervals.")
            finally:
                self._set_listening(is_listening=False)
                connection.close()
            self._stop.wait(wait)

    def _log(self, problem: str) -> None:
        if problem != self._problem:
            logger.warning(problem)
        self._problem = problem

    def _set_listening(self, *, is_listening: bool) -> None:
        self.is_listening = is_listening
        # What was notified before is found by looking; and the steps learn how long they may wait.
        for event in self._woken.values():
            event.set()

    def _listen(self, listening: "psycopg.Connection[Any]") -> None:
        for channel in self._woken:
            listening.execute(f"LISTEN {channel}")
        self._test(listening)
        if self._problem:
            logger.info("Listening for events")
            self._problem = ""
        self._set_listening(is_listening=True)
        heard_at = time.monotonic()
        while not self._stop.is_set():
            for notification in listening.notifies(timeout=_STOP_SECONDS):
                heard_at = time.monotonic()
                if event := self._woken.get(notification.channel):
                    event.set()
                if self._stop.is_set():
                    break
            if time.monotonic() - heard_at > _SILENCE_SECONDS:
                listening.execute("SELECT 1")
                heard_at = time.monotonic()

    def _test(self, listening: "psycopg.Connection[Any]") -> None:
        """Raise NotListening unless a notification of another connection arrives."""
        token = uuid.uuid4().hex
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [next(iter(self._woken)), token])
        connection.close()
        deadline = time.monotonic() + _TEST_SECONDS
        while (left := deadline - time.monotonic()) > 0 and not self._stop.is_set():
            for notification in listening.notifies(timeout=min(left, _STOP_SECONDS)):
                if notification.payload == token:
                    return
        if not self._stop.is_set():
            raise NotListening


def find_default_parameters() -> dict[str, Any]:
    """psycopg's arguments for a connection to the default database without Django."""
    parameters = connection.get_connection_params()
    return {name: value for name, value in parameters.items() if name not in _DJANGO_ONLY}
