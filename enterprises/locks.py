"""Locks for a person's request, which waits for them a few seconds at most."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from enterprises.models import Enterprise

# A person's request holds a thread of the web server while it waits.
LOCK_TIMEOUT_MS = 4000


@contextmanager
def limited_lock_waits() -> Iterator[None]:
    """A transaction in which a statement that waits for a lock longer than LOCK_TIMEOUT_MS fails.

    It raises django.db.OperationalError; the project's middleware answers "try again in a moment".
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            # For this transaction only: the connection may be a pooler's.
            cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
        yield


def lock_enterprise(enterprise_id: int) -> Enterprise:
    """The enterprise as it is now; other changes of it wait for this transaction."""
    return Enterprise.objects.select_for_update(no_key=True).get(pk=enterprise_id)
