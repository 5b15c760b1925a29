"""Record a delivery in the inbox: one INSERT on any DB-API cursor. Knows no framework."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from webhooks.receive.accept import Delivery


class Cursor(Protocol):
    def execute(self, sql: str, parameters: Sequence[Any], /) -> Any: ...


# The unique constraint decides whether the event is new: a look before the INSERT would miss a race.
_INSERT = """
INSERT INTO webhooks_webhookevent (event_id, event, issued_at, created_at, received_at, payload, secret_name,
    status, reason, attempts, unfinished_attempts, due_at, awaited_organization_id)
VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s, 'waiting', '', 0, 0, %s, '')
ON CONFLICT (event_id) DO NOTHING
"""


def record_event(cursor: Cursor, delivery: Delivery, *, received_at: datetime) -> None:
    """Record the event, due at once, unless it is recorded already. The caller commits."""
    cursor.execute(
        _INSERT,
        [
            delivery.event_id,
            delivery.event,
            delivery.issued_at,
            delivery.created_at,
            received_at,
            json.dumps(delivery.payload),
            delivery.secret_name,
            received_at,
        ],
    )
