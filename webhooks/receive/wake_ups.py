"""When to wake the workers, because events wait for them. Knows no framework and no database.

A notification is sent after the commit that records events, never in it: PostgreSQL lets commits that notify
wait for each other. A process sends at most one in 20 ms. It may be lost: workers look by themselves, too.
"""

CHANNEL = "webhook_events_due"
NOTIFY = f"NOTIFY {CHANNEL}"
# Seconds between two notifications of a process.
INTERVAL = 0.02


class WakeUps:
    """Decides which requests for a wake-up become a notification: the first at once, later ones together.

    Times are those of one monotonic clock. Used by one thread at a time.
    """

    def __init__(self) -> None:
        self.is_requested = False
        self._next_at = float("-inf")

    def request(self) -> None:
        self.is_requested = True

    def take(self, now: float) -> bool:
        """Whether to send a notification now. It counts as sent."""
        if not self.is_requested or now < self._next_at:
            return False
        self.is_requested = False
        self._next_at = now + INTERVAL
        return True

    def seconds_until_due(self, now: float) -> float | None:
        """When to ask again, or None if nothing is requested."""
        return max(self._next_at - now, 0) if self.is_requested else None
