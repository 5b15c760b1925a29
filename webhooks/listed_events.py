"""Record events that the Events API lists: as deliveries are recorded, once for each id."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from django.db import DataError, IntegrityError, connection, transaction

from mirror.text import replace_unstorable
from webhooks.models import UnreadableDelivery
from webhooks.receive.accept import Delivery, NotAnEvent, accept_listed
from webhooks.receive.record import (
    MAX_UNREADABLE_LENGTH,
    build_insert,
    build_unreadable_inserts,
    normalize,
)
from webhooks.wake_up import wake_workers_after_commit

logger = logging.getLogger(__name__)

# WorkOS repeats a delivery for three days: until then an event may still be delivered.
MISSED_AFTER = timedelta(days=3)
# WorkOS's clock may be ahead of ours.
_CLOCK_MARGIN = timedelta(hours=1)
_MAX_ID_LENGTH = 255
# It is the event's fault, and the next attempt would fail, too.
_UNSTORABLE = (DataError, IntegrityError, ValueError)


@dataclass
class Tally:
    """What became of listed events.

    `listed` can be compared with ours, and `here` are those of them that we have. `recorded` are new here. No
    webhook has delivered `missed` in three days, and `undelivered` until now. `pruned` are so old that we may
    have deleted them, and in no other count.
    """

    listed: int = 0
    here: int = 0
    recorded: int = 0
    missed: int = 0
    undelivered: int = 0
    pruned: int = 0

    def add(self, other: "Tally") -> None:
        for one in fields(Tally):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


@dataclass(frozen=True)
class Unreadable:
    """A listed item that is not an event. Staff read it in the Django admin (Unreadable deliveries)."""

    event_id: str
    error: NotAnEvent

    def __str__(self) -> str:
        return f"{self.event_id or 'an item without an id'}: {self.error.detail}"


@dataclass(frozen=True)
class ListedEvents:
    """A page of the Events API: its events, what on it is none, and the last id that can be a cursor."""

    deliveries: Sequence[Delivery]
    unreadable: Sequence[Unreadable]
    last_id: str

    @property
    def newest_at(self) -> datetime | None:
        return max((one.issued_at for one in self.deliveries), default=None)


def parse_items(items: Sequence[Any], *, now: datetime) -> ListedEvents:
    """One that is malformed does not hide the others."""
    deliveries, unreadable = [], []
    last_id = ""
    for item in items:
        event_id = _find_id(item)
        last_id = event_id or last_id
        try:
            deliveries.append(accept_listed(item, now=now))
        except NotAnEvent as error:
            logger.error("The Events API lists what is not an event: %s", error.detail)
            unreadable.append(Unreadable(event_id, error))
    return ListedEvents(deliveries, unreadable, last_id)


def _find_id(item: Any) -> str:
    value = item.get("id") if isinstance(item, Mapping) else None
    if not isinstance(value, str) or len(value) > _MAX_ID_LENGTH:
        return ""
    return value if value.isascii() and value.isprintable() else ""


def record_listed(listed: ListedEvents, *, pruned_before: datetime | None, now: datetime) -> Tally:
    """Record what is new, in the caller's transaction.

    What was received before `pruned_before` may have been recorded and deleted: it is never new.
    """
    recent = [
        one
        for one in listed.deliveries
        if pruned_before is None or one.issued_at >= pruned_before + _CLOCK_MARGIN
    ]
    tally = Tally(listed=len(recent), pruned=len(listed.deliveries) - len(recent))
    tally.recorded = _record_all(recent, now)
    for item in listed.unreadable:
        _record_unreadable_once(item.error, now)
    tally.here, tally.missed, tally.undelivered = _compare([one.event_id for one in recent], now)
    return tally


def _record_all(deliveries: Sequence[Delivery], now: datetime) -> int:
    """Record a page in one statement. Returns how many are new. One that cannot be stored stops no other."""
    if not deliveries:
        return 0
    try:
        return _record(deliveries, now)
    except _UNSTORABLE:
        return sum(_record_alone(one, now) for one in sorted(deliveries, key=lambda one: one.event_id))


def _record_alone(delivery: Delivery, now: datetime) -> int:
    try:
        return _record([normalize(delivery)], now)
    except _UNSTORABLE as error:
        logger.error("Event %s not recorded: %s", delivery.event_id, type(error).__name__)
        return 0


def _record(deliveries: Sequence[Delivery], now: datetime) -> int:
    statement = build_insert((one, now) for one in deliveries)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.parameters)
        recorded = len(cursor.fetchall())
    if recorded:
        wake_workers_after_commit()
    return recorded


def _record_unreadable_once(error: NotAnEvent, now: datetime) -> None:
    body = error.body[: MAX_UNREADABLE_LENGTH * 4].decode("utf-8", "backslashreplace")
    stored = replace_unstorable(body[:MAX_UNREADABLE_LENGTH])
    if UnreadableDelivery.objects.filter(body=stored, detail=error.detail[:100]).exists():
        return
    with connection.cursor() as cursor:
        for statement in build_unreadable_inserts(error, received_at=now):
            cursor.execute(statement.sql, statement.parameters)


def _compare(event_ids: Sequence[str], now: datetime) -> tuple[int, int, int]:
    """How many of these we have, and how many no webhook has delivered: for three days, or not yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE is_only_listed AND created_at < %(missed)s),"
            " count(*) FILTER (WHERE is_only_listed AND created_at >= %(missed)s)"
            " FROM (SELECT created_at, secret_name = '' AND NOT EXISTS (SELECT FROM webhooks_latedelivery"
            " AS late WHERE late.event_id = event.event_id) AS is_only_listed"
            " FROM webhooks_webhookevent event WHERE event_id = ANY(%(ids)s)) listed",
            {"ids": list(set(event_ids)), "missed": now - MISSED_AFTER},
        )
        here, missed, undelivered = cursor.fetchone()
    return here, missed, undelivered
