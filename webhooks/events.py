"""An event as handlers see it: the same from a webhook, a replay or the Events API."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from enterprises import objects


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

    def number(self, *path: str) -> int | None:
        found = self._find(path)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def time(self, *path: str) -> datetime | None:
        return objects.time(self._find(path))

    def version(self, of: dict[str, Any] | None = None) -> dict[str, Any]:
        """When the object in `data` (or the nested one given) was as it says, as `facts` compares it."""
        told = objects.time((self.data if of is None else of).get("updated_at"))
        return {"as_of": told or self.happened_at, "as_of_event": self.event_id}

    def _find(self, path: tuple[str, ...]) -> object:
        found: object = self.data
        for name in path:
            if not isinstance(found, dict):
                return None
            found = found.get(name)
        return found
