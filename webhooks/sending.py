"""Sign a delivery as WorkOS does, and post it to this application; for development."""

import hashlib
import hmac
import ipaddress
import urllib.error
import urllib.request
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 10
_MAX_ANSWER_LENGTH = 200


def sign(body: bytes, secret: str, at: datetime) -> str:
    """The WorkOS-Signature header of `body`, signed at `at`."""
    stamp = str(int(at.timestamp() * 1000))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={stamp}, v1={digest}"


def is_own_url(url: str, site_url: str) -> bool:
    """Whether the URL is on loopback or on the site itself. Nothing is sent anywhere else."""
    parts, site = urlsplit(url), urlsplit(site_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return False
    return (parts.scheme, parts.netloc) == (site.scheme, site.netloc) or _is_loopback(parts.hostname)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """A sender of webhooks follows no redirect."""


def post(url: str, body: bytes, signature: str) -> tuple[int, str]:
    """The status and the beginning of the answer. Raises OSError if there is none."""
    request = urllib.request.Request(  # noqa: S310 - see is_own_url
        url,
        data=body,
        method="POST",
        headers={"Content-Type": "application/json", "WorkOS-Signature": signature},
    )
    # No proxy: it goes to this application.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(_MAX_ANSWER_LENGTH).decode("utf-8", "replace")
