"""Verify the signature of a delivery.

`WorkOS-Signature: t=<milliseconds>, v1=<64 hex digits>`; the digits are HMAC-SHA256 over `t`, a full stop
and the body's bytes, with the secret's UTF-8 bytes as the key. Senders exist that leave out the space, send
seconds, or (while a secret is being replaced) two `v1`. Source: https://workos.com/docs/events/data-syncing/webhooks
and the samples in the official SDKs' own tests.
"""

import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from webhooks.receive.reasons import Reason, Refused

# Ten digits are seconds until the year 2286, thirteen are milliseconds; more is no valid time.
_TIME = re.compile(rb"t=([0-9]{10}(?:[0-9]{3})?)")
_SIGNATURE = re.compile(rb"v1=([0-9a-fA-F]{64})")
_MAX_HEADER_LENGTH = 1024


def verify(
    body: bytes, header: bytes | None, *, secrets: Sequence[str], tolerance: timedelta, now: datetime
) -> tuple[datetime, str]:
    """Return when `body` was signed and which of `secrets` matches. Raises Refused.

    The signature is checked before the time, so that "too old" is only ever said of what WorkOS signed.
    """
    if not header:
        raise Refused(Reason.MISSING_HEADER)
    stamp, signatures = _parse_header(header)
    secret = _find_secret(stamp + b"." + body, signatures, secrets)
    if secret is None:
        raise Refused(Reason.NO_SECRET_MATCHES)

    issued_at = datetime.fromtimestamp(int(stamp) / (1000 if len(stamp) == 13 else 1), tz=UTC)
    if issued_at < now - tolerance:
        raise Refused(Reason.TOO_OLD, issued_at=issued_at)
    if issued_at > now + tolerance:
        raise Refused(Reason.IN_THE_FUTURE, issued_at=issued_at)
    return issued_at, secret


def _parse_header(header: bytes) -> tuple[bytes, list[bytes]]:
    if len(header) > _MAX_HEADER_LENGTH:
        raise Refused(Reason.MALFORMED_HEADER)
    first, *others = [part.strip(b" ") for part in header.split(b",")]
    stamp = _TIME.fullmatch(first)
    signatures = [found[1].lower() for part in others if (found := _SIGNATURE.fullmatch(part))]
    if stamp is None or not signatures:
        raise Refused(Reason.MALFORMED_HEADER)
    return stamp[1], signatures


def _find_secret(message: bytes, signatures: Sequence[bytes], secrets: Sequence[str]) -> str | None:
    found = None
    for secret in secrets:
        # Anyone can sign with the empty key.
        if not secret:
            continue
        expected = hmac.digest(secret.encode(), message, "sha256").hex().encode()
        for signature in signatures:
            if hmac.compare_digest(expected, signature):
                found = secret
    return found
