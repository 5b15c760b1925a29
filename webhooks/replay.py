"""Apply events again: first what would change, then the change."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db import models, transaction

from enterprises.description import describe_enterprises
from mirror.description import describe_objects
from webhooks import inbox
from webhooks.handlers import HANDLERS
from webhooks.models import WebhookEvent

_TOGETHER = 200


@dataclass(frozen=True)
class Change:
    """One field of one thing: `connection conn_1`, `state`, before, after (None: there is no such row)."""

    thing: str
    field: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        return f"{self.thing}: {self.field} {_shown(self.before)} → {_shown(self.after)}"


@dataclass(frozen=True)
class Replayed:
    event_id: str
    event: str
    before: str
    after: str
    reason: str


@dataclass
class Report:
    events: list[Replayed] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)


def preview(events: "models.QuerySet[WebhookEvent]", *, now: datetime) -> Report:
    """What `replay` would do. It is done, looked at and taken back."""
    with transaction.atomic():
        report = _replay(events, now)
        transaction.set_rollback(True)
    return report


def replay(events: "models.QuerySet[WebhookEvent]", *, now: datetime) -> Report:
    """Apply these events again, in their own order, in one transaction; their outcomes are kept."""
    with transaction.atomic():
        return _replay(events, now)


def _replay(chosen: "models.QuerySet[WebhookEvent]", now: datetime) -> Report:
    report = Report()
    # A subject is looked at when it first comes up and again at the end: the difference is the change.
    before: dict[str, dict[str, str]] = {}
    subjects: set[str] = set()
    for events in _in_order(chosen):
        new = {subject for event in events for subject in _subjects(event.payload["data"])} - subjects
        before |= _describe(new)
        subjects |= new
        for name, group in groupby(events, key=lambda event: event.event):
            same = list(group)
            for event, outcome in inbox.apply(HANDLERS.get(name), same):
                held = event.status
                if not (held == "applied" and outcome.status == "stale"):
                    inbox.settle(event, outcome, now)
                # Else what it says is held already, and it was this event that told us, or a newer one.
                if event.status == "failed":
                    # A person is at it: it is not tried again behind their back.
                    event.due_at = None
                report.events.append(Replayed(event.event_id, name, held, event.status, event.error))
            inbox.write(same)
    report.changes = _changes(before, _describe(subjects))
    return report


def _describe(ids: Iterable[str]) -> dict[str, dict[str, str]]:
    wanted = list(ids)
    return describe_enterprises(wanted) | describe_objects(wanted)


def _in_order(chosen: "models.QuerySet[WebhookEvent]") -> Iterator[list[WebhookEvent]]:
    ordered = list(
        chosen.annotate(at=models.functions.Coalesce("created_at", "issued_at"))
        .order_by("at", "event_id")
        .values_list("pk", flat=True)
    )
    for start in range(0, len(ordered), _TOGETHER):
        part = ordered[start : start + _TOGETHER]
        # A worker that has one of them in hand finishes first.
        rows = WebhookEvent.objects.select_for_update().in_bulk(part)
        yield [rows[pk] for pk in part if pk in rows]


def _subjects(data: Any) -> Iterator[str]:
    """Whom the event speaks of: the ids in it, wherever they stand."""
    if isinstance(data, dict):
        for name, value in data.items():
            if name in ("id", "organization_id", "external_id") and isinstance(value, str):
                yield value
            else:
                yield from _subjects(value)
    elif isinstance(data, list):
        for value in data:
            yield from _subjects(value)


def _changes(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> list[Change]:
    return [
        Change(thing, name, before.get(thing, {}).get(name), after.get(thing, {}).get(name))
        for thing in sorted({*before, *after})
        for name in sorted({*before.get(thing, {}), *after.get(thing, {})})
        if before.get(thing, {}).get(name) != after.get(thing, {}).get(name)
    ]


def select(
    *,
    failed: bool = False,
    event_ids: Sequence[str] = (),
    names: Sequence[str] = (),
    since: datetime | None = None,
) -> "models.QuerySet[WebhookEvent]":
    """The events meant; what is given narrows the choice."""
    chosen: models.QuerySet[WebhookEvent] = WebhookEvent.objects.all()
    if failed:
        chosen = chosen.filter(status="failed")
    if event_ids:
        chosen = chosen.filter(event_id__in=event_ids)
    if names:
        chosen = chosen.filter(event__in=names)
    if since:
        chosen = chosen.filter(received_at__gte=since)
    return chosen


def counted(report: Report) -> Iterable[tuple[str, int]]:
    """`failed → applied`, and how many."""
    ways: dict[str, int] = {}
    for event in report.events:
        way = f"{event.before} → {event.after}"
        ways[way] = ways.get(way, 0) + 1
    return sorted(ways.items())


def _shown(value: str | None) -> str:
    return "–" if value is None else value or "(blank)"
