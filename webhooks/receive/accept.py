"""Accept or refuse a delivery: headers and body in, a signed event out. Knows no framework and no database.

The Django view and any other server that call these functions give the same answers.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from audit.client_ip import Network, Proxy, find_client_ip, is_in_networks
from mirror.times import parse_time
from webhooks.receive.reasons import Reason, Refused
from webhooks.receive.signature import verify

MAX_BODY_BYTES = 1024 * 1024
_MAX_DEPTH = 64
_MAX_NAME_LENGTH = 255


@dataclass(frozen=True)
class Delivery:
    """A signed event that the database can hold."""

    event_id: str
    event: str
    payload: dict[str, Any]
    # When the delivery was signed, and when the event happened (None if it does not say).
    issued_at: datetime
    created_at: datetime | None
    # The name of the secret that verified it.
    secret_name: str


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


def accept(
    headers: Mapping[str, str],
    body: bytes,
    *,
    secrets: Mapping[str, str],
    tolerance: timedelta,
    now: datetime,
) -> Delivery:
    """Verify and parse a delivery. Raises Refused.

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
        payload = _parse_event(body)
    except Refused as refusal:
        refusal.body_length = len(body)
        raise
    return Delivery(
        event_id=payload["id"],
        event=payload["event"],
        payload=payload,
        issued_at=issued_at,
        created_at=parse_time(payload.get("created_at")),
        secret_name=next(name for name, secret in secrets.items() if secret == matching_secret),
    )


def _parse_event(body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _not_an_event(f"it is not JSON ({type(error).__name__})") from None
    if not isinstance(payload, dict):
        raise _not_an_event("it is not a JSON object")
    for name in ("id", "event"):
        value = payload.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= _MAX_NAME_LENGTH:
            raise _not_an_event(f"its “{name}” is not a short text")
    if not isinstance(payload.get("data"), dict):
        raise _not_an_event("its “data” is not an object")
    _check_storable(payload)
    return payload


def _check_storable(payload: dict[str, Any]) -> None:
    """Raise Refused for what PostgreSQL's jsonb cannot hold: NUL, lone surrogates, NaN, deep nesting."""
    level: list[Any] = [payload]
    for _ in range(_MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value.keys()
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str):
                _check_text(value)
            elif isinstance(value, float) and not math.isfinite(value):
                raise _not_an_event("it contains NaN or Infinity")
        if not below:
            return
        level = below
    raise _not_an_event("it is nested too deeply")


def _check_text(text: str) -> None:
    if "\0" in text:
        raise _not_an_event("it contains a NUL character")
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise _not_an_event("it contains half of a surrogate pair") from None


def _not_an_event(detail: str) -> Refused:
    return Refused(Reason.NOT_AN_EVENT, detail=detail)
