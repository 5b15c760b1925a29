import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands import migrate
from django.db import connections

# Held by one `migrate` at a time on a database.
_LOCK_ID = 20_261_126
# Seconds between two attempts to get it.
_LOCK_INTERVAL = 0.2


class Command(migrate.Command):
    help = f"""{migrate.Command.help} Run it on any number of hosts at once: one migrates, the others wait
and then find nothing to do."""

    def handle(self, *args: Any, **options: Any) -> None:
        with self._lock(options["database"]):
            super().handle(*args, **options)

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
