"""Keep the rate limits of WorkOS in calls that nobody waits for: reading events and lists."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
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
# After so many calls we know about how long the quickest takes, and count on this part of it.
_ENOUGH_CALLS = 10
_SURE_SHARE = 0.75


@dataclass(eq=False)
class _Call:
    sent_at: float
    # When another call may take its place.
    free_at: float


class RateLimit:
    """Lets calls pass so that WorkOS does not count more than `rate` a second. For several threads.

    WorkOS counts a call somewhere between our sending it and its answer. So a call's place is free a second
    after its answer, less most of the quickest call's time, which any call takes on its ways: one that was
    held up does not meet those that the same thread sends after it. Other threads do not wait for its answer:
    they take its place a second after it was sent. Calls that are late catch up.
    """

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._limit = max(1, int(rate))
        self._window = self._limit / rate
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._calls: list[_Call] = []
        self._answered = 0
        self._quickest = math.inf
        self._held_until = -math.inf

    @contextmanager
    def pass_call(self) -> Iterator[None]:
        """Wait until a call may be sent. It has its answer when the block ends."""
        call = self._wait_for_place()
        try:
            yield
        finally:
            with self._lock:
                now = self._clock()
                self._answered += 1
                self._quickest = min(self._quickest, now - call.sent_at)
                lead = self._quickest * _SURE_SHARE if self._answered >= _ENOUGH_CALLS else 0
                call.free_at = now + self._window - lead

    def hold(self, seconds: float) -> None:
        """Let nothing pass for this long: WorkOS asked for it."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock() + seconds)

    def _wait_for_place(self) -> _Call:
        while True:
            with self._lock:
                now = self._clock()
                wait = self._find_free_at() - now
                if wait <= 0:
                    return self._take_place(now)
            self._sleep(wait)

    def _find_free_at(self) -> float:
        if len(self._calls) < self._limit:
            return self._held_until
        return max(self._held_until, min(one.free_at for one in self._calls))

    def _take_place(self, now: float) -> _Call:
        if len(self._calls) == self._limit:
            self._calls.remove(min(self._calls, key=lambda one: one.free_at))
        call = _Call(now, now + self._window)
        self._calls.append(call)
        return call


@cache
def get_key_limit() -> RateLimit:
    """The limit of this process for our API key: WorkOS counts requests by the key."""
    return RateLimit(conf.background_requests_per_minute() / 60)


@cache
def get_directory_limit(directory_id: str) -> RateLimit:
    """The limit for the people of one directory."""
    return RateLimit(conf.directory_requests_per_second())


@dataclass(frozen=True)
class Page:
    """Objects as WorkOS sends them, and the cursor of the next page (blank after the last)."""

    items: Sequence[Any]
    after: str


def request_page(
    operation: str, resource: str, params: dict[str, Any], *, limit: RateLimit | None = None
) -> Page:
    """GET a page of a list, within the rate limits. `limit`: one more that must let it pass.

    Plain dicts: an object that the SDK cannot read must not hide the others. Raises Refused or Unavailable.
    """
    answer = request_patiently(operation, (resource,), params=params, limit=limit)
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
    limit: RateLimit | None = None,
    expected_status: int | None = None,
) -> Any:
    """GET what WorkOS sends, within the rate limits.

    Waits as long as a 429 says and repeats the call. Raises Refused or Unavailable (Busy if WorkOS goes on
    asking us to slow down).
    """
    # The stricter one last: nothing delays the call after it.
    limits = [one for one in (get_key_limit(), limit) if one]
    for repeat in range(_MAX_REPEATS + 1):
        try:
            with ExitStack() as stack:
                for one in limits:
                    stack.enter_context(one.pass_call())
                stack.enter_context(client.call(operation, expected_status=expected_status))
                return client.get_client().request_raw(
                    "get", path, params=params, request_options=client.request_options()
                )
        except client.Busy as busy:
            wait = _DEFAULT_WAIT if busy.retry_after is None else busy.retry_after
            if repeat == _MAX_REPEATS or wait > _LONGEST_WAIT:
                raise
            logger.info("%s: waiting %g s, WorkOS asks us to slow down", operation, wait)
            limits[-1].hold(wait)
    raise AssertionError("unreachable")
