"""Rows of events as they are locked, applied and written: in few statements, and without model instances.

An instance of each, with the conversions of Django and of its driver, took longer than what the handlers
do with the event. Decision 28 has the figures.
"""

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection

from audit.arrays import build_numbers
from webhooks.receive.record import build_secret_uses


class EventRow(NamedTuple):
    """A recorded event, locked by our transaction."""

    key: int
    event_id: str
    event: str
    issued_at: datetime
    received_at: datetime
    payload: dict[str, Any]
    secret_name: str
    status: str
    reason: str
    attempts: int
    unfinished_attempts: int


class StoredOutcome(NamedTuple):
    """The columns of an event that say what became of it. `webhooks.inbox` decides them."""

    status: str
    reason: str
    data_problems: str
    awaited_organization_id: str
    attempts: int
    unfinished_attempts: int
    due_at: datetime | None
    applied_at: datetime | None


# Times without a zone, because Django's loader of the others is in Python.
_LOCK = """
SELECT id, event_id, event, issued_at AT TIME ZONE 'UTC', received_at AT TIME ZONE 'UTC', payload::text,
    secret_name, status, reason, attempts, unfinished_attempts
FROM webhooks_webhookevent WHERE id = ANY(%s::bigint[])
"""
_WRITE = f"""
UPDATE webhooks_webhookevent SET {", ".join(f"{name} = %s" for name in StoredOutcome._fields)}
WHERE id = ANY(%s::bigint[])
"""  # noqa: S608 - names of our own


def lock_due_events(keys: Collection[int]) -> list[EventRow]:
    """Lock those of the events that are due. One that another transaction has locked is left out."""
    return _lock(f"{_LOCK} AND due_at IS NOT NULL ORDER BY id FOR UPDATE SKIP LOCKED", keys)


def lock_events(keys: Collection[int]) -> list[EventRow]:
    """Lock events. A worker that is applying one of them finishes first."""
    return _lock(f"{_LOCK} ORDER BY id FOR UPDATE", keys)


def _lock(sql: str, keys: Collection[int]) -> list[EventRow]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [build_numbers(keys)])
        rows = cursor.fetchall()
    # Together: the parser keeps the names that the payloads share.
    payloads = json.loads(f"[{','.join([row[5] for row in rows])}]")
    return [
        EventRow(
            key,
            event_id,
            name,
            issued_at.replace(tzinfo=UTC),
            received_at.replace(tzinfo=UTC),
            payload,
            *rest,
        )
        for (key, event_id, name, issued_at, received_at, _, *rest), payload in zip(
            rows, payloads, strict=True
        )
    ]


def write_outcomes(outcomes: Sequence[tuple[EventRow, StoredOutcome]]) -> None:
    """Save the outcomes, one statement for all that are the same, and when each secret was last used."""
    same: dict[StoredOutcome, list[int]] = {}
    last_used: dict[str, datetime] = {}
    for row, outcome in outcomes:
        same.setdefault(outcome, []).append(row.key)
        if name := row.secret_name:
            last_used[name] = max(row.received_at, last_used.get(name, row.received_at))
    with connection.cursor() as cursor:
        for outcome, keys in same.items():
            cursor.execute(_WRITE, [*outcome, build_numbers(keys)])
        for statement in build_secret_uses(last_used):
            cursor.execute(statement.sql, statement.parameters)
