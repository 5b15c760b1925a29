"""Task handlers that fail in every way that Python knows, for `tests.outbox.test_failures`."""

import sys
import threading
from collections.abc import Callable
from datetime import datetime

from django.db import (
    DatabaseError,
    DataError,
    InterfaceError,
    InternalError,
    OperationalError,
    connection,
    transaction,
)

from outbox.handlers import TaskFailed
from outbox.models import Task


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


class ExitsWhenPrintedError(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class NumberForWordsError(Exception):
    def __str__(self) -> str:
        return 7  # type: ignore[return-value]  # noqa: PLE0307


class StrictText(str):
    def __getitem__(self, key: object) -> str:
        raise RuntimeError("not to be cut")


class TextSubclassError(Exception):
    def __str__(self) -> str:
        return StrictText("a text of its own class")


def _raise(error: BaseException) -> Callable[[Task, datetime], None]:
    def run(task: Task, now: datetime) -> None:
        raise error

    return run


def _recurse(task: Task, now: datetime) -> None:
    _recurse(task, now)


def _divide(task: Task, now: datetime) -> None:
    print(1 / 0)


def _break_a_transaction(task: Task, now: datetime) -> None:
    """Leave a transaction open in which a statement failed."""
    transaction.atomic().__enter__()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")


def _leave_a_transaction_open(task: Task, now: datetime) -> None:
    transaction.atomic().__enter__()
    raise RuntimeError("left open")


def _close_the_connection(task: Task, now: datetime) -> None:
    connection.ensure_connection()
    connection.connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _end_the_server_process(task: Task, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def _write_in_a_read_only_transaction(task: Task, now: datetime) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute("DELETE FROM outbox_task")


HANGS_UNTIL = threading.Event()


def hang(task: Task, now: datetime) -> None:
    HANGS_UNTIL.wait(60)


FAILURES: dict[str, Callable[[Task, datetime], None]] = {
    "NUL": _raise(ValueError("a\0b")),
    "half a surrogate pair": _raise(ValueError("a\ud800b")),
    "SystemExit": _raise(SystemExit(1)),
    "sys.exit": lambda task, now: sys.exit("bye"),
    "KeyboardInterrupt": _raise(KeyboardInterrupt()),
    "GeneratorExit": _raise(GeneratorExit()),
    "BaseException": _raise(BaseException("base")),
    "unprintable": _raise(UnprintableError()),
    "exits when printed": _raise(ExitsWhenPrintedError()),
    "a number for words": _raise(NumberForWordsError()),
    "text of another class": _raise(TextSubclassError()),
    "long": _raise(ValueError("x" * 5_000_000)),
    "group": _raise(ExceptionGroup("many", [ValueError("a\0b"), KeyError("id")])),
    "recursion": _recurse,
    "memory": _raise(MemoryError()),
    "division": _divide,
    "StopIteration": _raise(StopIteration()),
    "assertion": _raise(AssertionError()),
    "TaskFailed with NUL": _raise(TaskFailed("a\0\udfffb")),
    "retry after NaN": _raise(TaskFailed("later", retry_after=float("nan"))),
    "retry after infinity": _raise(TaskFailed("later", retry_after=float("inf"))),
    "retry after a negative time": _raise(TaskFailed("later", retry_after=-1e300)),
    "retry after words": _raise(TaskFailed("later", retry_after="soon")),  # type: ignore[arg-type]
    "OperationalError": _raise(OperationalError("another database is away")),
    "InterfaceError": _raise(InterfaceError("closed")),
    "InternalError": _raise(InternalError("read-only")),
    "DataError": _raise(DataError("too long")),
    "DatabaseError": _raise(DatabaseError("broken")),
    "broken transaction": _break_a_transaction,
    "open transaction": _leave_a_transaction_open,
    "closed connection": _close_the_connection,
    "ended server process": _end_the_server_process,
    "read-only transaction": _write_in_a_read_only_transaction,
    "not callable": None,  # type: ignore[dict-item]
    "wrong arguments": lambda: None,  # type: ignore[dict-item,misc]
}
