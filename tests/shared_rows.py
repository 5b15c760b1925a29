"""Rows that hundreds of tests of one module start from, created once for the module."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import transaction
from pytest_django import DjangoDbBlocker

Rows = TypeVar("Rows")


@contextmanager
def keep_rows(create: Callable[[], Rows], blocker: DjangoDbBlocker) -> Iterator[Rows]:
    """What `create` returns, with its rows in the database until the block ends.

    For a fixture with the scope of a module none of whose tests commits: each test undoes its own changes. A
    test that changes one of the objects takes a copy of it.
    """
    with blocker.unblock():
        outer = transaction.atomic()
        outer.__enter__()
    try:
        with blocker.unblock():
            rows = create()
        yield rows
    finally:
        with blocker.unblock():
            transaction.set_rollback(True)
            outer.__exit__(None, None, None)
