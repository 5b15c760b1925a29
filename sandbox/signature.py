"""The `WorkOS-Signature` header."""

import hashlib
import hmac

HEADER = "WorkOS-Signature"


def compute_signature(body: bytes, *, secret: str, t: int) -> str:
    """HMAC-SHA256 of ``t.body`` as 64 lower-case hex digits. `t` is in milliseconds since 1970."""
    return hmac.new(secret.encode(), f"{t}.".encode() + body, hashlib.sha256).hexdigest()


def build_header(body: bytes, *, secret: str, t: int) -> str:
    """The header's value: ``t=<milliseconds>, v1=<hex>``."""
    return f"t={t}, v1={compute_signature(body, secret=secret, t=t)}"
