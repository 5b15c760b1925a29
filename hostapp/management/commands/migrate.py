import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from psycopg.errors import LockNotAvailable

# Held by one `migrate` at a time on a database.
_LOCK_ID = 20_261_126
# Seconds between two attempts to get it.
_LOCK_INTERVAL = 0.2
# What waits for a lock of a whole table makes everybody behind it wait, too. So it gives up soon, lets them
# pass, and tries again.
_LOCK_SECONDS = 2
_PAUSE_SECONDS = 3.0
_ATTEMPTS = 60


class Command(migrate.Command):
    help = f"""{migrate.Command.help} Run it on any number of hosts at once: one migrates, the others wait
and then find nothing to do. Run it beside the processes of the site: it waits 2 seconds for a lock, at most
60 times."""

    def handle(self, *args: Any, **options: Any) -> None:
        database = options["database"]
        with self._lock(database), connections[database].execute_wrapper(_bound_lock_waits):
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    super().handle(*args, **options)
                except OperationalError as error:
                    if not isinstance(error.__cause__, LockNotAvailable):
                        raise
                else:
                    return
                self.stderr.write(
                    f"A table is in use by another transaction. Trying again ({attempt} of {_ATTEMPTS}) …"
                )
                time.sleep(_PAUSE_SECONDS)
        raise CommandError(
            "A table was in use all the time. What is done stays done: look for a long transaction in "
            "pg_stat_activity, and run `manage.py migrate` again."
        )

    @contextmanager
    def _lock(self, database: str) -> Iterator[None]:
        """Hold the lock for as long as a transaction on a connection of its own is open.

        Not a lock of the session, which a pooler such as PgBouncer would give to other clients.
        """
        connection = connections[database].copy()
        try:
            connection.set_autocommit(False)
            with connection.cursor() as cursor:
                if not self._try_lock(cursor):
                    self.stderr.write("Another migrate is running on this database. Waiting for it …")
                # One statement that waits would hold a snapshot, and the other migrate waits for all
                # snapshots before it ends an index that it builds concurrently.
                while not self._try_lock(cursor):
                    time.sleep(_LOCK_INTERVAL)
            yield
        finally:
            connection.close()

    @staticmethod
    def _try_lock(cursor: Any) -> bool:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK_ID])
        return bool(cursor.fetchone()[0])


def _bound_lock_waits(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Run a migration's statement with a bound on its wait for locks, for its transaction only.

    An index that is built concurrently has no transaction, and makes nobody wait.
    """
    connection = context["connection"]
    if connection.in_atomic_block:
        with connection.connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
    return execute(sql, params, many, context)
