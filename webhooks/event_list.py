"""The list of events for staff: filtered, newest first, in pages that stay fast with millions of events."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from enterprises.models import Enterprise
from webhooks.models import EVENT_ORGANIZATION_ID, WebhookEvent

PAGE_SIZE = 50


@dataclass(frozen=True)
class EventFilter:
    """What the list shows. Blanks mean: all."""

    state: str = ""
    kind: str = ""
    organization_id: str = ""


@dataclass(frozen=True)
class EventRow:
    """An event without its payload, and the customer whose organization it names, if we have one."""

    event: WebhookEvent
    organization_id: str
    enterprise: Enterprise | None


@dataclass(frozen=True)
class EventPage:
    """`newer` and `older` are primary keys to continue from, None at the ends of the list."""

    rows: list[EventRow]
    newer: int | None
    older: int | None


def select_filtered_events(filtered: EventFilter) -> "QuerySet[WebhookEvent]":
    events: QuerySet[WebhookEvent] = WebhookEvent.objects.all()
    if filtered.state:
        events = WebhookEvent.objects.in_state(filtered.state)
    if filtered.kind:
        events = events.filter(event=filtered.kind)
    if filtered.organization_id:
        events = events.alias(organization=EVENT_ORGANIZATION_ID).filter(
            organization=filtered.organization_id
        )
    return events


def list_events(
    filtered: EventFilter, *, before: int | None = None, after: int | None = None, size: int = PAGE_SIZE
) -> EventPage:
    """A page of the filtered events: the newest, those older than `before`, or those newer than `after`.

    It continues from a primary key and counts nothing, because a COUNT or an OFFSET reads every row it skips.
    """
    events = select_filtered_events(filtered)
    if after is not None:
        found = list(_without_payload(events.filter(pk__gt=after).order_by("pk")[: size + 1]))
        has_newer, has_older = len(found) > size, True
        found = found[:size][::-1]
    else:
        older = events if before is None else events.filter(pk__lt=before)
        found = list(_without_payload(older.order_by("-pk")[: size + 1]))
        has_newer, has_older = before is not None, len(found) > size
        found = found[:size]
    if not found:
        return EventPage([], None, None)
    return EventPage(
        build_rows(found), found[0].pk if has_newer else None, found[-1].pk if has_older else None
    )


def find_row(event_id: str) -> EventRow | None:
    """The event with this id and its payload, or None."""
    events = WebhookEvent.objects.annotate(organization=EVENT_ORGANIZATION_ID)
    rows = build_rows(events.filter(event_id=event_id))
    return rows[0] if rows else None


def build_rows(events: Iterable[Any]) -> list[EventRow]:
    """Rows of events that are annotated with `organization`; one query for all customers."""
    listed = list(events)
    ids = {event.organization for event in listed if event.organization}
    customers = {one.organization_id: one for one in Enterprise.objects.filter(organization_id__in=ids)}
    return [
        EventRow(event, _organization_id(event, customers), customers.get(event.organization))
        for event in listed
    ]


def _organization_id(event: Any, customers: dict[str | None, Enterprise]) -> str:
    # Of kinds without an organization, the expression gives the id of another object, such as org_domain_….
    found = str(event.organization or "")
    is_one = found in customers or (found.startswith("org_") and not found.startswith("org_domain_"))
    return found if is_one else ""


def _without_payload(events: "QuerySet[WebhookEvent]") -> "QuerySet[Any]":
    # A payload may have a megabyte.
    return events.annotate(organization=EVENT_ORGANIZATION_ID).defer("payload")
