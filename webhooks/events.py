"""An event as handlers see it: the same from a webhook, a replay or the Events API."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mirror.times import parse_time


class Missing(ValueError):
    """The payload does not say what the handler cannot do without; the message names it."""


@dataclass(frozen=True)
class Event:
    event_id: str
    event: str
    data: dict[str, Any]
    # The event's own time, or the delivery's where the event has none.
    happened_at: datetime

    def text(self, *path: str) -> str:
        """The text at `path` in `data`: `event.text("connection", "name")`. Blank if there is none."""
        found = self._find(path)
        return found if isinstance(found, str) else ""

    def required(self, *path: str) -> str:
        """As `text`, but raises Missing: the event then fails, and says so."""
        if not (found := self.text(*path)):
            raise Missing(f"data.{'.'.join(path)} is missing")
        return found

    def time(self, *path: str) -> datetime | None:
        return parse_time(self._find(path))

    def _find(self, path: tuple[str, ...]) -> object:
        found: object = self.data
        for name in path:
            if not isinstance(found, dict):
                return None
            found = found.get(name)
        return found
