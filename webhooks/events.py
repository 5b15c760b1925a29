"""An event as handlers get it: the same from a webhook, a replay or the Events API."""

import re
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from mirror.times import parse_time
from telemetry.context import more_fields


class MissingField(ValueError):
    """The payload lacks a field that the handler needs. The message names it."""


class Event(NamedTuple):
    event_id: str
    event: str
    data: dict[str, Any]
    # The event's own time, or else the time when its delivery was signed.
    happened_at: datetime
    # When its delivery was signed, if it was delivered.
    signed_at: datetime | None = None
    # When it arrived here, whenever it is applied.
    received_at: datetime | None = None
    # What of the event itself could not be used, in words.
    problems: tuple[str, ...] = ()

    @property
    def latest(self) -> datetime:
        """No time in the event counts as later than this."""
        return self.signed_at or self.happened_at

    @property
    def delay(self) -> timedelta:
        """How long after it happened we learned of it."""
        return (self.received_at or self.happened_at) - self.happened_at

    def text(self, *path: str) -> str:
        """The text at `path` in `data`, blank if there is none: `event.text("connection", "name")`."""
        value = self._find_value(path)
        return value if isinstance(value, str) else ""

    def required(self, *path: str) -> str:
        """The text at `path` in `data`. Raises MissingField if there is none: the event then fails."""
        if not (value := self.text(*path)):
            raise MissingField(f"data.{'.'.join(path)} is missing")
        return value

    def time(self, *path: str) -> datetime | None:
        """The time at `path` in `data`, or None."""
        return parse_time(self._find_value(path))

    def _find_value(self, path: tuple[str, ...]) -> object:
        value: object = self.data
        for name in path:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value


# What WorkOS's ids look like. Anything else in their place is not for the log.
_ID = re.compile(r"[A-Za-z0-9_]{1,64}")


def name_object(event: Event) -> dict[str, Any]:
    """`extra` of a log line: the object that the event is about, and its organization."""
    ids = {"object": event.text("id"), "organization_id": event.text("organization_id")}
    return more_fields(**{name: found for name, found in ids.items() if _ID.fullmatch(found)})
