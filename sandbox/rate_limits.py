"""Rate limits: so many requests, and so many deletions of organizations, a key and minute."""

from collections import Counter

from sandbox import errors
from sandbox.store import Store

_MINUTE_MS = 60_000


class RateLimiter:
    """Counts by the minute of the sandbox's clock."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.reset()

    def reset(self) -> None:
        self._minute = 0
        self._counts: Counter[tuple[str, str]] = Counter()

    def count_request(self, key: str, method: str, path: str) -> None:
        """Raises 429 with `Retry-After` when the key has had its share of this minute."""
        now = self._store.clock.now_ms()
        if now // _MINUTE_MS != self._minute:
            self._minute = now // _MINUTE_MS
            self._counts.clear()
        self._count(key, "requests", self._store.switches.requests_per_minute, path)
        if method == "DELETE" and path.startswith("/organizations/") and path.count("/") == 2:
            self._count(key, "deletions", self._store.switches.deletions_per_minute, path)

    def _count(self, key: str, what: str, allowed: int, path: str) -> None:
        self._counts[key, what] += 1
        if self._counts[key, what] > allowed:
            left_ms = _MINUTE_MS - self._store.clock.now_ms() % _MINUTE_MS
            raise errors.rate_limited(-(-left_ms // 1000), path)
