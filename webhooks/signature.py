"""Is this body from WorkOS, and when was it signed?

`WorkOS-Signature: t=<milliseconds>, v1=<64 hex digits>`; the digits are HMAC-SHA256 over `t`, a full stop
and the body's bytes, with the secret's UTF-8 bytes as the key. Senders exist that leave out the space, send
seconds, or (while a secret is being replaced) two `v1`. Source: https://workos.com/docs/events/data-syncing/webhooks
and the samples in the official SDKs' own tests.
"""

import enum
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta


class Reason(enum.StrEnum):
    """Why a delivery is refused: a bounded list, fit to be counted and shown."""

    MISSING_HEADER = "the WorkOS-Signature header is missing"
    MALFORMED_HEADER = "the WorkOS-Signature header is malformed"
    NO_SECRET_MATCHES = "no secret matches the signature"  # noqa: S105
    TOO_OLD = "it was signed too long ago"
    IN_THE_FUTURE = "it was signed in the future"


class InvalidSignature(Exception):
    def __init__(self, reason: Reason, issued_at: datetime | None = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.issued_at = issued_at


# Ten digits are seconds until the year 2286, thirteen are milliseconds; more is nobody's clock.
_TIME = re.compile(rb"t=([0-9]{10}(?:[0-9]{3})?)")
_SIGNATURE = re.compile(rb"v1=([0-9a-fA-F]{64})")
_LONGEST_HEADER = 1024


def verify(
    body: bytes, header: bytes | None, *, secrets: Sequence[str], tolerance: timedelta, now: datetime
) -> tuple[datetime, str]:
    """Return when `body` was signed and which of `secrets` did it. Raises InvalidSignature.

    The signature is checked before the time, so that "too old" is only ever said of what WorkOS did sign.
    """
    if not header:
        raise InvalidSignature(Reason.MISSING_HEADER)
    stamp, signatures = _parse(header)
    secret = _signer(stamp + b"." + body, signatures, secrets)
    if secret is None:
        raise InvalidSignature(Reason.NO_SECRET_MATCHES)

    issued_at = datetime.fromtimestamp(int(stamp) / (1000 if len(stamp) == 13 else 1), tz=UTC)
    if issued_at < now - tolerance:
        raise InvalidSignature(Reason.TOO_OLD, issued_at)
    if issued_at > now + tolerance:
        raise InvalidSignature(Reason.IN_THE_FUTURE, issued_at)
    return issued_at, secret


def _parse(header: bytes) -> tuple[bytes, list[bytes]]:
    if len(header) > _LONGEST_HEADER:
        raise InvalidSignature(Reason.MALFORMED_HEADER)
    first, *others = [part.strip(b" ") for part in header.split(b",")]
    stamp = _TIME.fullmatch(first)
    signatures = [found[1].lower() for part in others if (found := _SIGNATURE.fullmatch(part))]
    if stamp is None or not signatures:
        raise InvalidSignature(Reason.MALFORMED_HEADER)
    return stamp[1], signatures


def _signer(message: bytes, signatures: Sequence[bytes], secrets: Sequence[str]) -> str | None:
    signer = None
    for secret in secrets:
        # Anybody can sign with the empty key.
        if not secret:
            continue
        expected = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest().encode()
        for signature in signatures:
            if hmac.compare_digest(expected, signature):
                signer = secret
    return signer
