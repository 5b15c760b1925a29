"""Keep the rate limits of WorkOS in calls that nobody waits for: reading events and lists."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from gateway import client, conf

logger = logging.getLogger(__name__)

# How often a call that WorkOS refused with 429 is sent again, and the longest wait that we accept for it.
_MAX_REPEATS = 5
_LONGEST_WAIT = 120.0
# WorkOS's 429 of the directory lists has no Retry-After.
_DEFAULT_WAIT = 1.0
# A request may take less time than the one before it, and so arrive a little early.
_JITTER_SHARE = 0.06


class TokenBucket:
    """Lets `rate` calls a second pass, and up to `burst` at once after a pause. For several threads."""

    def __init__(
        self,
        rate: float,
        *,
        burst: int = 1,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._interval = 1 / rate
        self._burst = burst
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        # When the bucket is full again.
        self._full_at = clock()
        self._held_until = 0.0

    def take(self) -> None:
        """Wait for a token and take it."""
        self._sleep_until(self._reserve())
        # WorkOS may have asked us to slow down meanwhile.
        while (held := self._held_until) > self._clock():
            self._sleep_until(held)

    def hold(self, seconds: float) -> None:
        """Let nothing pass for this long: WorkOS asked for it."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock() + seconds)

    def _reserve(self) -> float:
        with self._lock:
            now = self._clock()
            self._full_at = max(self._full_at, now) + self._interval
            return self._full_at - self._burst * self._interval

    def _sleep_until(self, at: float) -> None:
        if (seconds := at - self._clock()) > 0:
            self._sleep(seconds)


@cache
def get_key_bucket() -> TokenBucket:
    """The bucket of this process for our API key: WorkOS counts requests by the key."""
    rate = conf.background_requests_per_minute() / 60
    return TokenBucket(rate, burst=max(1, int(rate)))


@cache
def get_directory_bucket(directory_id: str) -> TokenBucket:
    """The bucket for the people of one directory: no two requests closer than the limit's average."""
    return TokenBucket(conf.directory_requests_per_second() / (1 + _JITTER_SHARE))


@dataclass(frozen=True)
class Page:
    """Objects as WorkOS sends them, and the cursor of the next page (blank after the last)."""

    items: Sequence[Any]
    after: str


def request_page(
    operation: str, resource: str, params: dict[str, Any], *, bucket: TokenBucket | None = None
) -> Page:
    """GET a page of a list, within the rate limits. `bucket`: one more that must let it pass.

    Plain dicts: an object that the SDK cannot read must not hide the others. Raises Refused or Unavailable.
    """
    answer = request_patiently(operation, (resource,), params=params, bucket=bucket)
    items = answer.get("data") if isinstance(answer, dict) else None
    metadata = answer.get("list_metadata") if isinstance(answer, dict) else None
    if not isinstance(items, list) or not isinstance(metadata, dict | None):
        raise client.Unavailable("WorkOS returned a malformed list.", status=200)
    after = (metadata or {}).get("after")
    return Page(items, after if isinstance(after, str) else "")


def request_patiently(
    operation: str,
    path: tuple[str, ...],
    *,
    params: dict[str, Any] | None = None,
    bucket: TokenBucket | None = None,
    expected_status: int | None = None,
) -> Any:
    """GET what WorkOS sends, within the rate limits.

    Waits as long as a 429 says and repeats the call. Raises Refused or Unavailable (Busy if WorkOS goes on
    asking us to slow down).
    """
    buckets = [one for one in (bucket, get_key_bucket()) if one]
    for repeat in range(_MAX_REPEATS + 1):
        for one in buckets:
            one.take()
        try:
            with client.call(operation, expected_status=expected_status):
                return client.get_client().request_raw(
                    "get", path, params=params, request_options=client.request_options()
                )
        except client.Busy as busy:
            wait = _DEFAULT_WAIT if busy.retry_after is None else busy.retry_after
            if repeat == _MAX_REPEATS or wait > _LONGEST_WAIT:
                raise
            logger.info("%s: waiting %g s, WorkOS asks us to slow down", operation, wait)
            buckets[0].hold(wait)
    raise AssertionError("unreachable")
