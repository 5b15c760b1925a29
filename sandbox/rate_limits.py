"""Rate limits per API key and minute: of requests, and of organization deletions."""

from collections import Counter

from sandbox import errors
from sandbox.store import Store

_MINUTE_MS = 60_000


class RateLimiter:
    """Counts requests per minute of the sandbox's clock."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.reset()

    def reset(self) -> None:
        self._minute = 0
        self._counts: Counter[tuple[str, str]] = Counter()

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
            left_ms = _MINUTE_MS - self._store.clock.now_ms() % _MINUTE_MS
            raise errors.rate_limited(-(-left_ms // 1000), path)
