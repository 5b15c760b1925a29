"""Record deliveries in batches: a batch is what has arrived while the one before was being committed.

A delivery that finds no commit under way is sent at once. Others wait, and the next free connection takes all
of them in one statement and one commit; a second connection commits beside the first if enough wait for it.
So a batch grows with the load, and a delivery waits for one commit, or two. Knows psycopg, and no framework.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import psycopg

from webhooks.receive.accept import Delivery, NotAnEvent
from webhooks.receive.metrics import QUEUE_SHARE
from webhooks.receive.prepared import AsyncPreparedStatements
from webhooks.receive.record import (
    IgnoredSecretUses,
    Statement,
    build_insert,
    build_secret_uses,
    build_unreadable_inserts,
    is_handled,
    normalize,
)
from webhooks.receive.waiting import QueueFull, Unavailable, Unstorable, Waiting
from webhooks.receive.wake_ups import NOTIFY, WakeUps

logger = logging.getLogger(__name__)

Connection = psycopg.AsyncConnection[tuple[object, ...]]
# Opens a connection in autocommit mode.
Connect = Callable[[], Awaitable[Connection]]

_FLUSHERS = 2
# Deliveries that are worth a second commit beside one that is under way. Fewer wait for its end, so that few
# senders do not cause a commit each; but no longer than this, because it may hang.
_WORTH_A_COMMIT = 8
_PATIENCE_SECONDS = 0.05
_MAX_BATCH = 100
_MAX_BATCH_CHARACTERS = 4 * 1024 * 1024
# Of all that wait. A queue this long means that the database takes seconds for what arrives in one.
MAX_WAITING = 1000
_MAX_WAITING_CHARACTERS = 32 * 1024 * 1024
# In which a batch must be committed. A lock or a silent network holds it up.
_COMMIT_SECONDS = 10
# Between two attempts to connect to a database that is away. Until one succeeds, deliveries fail at once.
_RECONNECT_SECONDS = 0.25
# The statement was sound, and another transaction was in the way.
_TRANSIENT = {"40001", "40P01"}
# It is the event's fault, and the next attempt would fail, too.
_UNSTORABLE = (psycopg.DataError, psycopg.IntegrityError, ValueError)


class _Link:
    """A connection with its prepared statements."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.prepared = AsyncPreparedStatements(connection)

    async def close(self) -> None:
        with suppress(psycopg.Error, OSError):
            await self.connection.close()


class BatchRecorder:
    """Records deliveries over a few connections. Used in one event loop."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._waiting: deque[Waiting] = deque()
        self._waiting_size = 0
        # Of flushers that have nothing to do.
        self._idle: deque[asyncio.Future[None]] = deque()
        self._is_away = False
        self._is_stopping = False
        self._flushers: list[asyncio.Task[None]] = []
        self._secret_uses = IgnoredSecretUses()
        self._wake_ups = WakeUps()
        self._late_wake_up: asyncio.TimerHandle | None = None
        self._impatience: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Connect. Returns when that has succeeded or failed."""
        attempts = [asyncio.get_running_loop().create_future() for _ in range(_FLUSHERS)]
        self._flushers = [asyncio.create_task(self._flush(attempt)) for attempt in attempts]
        await asyncio.wait(attempts)

    async def stop(self, *, seconds: float = 1) -> None:
        """Record what waits, for at most this long, and disconnect."""
        self._is_stopping = True
        while self._idle:
            self._wake_one()
        _, late = await asyncio.wait(self._flushers, timeout=seconds)
        for flusher in late:
            flusher.cancel()
        if late:
            await asyncio.wait(late, timeout=seconds)
        self._fail_waiting(Unavailable("stopped"))

    @property
    def is_ready(self) -> bool:
        return not (self._is_away or self._is_stopping)

    async def record(self, delivery: Delivery | NotAnEvent, received_at: datetime) -> None:
        """Return when it is committed. Raises Unavailable, QueueFull and (for a Delivery) Unstorable."""
        if self._is_away or self._is_stopping:
            raise Unavailable("away" if self._is_away else "stopped")
        QUEUE_SHARE.observe(
            max(len(self._waiting) / MAX_WAITING, self._waiting_size / _MAX_WAITING_CHARACTERS)
        )
        waiting = Waiting(delivery, received_at, asyncio.get_running_loop().create_future())
        if len(self._waiting) >= MAX_WAITING or self._waiting_size + waiting.size > _MAX_WAITING_CHARACTERS:
            raise QueueFull("the queue is full")
        self._waiting.append(waiting)
        self._waiting_size += waiting.size
        if self._idle:
            self._begin_commit()
        await waiting.recorded

    def _begin_commit(self) -> None:
        """Have an idle flusher commit what waits, if that is worth it, or else soon."""
        if len(self._idle) == _FLUSHERS or len(self._waiting) >= _WORTH_A_COMMIT:
            self._wake_one()
        elif self._impatience is None:
            loop = asyncio.get_running_loop()
            self._impatience = loop.call_later(_PATIENCE_SECONDS, self._end_patience)

    def _end_patience(self) -> None:
        self._impatience = None
        if self._waiting and self._idle:
            self._wake_one()

    def _wake_one(self) -> None:
        idle = self._idle.popleft()
        if not idle.done():
            idle.set_result(None)

    def _take_batch(self) -> list[Waiting]:
        batch: list[Waiting] = []
        size = 0
        while self._waiting and len(batch) < _MAX_BATCH:
            size += self._waiting[0].size
            if batch and size > _MAX_BATCH_CHARACTERS:
                break
            taken = self._waiting.popleft()
            self._waiting_size -= taken.size
            batch.append(taken)
        return batch

    def _fail_waiting(self, error: Exception) -> None:
        while batch := self._take_batch():
            for waiting in batch:
                waiting.fail(error)

    async def _flush(self, attempt: "asyncio.Future[None]") -> None:
        """Commit batches over one connection. `attempt` ends when it has been tried to connect."""
        link: _Link | None = None
        try:
            link = await self._open(attempt)
            while True:
                batch = self._take_batch()
                if batch:
                    try:
                        link = await self._commit(link, batch)
                    except Unavailable as error:
                        # Those that wait would wait for the same.
                        for waiting in batch:
                            waiting.fail(error)
                        self._fail_waiting(error)
                        await link.close()
                        link = await self._open()
                await self._wake_workers(link)
                # Something may have arrived while the notification was sent, and found no idle flusher.
                if batch or self._waiting:
                    continue
                if self._is_stopping:
                    # What is not due yet is sent now: there is no later.
                    now = asyncio.get_running_loop().time()
                    await asyncio.sleep(self._wake_ups.seconds_until_due(now) or 0)
                    await self._wake_workers(link)
                    return
                idle = asyncio.get_running_loop().create_future()
                self._idle.append(idle)
                await idle
        finally:
            if not attempt.done():
                attempt.set_result(None)
            if link is not None:
                await link.close()

    async def _wake_workers(self, link: _Link) -> None:
        """Notify the workers if that is due, or have an idle flusher do it when it is."""
        loop = asyncio.get_running_loop()
        if self._wake_ups.take(loop.time()):
            try:
                await _run_in_time(_notify(link.connection))
            except (psycopg.Error, OSError, TimeoutError):
                # Workers look by themselves, too. The next batch replaces the connection.
                await link.close()
        seconds = self._wake_ups.seconds_until_due(loop.time())
        if seconds is not None and self._late_wake_up is None:
            self._late_wake_up = loop.call_later(seconds, self._send_late_wake_up)

    def _send_late_wake_up(self) -> None:
        self._late_wake_up = None
        # Without an idle one, a busy one does it after its commit.
        if self._idle:
            self._wake_one()

    async def _open(self, attempt: "asyncio.Future[None] | None" = None) -> _Link:
        """Connect, however long it takes."""
        while True:
            try:
                connection = await self._connect()
            # Also that of a process that cannot start a thread: a flusher never ends.
            except Exception as error:
                if not self._is_away:
                    logger.error(
                        "The database is away, so webhooks are answered 503: %s", type(error).__name__
                    )
                self._is_away = True
                self._fail_waiting(Unavailable(type(error).__name__))
                if attempt and not attempt.done():
                    attempt.set_result(None)
                await asyncio.sleep(_RECONNECT_SECONDS)
            else:
                self._is_away = False
                if attempt and not attempt.done():
                    attempt.set_result(None)
                return _Link(connection)

    async def _commit(self, link: _Link, batch: list[Waiting]) -> _Link:
        """Commit a batch and end its futures. Returns the connection that is to be used next.

        Raises Unavailable. Each statement may be sent twice: a connection that has died since its last use is
        replaced once.
        """
        try:
            await self._commit_all(link, batch)
        except TimeoutError as error:
            raise Unavailable(type(error).__name__) from error
        except Exception as error:
            if not (link.connection.closed or getattr(error, "sqlstate", None) in _TRANSIENT):
                raise Unavailable(type(error).__name__) from error
        else:
            return link
        await link.close()
        try:
            link = _Link(await self._connect())
            await self._commit_all(link, batch)
        except Exception as error:
            await link.close()
            raise Unavailable(type(error).__name__) from error
        return link

    async def _commit_all(self, link: _Link, batch: list[Waiting]) -> None:
        events = [(one, one.delivery) for one in batch if isinstance(one.delivery, Delivery)]
        if events:
            await self._commit_events(link, events)
        for one in batch:
            if isinstance(one.delivery, NotAnEvent) and not one.recorded.done():
                statements = build_unreadable_inserts(one.delivery, received_at=one.received_at)
                await _run_in_time(_execute(link.connection, statements))
                one.succeed()

    async def _commit_events(self, link: _Link, events: Sequence[tuple[Waiting, Delivery]]) -> None:
        deliveries = [(delivery, one.received_at) for one, delivery in events]
        try:
            await link.prepared.run(build_insert(deliveries), seconds=_COMMIT_SECONDS)
        except _UNSTORABLE:
            # One of them cannot be stored. Nothing of this batch is.
            for one, delivery in events:
                await _commit_alone(link, one, delivery)
        else:
            for one, _ in events:
                one.succeed()
        if any(is_handled(delivery) for delivery, _ in deliveries):
            self._wake_ups.request()
        if due := self._secret_uses.take_due(deliveries):
            await _run_in_time(_execute(link.connection, build_secret_uses(due)))


async def _commit_alone(link: _Link, one: Waiting, delivery: Delivery) -> None:
    statement = build_insert([(normalize(delivery), one.received_at)])
    try:
        await link.prepared.run(statement, seconds=_COMMIT_SECONDS)
    except _UNSTORABLE as error:
        one.fail(Unstorable(next(kind.__name__ for kind in _UNSTORABLE if isinstance(error, kind))))
    else:
        one.succeed()


async def _execute(connection: Connection, statements: Sequence[Statement]) -> None:
    """Execute statements in one transaction."""
    async with connection.transaction():
        for statement in statements:
            await connection.execute(statement.sql, statement.parameters)


async def _notify(connection: Connection) -> None:
    await connection.execute(NOTIFY)


async def _run_in_time(work: Coroutine[Any, Any, None]) -> None:
    """Raises TimeoutError. Then the connection is of no more use."""
    running = asyncio.ensure_future(work)
    done, _ = await asyncio.wait([running], timeout=_COMMIT_SECONDS)
    if not done:
        running.cancel()
        # psycopg tells the server, which takes as long as it takes. Nobody waits for it.
        running.add_done_callback(lambda task: task.cancelled() or task.exception())
        raise TimeoutError
    await running
