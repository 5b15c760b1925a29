"""Accept or refuse a delivery: headers and body in, a signed event out. Knows no framework and no database.

The Django view and any other server that call these functions give the same answers.
"""

import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from audit.client_ip import Network, Proxy, find_client_ip, is_in_networks
from mirror.text import REPLACEMENT, replace_unstorable_in
from mirror.times import parse_time, resolve_time
from webhooks.receive.queues import BLANK_QUEUE, Queue, find_queue
from webhooks.receive.reasons import Reason, Refused
from webhooks.receive.signature import verify

MAX_BODY_BYTES = 1024 * 1024
# Values in one body. The largest events have thousands.
MAX_ELEMENTS = 50_000
_MAX_DEPTH = 64
_MAX_NAME_LENGTH = 255
# The first byte of gzip, and that of zlib.
_PACKED = (b"\x1f", b"\x78")
# NUL, or half of a surrogate pair (or a whole one): most bodies have neither.
_MAY_NEED_REPLACING = re.compile(r"\\u0000|\\u[dD][89a-fA-F]|[\ud800-\udfff]")
# To the end of the body if it is not closed, so that no body takes long.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


@dataclass(frozen=True)
class Delivery:
    """A signed event that the database can hold."""

    event_id: str
    event: str
    # The payload as JSON: what was sent, unless something in it had to be replaced.
    text: str
    # When the delivery was signed, and when the event happened (None if it does not say).
    issued_at: datetime
    created_at: datetime | None
    # The name of the secret that verified it. Blank if it was read from the API.
    secret_name: str
    queue: Queue = BLANK_QUEUE


def check_source(
    remote_addr: str,
    headers: Mapping[str, str],
    *,
    sources: Sequence[Network],
    trusted_proxies: Sequence[Proxy],
) -> None:
    """Raise Refused unless the client's IP address is in `sources`. No sources allow every address."""
    if not sources:
        return
    client_ip = find_client_ip(
        remote_addr, headers.get("x-forwarded-for", ""), trusted_proxies=trusted_proxies
    )
    if client_ip is None or not is_in_networks(client_ip, sources):
        raise Refused(Reason.SOURCE_NOT_ALLOWED)


class NotAnEvent(Refused):
    """WorkOS signed it, and it cannot be recorded as an event. `body` is what was sent, unpacked."""

    def __init__(
        self, detail: str, *, body: bytes, body_length: int, signed_at: datetime, secret_name: str
    ) -> None:
        super().__init__(Reason.NOT_AN_EVENT, body_length=body_length, detail=detail)
        self.body = body
        self.signed_at = signed_at
        self.secret_name = secret_name


class _NotFinite(ValueError):
    """A number that is not one in JSON, or too large for Python."""


def _parse_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _NotFinite
    return number


def _refuse_constant(_: str) -> NoReturn:
    """NaN, Infinity and -Infinity are Python's JSON, and not PostgreSQL's."""
    raise _NotFinite


# `json.loads` would build it anew for each body.
_DECODER = json.JSONDecoder(parse_float=_parse_float, parse_constant=_refuse_constant)


class _Unreadable(Exception):
    """A body that is not an event. `body` is it, unpacked as far as that went."""

    def __init__(self, detail: str, body: bytes) -> None:
        super().__init__(detail)
        self.body = body


def accept(
    headers: Mapping[str, str],
    body: bytes,
    *,
    secrets: Mapping[str, str],
    tolerance: timedelta,
    now: datetime,
) -> Delivery:
    """Verify and parse a delivery. Raises Refused; NotAnEvent for what is signed and cannot be recorded.

    `headers`: by lower-case name (or case-insensitive), decoded as Latin-1 as WSGI and ASGI servers do.
    `secrets`: signing secrets by name. `tolerance`: how far the time of signing may be from `now`.
    """
    signature = headers.get("workos-signature")
    try:
        issued_at, matching_secret = verify(
            body,
            None if signature is None else signature.encode("latin-1", "replace"),
            secrets=list(secrets.values()),
            tolerance=tolerance,
            now=now,
        )
    except Refused as refusal:
        refusal.body_length = len(body)
        raise
    secret_name = next(name for name, secret in secrets.items() if secret == matching_secret)
    try:
        payload, text = _parse_event(_unpack(body))
    except _Unreadable as error:
        raise NotAnEvent(
            str(error),
            body=error.body,
            body_length=len(body),
            signed_at=issued_at,
            secret_name=secret_name,
        ) from None
    created_at = payload.get("created_at")
    has_time = parse_time(created_at) is not None
    return Delivery(
        event_id=payload["id"],
        event=payload["event"],
        text=text,
        issued_at=issued_at,
        created_at=resolve_time(created_at, field="created_at", fallback=issued_at, latest=issued_at).at
        if has_time
        else None,
        secret_name=secret_name,
        queue=find_queue(payload["event"], payload["data"]),
    )


def accept_listed(item: object, *, now: datetime) -> Delivery:
    """An event that the Events API lists, under the same rules. Raises NotAnEvent.

    Nobody signed it: it counts as issued when it happened, and has no secret's name.
    """
    body = b""
    try:
        body = json.dumps(item).encode()
        payload, text = _parse_event(body)
        if parse_time(payload.get("created_at")) is None:
            raise _Unreadable("its “created_at” is not a time", body)
    except (_Unreadable, RecursionError) as error:
        detail = str(error) if isinstance(error, _Unreadable) else "it is nested too deeply"
        raise NotAnEvent(detail, body=body, body_length=len(body), signed_at=now, secret_name="") from None
    created_at = resolve_time(payload["created_at"], field="created_at", fallback=now, latest=now).at
    return Delivery(
        event_id=payload["id"],
        event=payload["event"],
        text=text,
        issued_at=created_at,
        created_at=created_at,
        secret_name="",
        queue=find_queue(payload["event"], payload["data"]),
    )


def _unpack(body: bytes) -> bytes:
    """A gzip or zlib body unpacked: it may be sent as it was signed. No JSON begins as they do."""
    if body[:1] not in _PACKED:
        return body
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        unpacked = unpacker.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error:
        raise _Unreadable("its compression is damaged", body) from None
    if len(unpacked) > MAX_BODY_BYTES:
        raise _Unreadable("it is too large when unpacked", body)
    if not unpacker.eof or unpacker.unused_data:
        raise _Unreadable("its compression is damaged", body)
    return unpacked


def _parse_event(body: bytes) -> tuple[dict[str, Any], str]:
    """The event, and the same as JSON that PostgreSQL can hold."""

    def not_an_event(detail: str) -> _Unreadable:
        return _Unreadable(detail, body)

    try:
        # A byte order mark is allowed, and so is UTF-16; halves of surrogate pairs are replaced below.
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        if _count_elements(text) > MAX_ELEMENTS:
            raise not_an_event("it has too many elements")
        payload: Any = _DECODER.decode(text)
    except _NotFinite:
        raise not_an_event("it contains NaN or Infinity") from None
    except (ValueError, RecursionError) as error:
        raise not_an_event(f"it is not JSON ({type(error).__name__})") from None
    if not isinstance(payload, dict):
        raise not_an_event("it is not a JSON object")
    if _is_too_deep(text, payload):
        raise not_an_event("it is nested too deeply")
    if ("\\u" in text or not text.isascii()) and _MAY_NEED_REPLACING.search(text):
        payload = replace_unstorable_in(payload)
        text = json.dumps(payload)
    event: dict[str, Any] = payload
    for name in ("id", "event"):
        if not _is_name(event.get(name)):
            raise not_an_event(f"its “{name}” is not a short text")
    if not isinstance(event.get("data"), dict):
        raise not_an_event("its “data” is not an object")
    return event, text


def _count_elements(text: str) -> int:
    """At least as many as JSON's values, without parsing it: that takes long if there are many."""
    count = text.count(",") + _count_openings(text)
    if count > MAX_ELEMENTS:
        text = _STRING.sub("", text)
        count = text.count(",") + _count_openings(text)
    return count


def _count_openings(text: str) -> int:
    return text.count("[") + text.count("{")


def _is_name(value: object) -> bool:
    # With a replaced character it would be the name of another event.
    return (
        isinstance(value, str)
        and 0 < len(value) <= _MAX_NAME_LENGTH
        and value.isprintable()
        and REPLACEMENT not in value
    )


def _is_too_deep(text: str, payload: dict[str, Any]) -> bool:
    # Most bodies have too few objects and arrays for that.
    if _count_openings(text) <= _MAX_DEPTH:
        return False
    level: list[Any] = [payload]
    for _ in range(_MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value.values()
            elif isinstance(value, list):
                below += value
        if not below:
            return False
        level = below
    return True
