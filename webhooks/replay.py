"""Replay events: show what applying them again would change, then apply them.

Neither makes people wait: the preview works on copies, and the replay commits batch by batch.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from django.apps import apps
from django.db import models, transaction

from audit.models import AuditEntry
from enterprises.description import describe_enterprises
from enterprises.models import Failure
from mirror.description import describe_objects, find_people
from mirror.people_models import DirectoryCount, DirectoryGroup, DirectoryMembership, DirectoryUser
from webhooks.event_rows import EventRow, lock_events, write_outcomes
from webhooks.handlers import HANDLERS
from webhooks.inbox import apply_events, build_outcome
from webhooks.models import Secret, WebhookEvent
from webhooks.shadow_tables import Only, shadow_tables
from webhooks.wake_up import wake_workers_after_commit

_BATCH_SIZE = 200

Status = WebhookEvent.Status
# Object, such as `connection conn_1` → field → value.
Description = dict[str, dict[str, str]]
# Called after each batch with how many events are done, and of how many.
ReportProgress = Callable[[int, int], object]


@dataclass(frozen=True)
class FieldChange:
    """One field of one object, such as `state` of `connection conn_1`. None: there is no such row."""

    thing: str
    field: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        return f"{self.thing}: {self.field} {_format_value(self.before)} → {_format_value(self.after)}"


@dataclass(frozen=True)
class ReplayedEvent:
    """An event, and its status before and after the replay."""

    event_id: str
    event: str
    before: str
    after: str
    reason: str

    @property
    def transition(self) -> str:
        """Both statuses as staff read them, such as `Failed → Applied`."""
        return f"{WebhookEvent.State(self.before).label} → {WebhookEvent.State(self.after).label}"


@dataclass
class Report:
    events: list[ReplayedEvent] = field(default_factory=list)
    changes: list[FieldChange] = field(default_factory=list)

    @property
    def failures(self) -> list[ReplayedEvent]:
        return [event for event in self.events if event.after == Status.FAILED]

    def count_transitions(self) -> list[tuple[str, int]]:
        """Transitions such as `failed → applied`, and how many events made each."""
        return sorted(Counter(f"{event.before} → {event.after}" for event in self.events).items())


def select_events(
    *,
    failed: bool = False,
    event_ids: Sequence[str] = (),
    names: Sequence[str] = (),
    since: datetime | None = None,
) -> "models.QuerySet[WebhookEvent]":
    """The events that match everything given."""
    events: models.QuerySet[WebhookEvent] = WebhookEvent.objects.all()
    if failed:
        events = events.filter(status=Status.FAILED)
    if event_ids:
        events = events.filter(event_id__in=event_ids)
    if names:
        events = events.filter(event__in=names)
    if since:
        events = events.filter(received_at__gte=since)
    return events


def _report_nothing(done: int, total: int) -> None:
    """Nobody watches."""


def preview_replay(
    events: "models.QuerySet[WebhookEvent]",
    *,
    now: datetime,
    report_progress: ReportProgress = _report_nothing,
) -> Report:
    """What `replay_events` would do. It does it to copies of the tables, so that nobody waits for it."""
    ordered = _order(events)
    rows = {WebhookEvent: Only(ordered), AuditEntry: Only(()), Failure: Only(())} | _find_people(ordered)
    with shadow_tables(_written_tables(), rows=rows):
        return _replay(ordered, now, report_progress)


def replay_events(
    events: "models.QuerySet[WebhookEvent]",
    *,
    now: datetime,
    report_progress: ReportProgress = _report_nothing,
) -> Report:
    """Apply these events again, in the order in which they happened.

    Each batch is one commit, so that nobody waits long for an enterprise. When it is interrupted, the batches
    before are applied, and replaying again does the rest. A change of state has its usual consequences, such
    as a mail. An event that changes nothing has none.
    """
    return _replay(_order(events), now, report_progress)


def _written_tables() -> list[type[models.Model]]:
    """Every table that applying an event may write."""
    return [
        *(
            model
            for label in ("mirror", "enterprises", "outbox", "audit")
            for model in apps.get_app_config(label).get_models()
        ),
        WebhookEvent,
        Secret,
    ]


def _find_people(ordered: Sequence[int]) -> dict[type[models.Model], Only]:
    """The rows of people, groups and memberships that the events name: there may be millions of others."""
    ids: set[str] = set()
    for payload in WebhookEvent.objects.filter(pk__in=ordered).values_list("payload", flat=True).iterator():
        ids.update(_find_ids(payload["data"]))
    users = [row.pk for row in find_people(DirectoryUser, ids)]
    return {
        DirectoryUser: Only(users),
        DirectoryGroup: Only([row.pk for row in find_people(DirectoryGroup, ids)]),
        DirectoryMembership: Only(users, column="user_id"),
        DirectoryCount: Only(()),
    }


def _order(events: "models.QuerySet[WebhookEvent]") -> list[int]:
    """The primary keys of the events, in the order in which they happened."""
    return list(
        events.annotate(at=models.functions.Coalesce("created_at", "issued_at"))
        .order_by("at", "event_id")
        .values_list("pk", flat=True)
    )


def _replay(ordered: Sequence[int], now: datetime, report_progress: ReportProgress) -> Report:
    report = Report()
    # An object is described when an event first names it, and again at the end.
    before: Description = {}
    seen: set[str] = set()
    for start in range(0, len(ordered), _BATCH_SIZE):
        with transaction.atomic():
            batch = _lock_batch(ordered[start : start + _BATCH_SIZE])
            ids = {one for event in batch for one in _find_ids(event.payload["data"])} - seen
            before |= _describe(ids)
            seen |= ids
            for name, group in groupby(batch, key=lambda event: event.event):
                report.events += _replay_batch(name, list(group), now)
            # Others may have waited for an organization that is known now.
            wake_workers_after_commit()
        report_progress(len(report.events), len(ordered))
    report.changes = _compare(before, _describe(seen))
    return report


def _replay_batch(name: str, events: Sequence[EventRow], now: datetime) -> list[ReplayedEvent]:
    replayed, outcomes = [], []
    for event, outcome in apply_events(HANDLERS.get(name), events, now):
        after, reason = event.status, event.reason
        # An applied event that is stale now has been applied: by itself, or by a newer one.
        if not (event.status == Status.APPLIED and outcome.status == Status.STALE):
            # A person is working on one that fails: no worker retries it.
            stored = build_outcome(outcome, event.attempts, now)._replace(due_at=None)
            outcomes.append((event, stored))
            after, reason = stored.status, stored.reason
        replayed.append(ReplayedEvent(event.event_id, name, event.status, after, reason))
    write_outcomes(outcomes)
    return replayed


def _lock_batch(primary_keys: Sequence[int]) -> list[EventRow]:
    rows = {event.key: event for event in lock_events(primary_keys)}
    return [rows[key] for key in primary_keys if key in rows]


def _find_ids(data: Any) -> Iterator[str]:
    """The ids of objects in an event's `data`, wherever they are."""
    if isinstance(data, dict):
        for name, value in data.items():
            if name in ("id", "organization_id", "external_id") and isinstance(value, str):
                yield value
            else:
                yield from _find_ids(value)
    elif isinstance(data, list):
        for value in data:
            yield from _find_ids(value)


def _describe(ids: Iterable[str]) -> Description:
    wanted = list(ids)
    return describe_enterprises(wanted) | describe_objects(wanted)


def _compare(before: Description, after: Description) -> list[FieldChange]:
    return [
        FieldChange(thing, name, old.get(name), new.get(name))
        for thing in sorted({*before, *after})
        for old, new in [(before.get(thing, {}), after.get(thing, {}))]
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def _format_value(value: str | None) -> str:
    return "–" if value is None else value or "(blank)"
