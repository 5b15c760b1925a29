"""The sandbox's clock: the machine's time, shifted, or frozen for a test."""

import time
from collections.abc import Callable
from datetime import UTC, datetime


def format_timestamp(milliseconds: int) -> str:
    """Format milliseconds since 1970 as WorkOS does: ``2026-01-15T12:00:00.000Z``."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def parse_timestamp(text: str) -> int:
    """Parse an ISO 8601 time into milliseconds since 1970. Without an offset it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


# The clock stays between 1970 and the year 9000: whatever is added to it still has a four-digit year.
MAX_MILLISECONDS = 221_845_392_000_000


def _check_range(milliseconds: int) -> int:
    if not 0 <= milliseconds <= MAX_MILLISECONDS:
        raise ValueError("the clock goes from 1970 to 9000")
    return milliseconds


class Clock:
    """The only source of time for timestamps, expiries, signatures and retries."""

    def __init__(self) -> None:
        self._offset_ms = 0
        self._frozen_at: int | None = None
        self._listeners: list[Callable[[], None]] = []

    @property
    def frozen(self) -> bool:
        return self._frozen_at is not None

    def now_ms(self) -> int:
        if self._frozen_at is not None:
            return self._frozen_at
        return time.time_ns() // 1_000_000 + self._offset_ms

    def now(self) -> str:
        return format_timestamp(self.now_ms())

    def freeze(self, at_ms: int | None = None) -> None:
        """Raises ValueError."""
        self._frozen_at = self.now_ms() if at_ms is None else _check_range(at_ms)
        self._notify_listeners()

    def advance(self, seconds: float) -> None:
        """Raises ValueError."""
        step = round(seconds * 1000)
        _check_range(self.now_ms() + step)
        if self._frozen_at is not None:
            self._frozen_at += step
        else:
            self._offset_ms += step
        self._notify_listeners()

    def reset(self) -> None:
        """Return to the machine's time, running."""
        self._offset_ms = 0
        self._frozen_at = None
        self._notify_listeners()

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever the clock is set: a wait for a time of this clock must then be renewed."""
        self._listeners.append(listener)

    def _notify_listeners(self) -> None:
        for listener in self._listeners:
            listener()
