"""Sign events as WorkOS does, and post them."""

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.test import Client

EVENTS = Path(__file__).parent / "webhooks" / "events"


def payload(event: str, *, event_id: str = "", created_at: str = "", **data: Any) -> dict[str, Any]:
    """Return the recorded payload of `event`, with `data` merged into its data object."""
    body: dict[str, Any] = json.loads((EVENTS / f"{event}.json").read_text())
    body["data"].update(data)
    if event_id:
        body["id"] = event_id
    if created_at:
        body["created_at"] = created_at
    return body


def signed(body: bytes, *, secret: str | None = None, at: float | None = None) -> str:
    """Return the WorkOS-Signature header of `body`, signed at `at` (Unix time in seconds, now by default)."""
    timestamp = str(int((time.time() if at is None else at) * 1000))
    key = (secret or settings.WORKOS_WEBHOOK_SECRETS[0]).encode()
    digest = hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={timestamp}, v1={digest}"


def post(
    body: bytes, header: str | None, *, client: Client | None = None, path: str = "/webhooks/workos/"
) -> Any:
    headers = {} if header is None else {"WorkOS-Signature": header}
    return (client or Client()).post(path, body, content_type="application/json", headers=headers)


def encode(event: str | dict[str, Any], **changes: Any) -> bytes:
    """The body of a recorded event, or of a complete payload."""
    return json.dumps(payload(event, **changes) if isinstance(event, str) else event).encode()


def deliver(event: str | dict[str, Any], **changes: Any) -> HttpResponse:
    """Deliver a recorded event that has just happened, or a complete payload, signed as WorkOS does."""
    if isinstance(event, str):
        changes.setdefault("created_at", datetime.now(UTC).isoformat())
    body = encode(event, **changes)
    response: HttpResponse = post(body, signed(body))
    return response
