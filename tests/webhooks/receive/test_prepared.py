"""Prepared statements over libpq: errors are psycopg's, and a pooler may lose what was prepared."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from hostapp.asgi import get_connection_parameters
from tests.processes import wait_until
from webhooks.receive.prepared import AsyncPreparedStatements, PreparedStatements
from webhooks.receive.record import Statement

pytestmark = pytest.mark.django_db(transaction=True)

SPLIT = "SELECT part FROM regexp_split_to_table(%s, ',') AS part"
CAST = "SELECT (%s::int)::text"


@pytest.fixture(autouse=True)
def restore_may_prepare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PreparedStatements, "may_prepare", True)


@pytest.fixture(params=["sync", "async"])
def run_all(request: pytest.FixtureRequest) -> Any:
    """Runs statements over one connection, in either class. Text without a parameter is only executed."""

    def run(*statements: str | Statement, seconds: float = 10) -> list[Any]:
        if request.param == "sync":
            return run_sync(statements)
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, run_async(statements, seconds)).result()

    return run


def run_sync(statements: Any) -> list[Any]:
    results: list[Any] = []
    with psycopg.connect(**get_connection_parameters(), autocommit=True) as connection:
        prepared = PreparedStatements(connection)
        for one in statements:
            try:
                results.append(
                    prepared.run(one) if isinstance(one, Statement) else connection.execute(one).statusmessage
                )
            except psycopg.Error as error:
                results.append(type(error))
    return results


async def run_async(statements: Any, seconds: float) -> list[Any]:
    results: list[Any] = []
    async with await psycopg.AsyncConnection.connect(
        **get_connection_parameters(), autocommit=True
    ) as connection:
        prepared = AsyncPreparedStatements(connection)
        for one in statements:
            try:
                if isinstance(one, Statement):
                    results.append(await prepared.run(one, seconds=seconds))
                else:
                    results.append((await connection.execute(one)).statusmessage)
            except (psycopg.Error, TimeoutError) as error:
                results.append(type(error))
    return results


def test_rows_are_the_values_of_the_column(run_all: Any) -> None:
    assert run_all(Statement(SPLIT, ["a,b,ß"]), Statement(SPLIT, ["c"])) == [["a", "b", "ß"], ["c"]]


def test_large_parameter_arrives_whole(run_all: Any) -> None:
    text = "x" * 8_000_000

    assert run_all(Statement("SELECT length(%s)::text", [text])) == [["8000000"]]


def test_error_is_psycopgs_and_the_connection_stays_usable(run_all: Any) -> None:
    results = run_all(Statement(CAST, ["no number"]), Statement(CAST, ["7"]))

    assert results == [psycopg.errors.InvalidTextRepresentation, ["7"]]
    assert PreparedStatements.may_prepare


def test_lost_prepared_statement_is_sent_whole_from_then_on(run_all: Any) -> None:
    results = run_all(
        Statement(CAST, ["1"]), "DEALLOCATE ALL", Statement(CAST, ["2"]), Statement(CAST, ["3"])
    )

    assert results == [["1"], "DEALLOCATE ALL", ["2"], ["3"]]
    assert not PreparedStatements.may_prepare


def test_server_that_ends_the_connection_raises_an_operational_error(run_all: Any) -> None:
    results = run_all(Statement("SELECT pg_terminate_backend(pg_backend_pid(), %s::int)::text", ["0"]))

    assert len(results) == 1
    assert issubclass(results[0], psycopg.OperationalError)


def test_statement_that_takes_too_long_is_cancelled() -> None:
    async def run() -> tuple[type[BaseException] | None, int]:
        async with await psycopg.AsyncConnection.connect(
            **get_connection_parameters(), autocommit=True
        ) as connection:
            pid = connection.info.backend_pid
            prepared = AsyncPreparedStatements(connection)
            try:
                await prepared.run(Statement("SELECT pg_sleep(%s::int)::text", ["60"]), seconds=0.1)
            except TimeoutError as error:
                return type(error), pid
            return None, pid

    with ThreadPoolExecutor(1) as thread:
        error, pid = thread.submit(asyncio.run, run()).result()

    assert error is TimeoutError

    def has_ended() -> bool:
        with psycopg.connect(**get_connection_parameters()) as other:
            query = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND state = 'active'"
            return other.execute(query, [pid]).fetchone() == (0,)

    wait_until(has_ended)


def test_answer_to_a_cancelled_statement_does_not_keep_the_event_loop_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[bool] = []
    monkeypatch.setattr("webhooks.receive.prepared._end", lambda ready: calls.append(ready.done()))
    cancel = psycopg.AsyncConnection.cancel_safe

    async def cancel_slowly(connection: Any, *, timeout: float) -> None:
        await cancel(connection, timeout=timeout)
        # The answer to the cancelled statement arrives meanwhile.
        await asyncio.sleep(0.1)

    monkeypatch.setattr(psycopg.AsyncConnection, "cancel_safe", cancel_slowly)

    async def run() -> None:
        async with await psycopg.AsyncConnection.connect(
            **get_connection_parameters(), autocommit=True
        ) as connection:
            prepared = AsyncPreparedStatements(connection)
            with pytest.raises(TimeoutError):
                await prepared.run(Statement("SELECT pg_sleep(%s::int)::text", ["60"]), seconds=0.1)

    PreparedStatements.may_prepare = False
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result()

    assert calls == []
