"""Recorded events: one by its id, and those about an object."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from hostapp.explain.findings import EventReport, Finding
from webhooks.event_names import HANDLED_EVENTS
from webhooks.models import EVENT_ORGANIZATION_ID, WebhookEvent

_MAX_EVENTS = 20
# No index holds the ids in the data: only so many events of an organization are looked through.
MAX_SEARCHED = 50_000
# Where the data of an event names the object that it is about.
_PATHS = ("id", "connection__id", "organization_domain__id", "user__id", "group__id")
# The beginnings of the names of the events about an object of each kind.
_EVENT_PREFIXES = {
    "organization": ("organization.",),
    "connection": ("connection.",),
    "certificate": ("connection.saml_certificate",),
    "directory": ("dsync.activated", "dsync.deactivated", "dsync.deleted"),
    "organization_domain": ("organization_domain.",),
    "directory_user": ("dsync.user.", "dsync.group.user_"),
    "directory_group": ("dsync.group.",),
}


@dataclass(frozen=True)
class EventsAbout:
    """The newest events about an object. `is_cut`: there are more of its organization than were searched."""

    events: Sequence[EventReport]
    is_cut: bool


def find_events_about(
    kind: str, object_id: str, *, organization_id: str, directory_id: str = ""
) -> EventsAbout:
    """Search the newest events of an organization. An id of a directory is unique in its directory only."""
    rows = select_events_about(
        kind, object_id, organization_id=organization_id, directory_id=directory_id
    ).order_by("-received_at", "-pk")
    is_cut = _select_newest(organization=organization_id).count() == MAX_SEARCHED
    return EventsAbout([EventReport.from_row(row) for row in rows[:_MAX_EVENTS]], is_cut)


def select_events_about(
    kind: str, object_id: str, *, organization_id: str, directory_id: str = ""
) -> "QuerySet[WebhookEvent]":
    names = [name for name in HANDLED_EVENTS if name.startswith(_EVENT_PREFIXES[kind])]
    about = Q()
    for path in _PATHS:
        about |= Q(**{f"payload__data__{path}": object_id})
    if directory_id:
        about &= Q(payload__data__directory_id=directory_id)
    searched = [_select_newest(organization=organization_id)]
    # An event that does not name its organization there has the id of its object in the index, or nothing.
    searched += [_select_newest(organization=object_id), _select_newest(organization=None)]
    first, *others = (one.values("pk") for one in searched)
    return WebhookEvent.objects.filter(about, pk__in=first.union(*others, all=True), event__in=names)


def _select_newest(*, organization: str | None) -> "QuerySet[WebhookEvent]":
    events: QuerySet[WebhookEvent] = WebhookEvent.objects.all()
    of_it = events.alias(organization=EVENT_ORGANIZATION_ID).filter(organization=organization)
    return of_it.order_by("-pk")[:MAX_SEARCHED]


def find_event(event_id: str) -> tuple[Finding, Sequence[str]] | None:
    """The event, and the ids of the objects that it names."""
    row = WebhookEvent.objects.filter(event_id=event_id).first()
    if row is None:
        return None
    report = EventReport.from_row(row)
    return Finding(
        kind="event",
        id=row.event_id,
        title=row.event,
        state=row.status,
        since=row.applied_at or row.received_at,
        facts={
            "reason": row.reason,
            "data_problems": row.data_problems,
            "happened_at": report.happened_at,
            "signed_at": row.issued_at,
            "received_at": row.received_at,
            "source": report.source,
            "secret": row.secret_name,
            "attempts": row.attempts,
            "due_at": row.due_at,
            "waits_for": row.awaited_organization_id,
        },
    ), sorted(set(_named_ids(row)))


def _named_ids(row: WebhookEvent) -> Iterator[str]:
    for path in _PATHS:
        value = row.payload.get("data")
        for name in path.split("__"):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, str) and value:
            yield value
