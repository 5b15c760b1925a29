"""Recorded events: one by its id, and those about an object."""

from collections.abc import Iterator, Sequence

from django.db.models import Q

from hostapp.explain.findings import EventReport, Finding
from webhooks.event_names import HANDLED_EVENTS
from webhooks.models import WebhookEvent

_MAX_EVENTS = 20
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


def find_events_about(kind: str, object_id: str, directory_id: str = "") -> list[EventReport]:
    """The newest events about an object. The id of a person or a group is unique in its directory only."""
    names = [name for name in HANDLED_EVENTS if name.startswith(_EVENT_PREFIXES[kind])]
    about = Q()
    for path in _PATHS:
        about |= Q(**{f"payload__data__{path}": object_id})
    if directory_id:
        about &= Q(payload__data__directory_id=directory_id)
    rows = WebhookEvent.objects.filter(about, event__in=names).order_by("-received_at", "-pk")
    return [EventReport.from_row(row) for row in rows[:_MAX_EVENTS]]


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
