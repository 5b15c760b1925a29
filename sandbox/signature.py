"""The `WorkOS-Signature` header."""

import hashlib
import hmac

HEADER = "WorkOS-Signature"


def compute_signature(body: bytes, *, secret: str, t: int) -> str:
    """HMAC-SHA256 over ``t.body``, as 64 lower-case hex digits."""
    return hmac.new(secret.encode(), f"{t}.".encode() + body, hashlib.sha256).hexdigest()


def build_header(body: bytes, *, secret: str, t: int) -> str:
    """``t=<milliseconds>, v1=<hex>``."""
    return f"t={t}, v1={compute_signature(body, secret=secret, t=t)}"
