"""Run one statement many times over a psycopg connection, prepared, with libpq's own functions.

For a statement of one text parameter that takes PostgreSQL a third of a millisecond, a cursor costs as much
again, and planning the statement anew costs more than that.

A pooler that lends a server's connection for one transaction may not have the prepared statement on the next
one. The server then says so and has done nothing: from there on the statement is sent whole each time.
"""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import errors, pq

from webhooks.receive.record import Statement

AsyncConnection = psycopg.AsyncConnection[tuple[object, ...]]

# No such prepared statement, and one of this name exists already.
_NOT_PREPARED = (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement)
_CANCEL_SECONDS = 1


class PreparedStatements:
    """Runs statements with one parameter, a text, that return rows of one text column."""

    # Until a pooler shows that it cannot. Of all connections of the process.
    may_prepare = True

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._pgconn = connection.pgconn
        self._names: dict[str, bytes] = {}

    def run(self, statement: Statement) -> list[str]:
        """Run it and return the column. Raises psycopg.Error."""
        sql, values = _encode(statement)
        if self.may_prepare:
            with suppress(*_NOT_PREPARED):
                if statement.sql not in self._names:
                    name = _choose_name()
                    _check(self._pgconn.prepare(name, sql))
                    self._names[statement.sql] = name
                return _read_column(self._pgconn.exec_prepared(self._names[statement.sql], values))
            PreparedStatements.may_prepare = False
        return _read_column(self._pgconn.exec_params(sql, values))


class AsyncPreparedStatements:
    """The same in an event loop. Between two statements the connection may be used as any other."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._names: dict[str, bytes] = {}

    async def run(self, statement: Statement, *, seconds: float) -> list[str]:
        """Run it and return the column. Raises psycopg.Error and TimeoutError.

        Before a TimeoutError the statement is cancelled, and the connection is closed.
        """
        sql, values = _encode(statement)
        deadline = self._loop.time() + seconds
        if PreparedStatements.may_prepare:
            with suppress(*_NOT_PREPARED):
                if statement.sql not in self._names:
                    name = _choose_name()
                    await self._send(deadline, self._pgconn.send_prepare, name, sql)
                    self._names[statement.sql] = name
                name = self._names[statement.sql]
                return _read_column(
                    await self._send(deadline, self._pgconn.send_query_prepared, name, values)
                )
            PreparedStatements.may_prepare = False
        return _read_column(await self._send(deadline, self._pgconn.send_query_params, sql, values))

    async def _send(self, deadline: float, send: Callable[..., None], *arguments: Any) -> pq.abc.PGresult:
        pgconn = self._pgconn
        pgconn.nonblocking = 1
        try:
            send(*arguments)
            while pgconn.flush():
                await self._wait(deadline, also_to_write=True)
                pgconn.consume_input()
            result = None
            while True:
                while pgconn.is_busy():
                    await self._wait(deadline)
                    pgconn.consume_input()
                following = pgconn.get_result()
                if following is None:
                    break
                result = following
        except TimeoutError:
            await self._abandon()
            raise
        finally:
            if pgconn.status == pq.ConnStatus.OK:
                pgconn.nonblocking = 0
        if result is None:
            raise psycopg.OperationalError("the server sent no result")
        return _check(result)

    async def _wait(self, deadline: float, *, also_to_write: bool = False) -> None:
        ready = self._loop.create_future()
        socket = self._pgconn.socket
        timer = self._loop.call_at(deadline, _fail_late, ready)
        self._loop.add_reader(socket, _end, ready)
        if also_to_write:
            self._loop.add_writer(socket, _end, ready)
        try:
            await ready
        finally:
            timer.cancel()
            self._loop.remove_reader(socket)
            if also_to_write:
                self._loop.remove_writer(socket)

    async def _abandon(self) -> None:
        with suppress(psycopg.Error, OSError):
            await self._connection.cancel_safe(timeout=_CANCEL_SECONDS)
        await self._connection.close()


def _encode(statement: Statement) -> tuple[bytes, list[bytes]]:
    (text,) = statement.parameters
    return statement.sql.replace("%s", "$1").encode(), [text.encode()]


def _choose_name() -> bytes:
    # Behind a pooler, other processes prepare theirs on the same server's connection.
    return f"record_{secrets.token_hex(8)}".encode()


def _end(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


def _fail_late(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_exception(TimeoutError())


def _check(result: pq.abc.PGresult) -> pq.abc.PGresult:
    """The result, unless it is an error: then psycopg's error of this kind is raised."""
    if result.status in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
        return result
    sqlstate = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
    try:
        kind = errors.lookup(sqlstate)
    except KeyError:
        kind = psycopg.OperationalError
    raise kind(result.error_message.decode(errors="replace"))


def _read_column(result: pq.abc.PGresult) -> list[str]:
    _check(result)
    return [(result.get_value(row, 0) or b"").decode() for row in range(result.ntuples)]
