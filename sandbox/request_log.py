"""The log of API requests that the dashboard shows: bounded, newest last, secrets masked."""

import asyncio
import json
import re
from collections import deque
from dataclasses import dataclass
from itertools import count
from typing import Any

from aiohttp import web

MAX_REQUESTS = 200
MAX_SHOWN = 10_000
MAX_PARSED_BYTES = 2**20
MASK = "••••••"

# An Admin Portal link is a secret as a whole. A webhook endpoint's `secret` and a directory's token are, too.
_SECRET_KEYS = re.compile(r"secret|token|password|authorization|api_?key|^link$", re.IGNORECASE)
_SECRET_VALUES = re.compile(r"sk_(test|live)_|whsec_|[?&](secret|token)=")
# What a request must send again to mean the same. Authorization is never kept.
_SHOWN_HEADERS = ("Content-Type", "Idempotency-Key", "User-Agent")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """One request of the API. `target` is the path with its query; `status` is None without a response."""

    id: str
    at: str
    method: str
    target: str
    headers: dict[str, str]
    body: str
    status: int | None
    answer: str
    milliseconds: int
    request_id: str | None
    fault: str | None


class RequestLog:
    """The latest requests; older ones are forgotten."""

    def __init__(self) -> None:
        self._requests: deque[LoggedRequest] = deque(maxlen=MAX_REQUESTS)
        self._numbers = count(1)

    def new_id(self) -> str:
        return str(next(self._numbers))

    def add(self, logged: LoggedRequest) -> None:
        self._requests.append(logged)

    def get(self, logged_id: str) -> LoggedRequest | None:
        return next((item for item in self._requests if item.id == logged_id), None)

    def list_newest_first(self) -> list[LoggedRequest]:
        return list(reversed(self._requests))

    def clear(self) -> None:
        self._requests.clear()


REQUEST_LOG = web.AppKey("request_log", RequestLog)


def mask_secrets(value: Any) -> Any:
    """A copy of the JSON value in which secrets are masked."""
    if isinstance(value, dict):
        return {
            key: MASK if item and isinstance(item, str) and _SECRET_KEYS.search(key) else mask_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [mask_secrets(item) for item in value]
    if isinstance(value, str) and _SECRET_VALUES.search(value):
        return MASK
    return value


def show_body(body: bytes) -> str:
    """The body as compact JSON with masked secrets. What is not JSON is only counted: it cannot be masked."""
    if not body:
        return ""
    if len(body) > MAX_PARSED_BYTES:
        return f"({len(body)} bytes, not kept)"
    try:
        shown = json.dumps(mask_secrets(json.loads(body)), separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError):
        return f"({len(body)} bytes that are not JSON)"
    return shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}… ({len(body)} bytes)"


def show_target(request: web.Request) -> str:
    """The path and the query, with masked secrets."""
    query = {
        key: MASK if _SECRET_KEYS.search(key) or _SECRET_VALUES.search(value) else value
        for key, value in request.query.items()
    }
    return str(request.rel_url.with_query(query)) if query else request.path


async def read_request_body(request: web.Request) -> bytes:
    """The request's body; empty if it does not arrive, or is too large."""
    try:
        async with asyncio.timeout(1):
            return await request.read()
    except (TimeoutError, OSError, web.HTTPException, web.RequestPayloadError):
        return b""


def build_logged_request(
    request: web.Request,
    response: web.StreamResponse | None,
    *,
    logged_id: str,
    at: str,
    body: bytes,
    milliseconds: int,
) -> LoggedRequest:
    is_sent = response is not None and request.transport is not None and not request.transport.is_closing()
    answer = response.body if isinstance(response, web.Response) else b""
    return LoggedRequest(
        id=logged_id,
        at=at,
        method=request.method,
        target=show_target(request),
        headers={name: request.headers[name] for name in _SHOWN_HEADERS if name in request.headers},
        body=show_body(body),
        status=response.status if response is not None and is_sent else None,
        answer=show_body(answer) if is_sent and isinstance(answer, bytes) else "",
        milliseconds=milliseconds,
        request_id=response.headers.get("X-Request-ID") if response is not None else None,
        fault=request.get("fault"),
    )
