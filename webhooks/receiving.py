"""What is accepted: headers and body in, an event or a refusal out. Knows no framework and no database.

A Django view and any other server that calls `read` give the same answers.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from webhooks import signature

MAX_BODY = 1024 * 1024
_DEEPEST = 64
_LONGEST_NAME = 255


@dataclass(frozen=True)
class Received:
    """A signed event, fit for the table."""

    event_id: str
    event: str
    payload: dict[str, Any]
    issued_at: datetime
    # The name of the secret that signed it.
    secret_name: str


class Refused(Exception):
    """Not signed by WorkOS, or not now: answer 400 and keep nothing."""

    def __init__(self, reason: signature.Reason, issued_at: datetime | None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.issued_at = issued_at


class NotAnEvent(Exception):
    """Signed by WorkOS and not an event that we can keep. To send it again would not help."""


def read(
    header: bytes | None, body: bytes, *, secrets: Mapping[str, str], tolerance: timedelta, now: datetime
) -> Received:
    """`secrets` by name. Raises Refused or NotAnEvent."""
    try:
        issued_at, signer = signature.verify(
            body, header, secrets=list(secrets.values()), tolerance=tolerance, now=now
        )
    except signature.InvalidSignature as error:
        raise Refused(error.reason, error.issued_at) from error
    payload = _event(body)
    return Received(
        event_id=payload["id"],
        event=payload["event"],
        payload=payload,
        issued_at=issued_at,
        secret_name=next(name for name, secret in secrets.items() if secret == signer),
    )


def _event(body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise NotAnEvent(f"it is not JSON ({type(error).__name__})") from None
    if not isinstance(payload, dict):
        raise NotAnEvent("it is not a JSON object")
    for name in ("id", "event"):
        value = payload.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME:
            raise NotAnEvent(f"its “{name}” is not a name")
    if not isinstance(payload.get("data"), dict):
        raise NotAnEvent("its “data” is not an object")
    _check_storable(payload)
    return payload


def _check_storable(payload: dict[str, Any]) -> None:
    """PostgreSQL's jsonb holds no NUL, no half of a surrogate pair, no NaN and no bottomless nesting."""
    level: list[Any] = [payload]
    for _ in range(_DEEPEST):
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
                raise NotAnEvent("it holds a number that is none")
        if not below:
            return
        level = below
    raise NotAnEvent("it is nested too deep")


def _check_text(text: str) -> None:
    if "\0" in text:
        raise NotAnEvent("it holds a NUL character")
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise NotAnEvent("it holds half of a surrogate pair") from None
