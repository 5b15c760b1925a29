"""Record a delivery: one INSERT on any DB-API cursor. Knows no framework."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from mirror.text import replace_unstorable
from webhooks.receive.accept import Delivery, NotAnEvent

# How many unreadable deliveries are kept, and how many characters of each.
MAX_UNREADABLE = 200
MAX_UNREADABLE_LENGTH = 16_384


class Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...

    def execute(self, sql: str, parameters: Sequence[Any], /) -> Any: ...


# The unique constraint decides whether the event is new: a look before the INSERT would miss a race.
_INSERT = """
INSERT INTO webhooks_webhookevent (event_id, event, issued_at, created_at, received_at, payload, secret_name,
    status, reason, data_problems, attempts, unfinished_attempts, due_at, awaited_organization_id)
VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s, 'waiting', '', '', 0, 0, %s, '')
ON CONFLICT (event_id) DO NOTHING
"""


# A delivery of what catch-up has recorded before. It locks no event: a worker may be applying it.
_INSERT_LATE_DELIVERY = """
INSERT INTO webhooks_latedelivery (event_id, received_at)
SELECT event_id, %s FROM webhooks_webhookevent WHERE event_id = %s AND secret_name = ''
ON CONFLICT (event_id) DO NOTHING
"""


def record_event(cursor: Cursor, delivery: Delivery, *, received_at: datetime) -> bool:
    """Record the event, due at once. Returns False if it is recorded already. The caller commits."""
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
    if cursor.rowcount:
        return True
    if delivery.secret_name:
        cursor.execute(_INSERT_LATE_DELIVERY, [received_at, delivery.event_id])
    return False


_INSERT_UNREADABLE = """
INSERT INTO webhooks_unreadabledelivery (received_at, issued_at, secret_name, detail, body_length, body)
VALUES (%s, %s, %s, %s, %s, %s)
"""
_DELETE_OLD_UNREADABLE = """
DELETE FROM webhooks_unreadabledelivery
WHERE id IN (SELECT id FROM webhooks_unreadabledelivery ORDER BY received_at DESC, id DESC OFFSET %s)
"""


def record_unreadable(cursor: Cursor, delivery: NotAnEvent, *, received_at: datetime) -> None:
    """Record what WorkOS signed and is not an event, for staff, and keep only the newest.

    The caller commits.
    """
    # A character takes four bytes at most.
    text = delivery.body[: MAX_UNREADABLE_LENGTH * 4].decode("utf-8", "backslashreplace")
    cursor.execute(
        _INSERT_UNREADABLE,
        [
            received_at,
            delivery.signed_at,
            delivery.secret_name,
            delivery.detail[:100],
            delivery.body_length,
            replace_unstorable(text[:MAX_UNREADABLE_LENGTH]),
        ],
    )
    cursor.execute(_DELETE_OLD_UNREADABLE, [MAX_UNREADABLE])
