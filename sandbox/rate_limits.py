"""Rate limits: per API key and minute, and per directory and second."""

import time
from collections import Counter, deque

from sandbox import errors
from sandbox.store import Store

_MINUTE_MS = 60_000


class RateLimiter:
    """Counts requests per minute of the sandbox's clock, and per second of the machine's.

    A second passes for the client even when the sandbox's clock is frozen. `refused` counts the 429s.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.reset()

    def reset(self) -> None:
        self._minute = 0
        self._counts: Counter[tuple[str, str]] = Counter()
        self._recent: dict[str, deque[float]] = {}
        self.refused = 0

    def count_request(self, key: str, method: str, path: str) -> None:
        """Count one request. Raises 429 with `Retry-After` when the key is over a limit."""
        now = self._store.clock.now_ms()
        if now // _MINUTE_MS != self._minute:
            self._minute = now // _MINUTE_MS
            self._counts.clear()
        self._count(key, "requests", self._store.switches.requests_per_minute, path)
        if method == "DELETE" and path.startswith("/organizations/") and path.count("/") == 2:
            self._count(key, "deletions", self._store.switches.deletions_per_minute, path)

    def _count(self, key: str, kind: str, limit: int, path: str) -> None:
        self._counts[key, kind] += 1
        if self._counts[key, kind] > limit:
            self.refused += 1
            left_ms = _MINUTE_MS - self._store.clock.now_ms() % _MINUTE_MS
            raise errors.rate_limited(-(-left_ms // 1000), path)

    def count_directory_request(self, directory_id: str) -> None:
        """Count one request for the people of a directory. Raises 429 when the last second had too many."""
        now = time.monotonic()
        recent = self._recent.setdefault(directory_id, deque())
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if len(recent) >= self._store.switches.directory_requests_per_second:
            self.refused += 1
            raise errors.directory_rate_limited()
        recent.append(now)
