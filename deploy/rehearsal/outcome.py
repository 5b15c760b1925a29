"""What became of the deliveries, as the database says."""

from dataclasses import dataclass
from typing import Any

import psycopg

from deploy.rehearsal.traffic import ORGANIZATION

_WAITING = "SELECT count(*) FROM webhooks_webhookevent WHERE status = 'waiting'"
_COUNTS = """
    SELECT (SELECT count(*) FROM webhooks_webhookevent),
           (SELECT count(*) FROM webhooks_webhookevent WHERE status = 'applied'),
           (SELECT count(*) FROM mirror_connection
            WHERE organization_id = %(organization)s AND state = 'active'),
           (SELECT count(*) FROM audit_auditentry WHERE action = 'connection_activated')
"""


@dataclass(frozen=True)
class Outcome:
    """Numbers of events that were recorded and applied, of connections, and of entries in the audit log."""

    recorded: int
    applied: int
    connections: int
    entries: int

    def count_lost(self, sent: int) -> int:
        """Events that left no trace where each of them should have left one."""
        return sum(
            sent - found
            for found in (self.recorded, self.applied, self.connections, self.entries)
            if found < sent
        )

    def count_doubled(self, sent: int) -> int:
        return max(0, self.recorded - sent) + max(0, self.entries - sent)


def count_waiting(database: str) -> int:
    return int(_fetch(database, _WAITING)[0])


def read_outcome(database: str) -> Outcome:
    return Outcome(*_fetch(database, _COUNTS, {"organization": ORGANIZATION}))


def _fetch(database: str, statement: str, parameters: dict[str, Any] | None = None) -> tuple[Any, ...]:
    with psycopg.connect(database) as connection:
        row = connection.execute(statement, parameters).fetchone()
    if row is None:
        raise AssertionError("count always returns a row")
    return tuple(row)
