"""Our places in the Events API: where to go on reading, and how far we have come."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway import LONGEST_RANGE
from webhooks.models import EventCursor

# A range excludes its ends, and a time is cut to milliseconds: two ranges, one after the other, overlap.
_OVERLAP = timedelta(seconds=1)


@dataclass(frozen=True)
class Place:
    """Where to read: after an event (its id), or else in ranges that begin at `start`."""

    after: str
    start: datetime

    def find_range_end(self, now: datetime) -> datetime | None:
        """The end of the next range; None if it reaches to the present."""
        end = self.start + LONGEST_RANGE
        return end if not self.after and end < now else None

    def forget_cursor(self) -> "Place":
        """WorkOS does not know the event any longer: go on where it happened."""
        return replace(self, after="")

    def move_on(self, *, last_id: str, after: str, range_end: datetime | None) -> "Place | None":
        """The place after a page whose last event is `last_id`; None if nothing is left.

        `after` is the page's own cursor, which the last page lacks. Once an event is found, its cursor leads
        through all that follow, however many ranges that are.
        """
        if cursor := after or (last_id if range_end else ""):
            return Place(cursor, self.start)
        return Place("", range_end - _OVERLAP) if range_end else None


class StreamCursor:
    """The stored cursor of one stream, moved only from where we last saw it: two readers do no harm."""

    def __init__(self, organization_id: str, names: Sequence[str]) -> None:
        self._rows = EventCursor.objects.filter(organization_id=organization_id)
        self._organization_id = organization_id
        self._names = list(names)
        self._row = self._load()

    def find_place(self, *, first_start: datetime, earliest: datetime | None) -> Place:
        """Where to go on. `first_start` is the start without a cursor; nothing before `earliest` is read."""
        row = self._row
        start = first_start
        if row.read_until and self._knows_all_names():
            start = row.read_until - _OVERLAP
        if earliest and start < earliest:
            return Place("", earliest)
        return Place(row.after if self._knows_all_names() else "", start)

    def reload(self) -> None:
        """Another process has moved it."""
        self._row = self._load()

    def move(self, after: str, read_until: datetime | None) -> bool:
        """Move it, in the transaction that records the events. False if another process has moved it."""
        unmoved = self._rows.filter(after=self._row.after, names=self._row.names)
        if not unmoved.update(
            after=after, read_until=read_until or self._row.read_until, names=self._names, error=""
        ):
            return False
        self._row = EventCursor(after=after, read_until=read_until or self._row.read_until, names=self._names)
        return True

    def mark_caught_up(self, now: datetime) -> None:
        self._rows.update(caught_up_at=now, error="")

    def mark_failed(self, error: str) -> None:
        self._rows.update(error=error)

    def _load(self) -> EventCursor:
        row, _is_new = EventCursor.objects.get_or_create(organization_id=self._organization_id)
        return row

    def _knows_all_names(self) -> bool:
        return set(self._names) <= set(self._row.names)
