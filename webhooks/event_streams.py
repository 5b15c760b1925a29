"""Read the Events API for one organization, in order, and record each page with our place in it."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

import gateway
from webhooks.event_cursors import Place, StreamCursor
from webhooks.event_names import SUBSCRIBED_EVENTS
from webhooks.listed_events import ListedEvents, Tally, parse_items, record_listed
from webhooks.receive.accept import Delivery

# How far back we read where we have no place yet: WorkOS keeps events for 30 days.
FIRST_READ = timedelta(days=30)
# They tell of organizations that may be new to us.
ORGANIZATION_EVENTS = ("organization.created", "organization.updated", "organization.deleted")


@dataclass(frozen=True)
class Stream:
    """The events of one organization; or, with no `organization_id`, those that tell of organizations."""

    organization_id: str
    # What people call it.
    name: str
    # Their events are read for them, not in this stream.
    excluded_ids: frozenset[str] = frozenset()

    @property
    def names(self) -> Sequence[str]:
        return SUBSCRIBED_EVENTS if self.organization_id else ORGANIZATION_EVENTS


@dataclass
class StreamReport:
    stream: Stream
    tally: Tally = field(default_factory=Tally)
    unreadable: list[str] = field(default_factory=list)
    # How far it was read, and why not further (blank: to the end).
    read_until: datetime | None = None
    error: str = ""


@dataclass(frozen=True)
class Reading:
    """How to read: from `since`, or else from the stored cursors."""

    since: datetime | None
    pruned_before: datetime | None
    now: datetime
    stop: threading.Event
    report_progress: Callable[[StreamReport], None]


class Stopped(Exception):
    """It was told to stop. What was read is kept."""


def read_stream(stream: Stream, reading: Reading) -> StreamReport:
    """Read what is new and record it. Safe to end at any moment, and to run twice at once.

    No transaction is open across the network. A failure of WorkOS is in the report.
    """
    report = StreamReport(stream)
    cursor = None if reading.since else StreamCursor(stream.organization_id, stream.names)
    try:
        _read_pages(stream, reading, cursor, report)
    except Stopped:
        report.error = "Stopped before the end."
    except gateway.GatewayError as error:
        report.error = f"{error} (request {error.request_id})" if error.request_id else str(error)
    if cursor and report.error:
        cursor.mark_failed(report.error)
    elif cursor:
        cursor.mark_caught_up(reading.now)
    return report


def _read_pages(stream: Stream, reading: Reading, cursor: StreamCursor | None, report: StreamReport) -> None:
    place: Place | None = _find_start(reading, cursor)
    while place:
        if reading.stop.is_set():
            raise Stopped
        range_end = place.find_range_end(reading.now)
        try:
            page = gateway.list_events(
                stream.names,
                organization_id=stream.organization_id,
                after=place.after,
                range_start=None if place.after else place.start,
                range_end=range_end,
            )
        except gateway.CursorForgotten:
            place = place.forget_cursor()
            continue
        listed = _exclude(stream, parse_items(page.items, now=reading.now))
        if not _record_page(listed, page.after, reading, cursor, report):
            # Another process reads it, too, and is ahead of us.
            place = _find_start(reading, cursor)
            continue
        reading.report_progress(report)
        if page.after and page.after == place.after:
            raise gateway.Unavailable("WorkOS's list of events leads back to itself.", status=200)
        place = place.move_on(last_id=listed.last_id, after=page.after, range_end=range_end)


def _find_start(reading: Reading, cursor: StreamCursor | None) -> Place:
    earliest = reading.pruned_before
    if cursor:
        return cursor.find_place(first_start=reading.now - FIRST_READ, earliest=earliest)
    start = reading.since or reading.now - FIRST_READ
    return Place("", max(start, earliest) if earliest else start)


def _exclude(stream: Stream, listed: ListedEvents) -> ListedEvents:
    if not stream.excluded_ids:
        return listed
    others = [one for one in listed.deliveries if _find_object_id(one) not in stream.excluded_ids]
    return ListedEvents(others, listed.unreadable, listed.last_id)


def _find_object_id(delivery: Delivery) -> str:
    # Of any type: nobody has looked at it yet.
    return str(json.loads(delivery.text)["data"].get("id"))


def _record_page(
    listed: ListedEvents, after: str, reading: Reading, cursor: StreamCursor | None, report: StreamReport
) -> bool:
    """Record a page and move the cursor, in one transaction. False if another process has moved it."""
    with transaction.atomic():
        tally = record_listed(listed, pruned_before=reading.pruned_before, now=reading.now)
        is_moved = True
        if cursor and (last_id := listed.last_id or after):
            is_moved = cursor.move(last_id, listed.newest_at)
    if not is_moved and cursor:
        cursor.reload()
        return False
    report.tally.add(tally)
    report.unreadable += [str(one) for one in listed.unreadable]
    report.read_until = listed.newest_at or report.read_until
    return True
