"""Record deliveries: one INSERT for any number of them, on any DB-API cursor. Knows no framework."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from mirror.text import replace_unstorable
from webhooks.event_names import HANDLED_EVENTS, NO_HANDLER, PROBE_EVENT
from webhooks.receive.accept import Delivery, NotAnEvent

# How many unreadable deliveries are kept, and how many characters of each.
MAX_UNREADABLE = 200
MAX_UNREADABLE_LENGTH = 16_384
# How exactly it is known when a secret last verified an event that no worker sees.
_SECRET_USE_INTERVAL = timedelta(minutes=1)

_HANDLED = frozenset(HANDLED_EVENTS)
# For texts: `json.dumps` takes five times as long to look at its options.
_encode_text = json.JSONEncoder().encode


class Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...

    def execute(self, sql: str, parameters: Sequence[Any], /) -> Any: ...


@dataclass(frozen=True)
class Statement:
    sql: str
    parameters: Sequence[Any]


# One parameter, however many rows: each further one is parsed, planned and bound. The unique constraint
# decides whether an event is new: a look before the INSERT would miss a race.
#
# A delivery of what catch-up has recorded before is late, not missed. Only what is there already is looked
# up, and no event is locked: a worker may be applying it. One that was committed meanwhile is not visible
# here, so it counts as recorded by catch-up, which does no harm if it was not.
_INSERT = """
WITH delivery AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS delivery (event_id text, event text, issued_at timestamptz,
        created_at timestamptz, received_at timestamptz, payload jsonb, secret_name text,
        status text, reason text, due_at timestamptz, is_urgent boolean, queue text, applied_at timestamptz)
), recorded AS (
    INSERT INTO webhooks_webhookevent (event_id, event, issued_at, created_at, received_at, payload,
        secret_name, status, reason, data_problems, attempts, unfinished_attempts, due_at,
        is_urgent, queue, awaited_organization_id, applied_at)
    SELECT event_id, event, issued_at, created_at, received_at, payload, secret_name,
        status, reason, '', 0, 0, due_at, is_urgent, queue, '', applied_at
    FROM delivery
    ON CONFLICT (event_id) DO NOTHING
    RETURNING event_id
), skipped AS MATERIALIZED (
    SELECT event_id, received_at FROM delivery
    WHERE secret_name <> '' AND NOT EXISTS (SELECT FROM recorded WHERE recorded.event_id = delivery.event_id)
), late AS (
    INSERT INTO webhooks_latedelivery (event_id, received_at)
    SELECT event_id, received_at FROM skipped
    WHERE coalesce((SELECT secret_name FROM webhooks_webhookevent AS event
        WHERE event.event_id = skipped.event_id), '') = ''
    ORDER BY event_id
    ON CONFLICT (event_id) DO NOTHING
)
SELECT event_id FROM recorded
"""


def build_insert(deliveries: Iterable[tuple[Delivery, datetime]]) -> Statement:
    """The statement that records events with the times of their arrival, unless they are recorded already.

    An event with a handler is due at once; any other is ignored, and no worker looks at it. The statement
    returns the ids of the events that are new.
    """
    # In one order everywhere: two statements that wait for each other's events would deadlock.
    ordered = sorted(deliveries, key=lambda one: one[0].event_id)
    return Statement(_INSERT, [f"[{','.join(build_row(*one) for one in ordered)}]"])


def build_row(delivery: Delivery, received_at: datetime) -> str:
    """The row as a JSON object. The payload in it is the text that was sent: it is not written again."""
    at = received_at.isoformat()
    created_at = f'"{delivery.created_at.isoformat()}"' if delivery.created_at else "null"
    outcome = (
        f'"status":"waiting","reason":"","due_at":"{at}"'
        if delivery.event in _HANDLED
        else f'"status":"ignored","reason":"{NO_HANDLER}","applied_at":"{at}"'
    )
    is_urgent = "true" if delivery.queue.is_urgent else "false"
    return (
        f'{{"event_id":{_encode_text(delivery.event_id)},"event":{_encode_text(delivery.event)},'
        f'"issued_at":"{delivery.issued_at.isoformat()}","created_at":{created_at},"received_at":"{at}",'
        f'"secret_name":{_encode_text(delivery.secret_name)},{outcome},'
        f'"is_urgent":{is_urgent},"queue":{_encode_text(delivery.queue.name)},'
        f'"payload":{delivery.text}}}'
    )


def is_handled(delivery: Delivery) -> bool:
    """Whether a worker applies it."""
    return delivery.event in _HANDLED


def normalize(delivery: Delivery) -> Delivery:
    """The delivery with numbers as Python understands them: PostgreSQL's have narrower exponents."""
    return replace(delivery, text=json.dumps(json.loads(delivery.text)))


def describe_unstorable(delivery: Delivery, error: str, *, body_length: int) -> NotAnEvent:
    """What `accept` did not foresee: the database refuses this event, and would do so again.

    `error` is the name of its error.
    """
    return NotAnEvent(
        f"it cannot be stored ({error})",
        body=delivery.text.encode(),
        body_length=body_length,
        signed_at=delivery.issued_at,
        secret_name=delivery.secret_name,
    )


_INSERT_UNREADABLE = """
INSERT INTO webhooks_unreadabledelivery (received_at, issued_at, secret_name, detail, body_length, body)
VALUES (%s, %s, %s, %s, %s, %s)
"""
_DELETE_OLD_UNREADABLE = """
DELETE FROM webhooks_unreadabledelivery
WHERE id IN (SELECT id FROM webhooks_unreadabledelivery ORDER BY received_at DESC, id DESC OFFSET %s)
"""


def build_unreadable_inserts(delivery: NotAnEvent, *, received_at: datetime) -> list[Statement]:
    """Record, for staff, what WorkOS signed and is not an event, and keep only the newest.

    The statements belong into one transaction.
    """
    # A character takes four bytes at most.
    text = delivery.body[: MAX_UNREADABLE_LENGTH * 4].decode("utf-8", "backslashreplace")
    values = [
        received_at,
        delivery.signed_at,
        delivery.secret_name,
        delivery.detail[:100],
        delivery.body_length,
        replace_unstorable(text[:MAX_UNREADABLE_LENGTH]),
    ]
    return [Statement(_INSERT_UNREADABLE, values), Statement(_DELETE_OLD_UNREADABLE, [MAX_UNREADABLE])]


_UPSERT_USE = """
INSERT INTO webhooks_secret AS stored (name, last_used_at) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET last_used_at = EXCLUDED.last_used_at
WHERE stored.last_used_at < EXCLUDED.last_used_at
"""


def build_secret_uses(last_used: Mapping[str, datetime]) -> list[Statement]:
    """Save when each secret, by name, last verified an event."""
    # In one order everywhere, so that two processes cannot deadlock.
    return [Statement(_UPSERT_USE, [name, at]) for name, at in sorted(last_used.items())]


class IgnoredSecretUses:
    """When a secret last verified an event without a handler. The worker saves it for all others.

    A row that every delivery writes would make them wait for each other: a process writes it once a minute.
    """

    def __init__(self) -> None:
        self._written: dict[str, datetime] = {}

    def take_due(self, deliveries: Iterable[tuple[Delivery, datetime]]) -> dict[str, datetime]:
        """The uses to save now, by name. They count as saved."""
        due = {
            delivery.secret_name: received_at
            for delivery, received_at in deliveries
            # Our own probe says nothing of the secret that WorkOS uses.
            if delivery.event not in _HANDLED
            and delivery.event != PROBE_EVENT
            and self._is_due(delivery.secret_name, received_at)
        }
        self._written |= due
        return due

    def _is_due(self, name: str, at: datetime) -> bool:
        return name not in self._written or at - self._written[name] >= _SECRET_USE_INTERVAL
