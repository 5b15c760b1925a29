"""The `WorkOS-Signature` header."""

import hashlib
import hmac

HEADER = "WorkOS-Signature"


def digest(body: bytes, *, secret: str, t: int) -> str:
    """HMAC-SHA256 over ``t.body``, as 64 lower-case hex digits."""
    return hmac.new(secret.encode(), f"{t}.".encode() + body, hashlib.sha256).hexdigest()


def header(body: bytes, *, secret: str, t: int) -> str:
    """``t=<milliseconds>, v1=<hex>``."""
    return f"t={t}, v1={digest(body, secret=secret, t=t)}"
