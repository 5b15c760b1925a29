"""Webhook endpoints of our WorkOS environment."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway import client


@dataclass(frozen=True)
class WebhookEndpoint:
    endpoint_id: str
    url: str
    is_enabled: bool
    events: Sequence[str]
    # Never to be logged or shown in a report.
    secret: str = field(default="", repr=False)


_MAX_PAGES = 20


# https://workos.com/docs/reference/webhooks/endpoint/list
def list_webhook_endpoints() -> list[WebhookEndpoint]:
    """All endpoints of the environment. One that cannot be read does not hide the others."""
    found: list[WebhookEndpoint] = []
    params: dict[str, Any] = {"limit": 100, "order": "asc"}
    for _ in range(_MAX_PAGES):
        with client.call("list_webhook_endpoints"):
            answer = client.get_client().request_raw(
                "get", ("webhook_endpoints",), params=params, request_options=client.request_options()
            )
            data, after = answer["data"], (answer.get("list_metadata") or {}).get("after")
        if not isinstance(data, list):
            break
        found += [endpoint for one in data if (endpoint := _parse_endpoint(one))]
        if not after:
            return found
        params["after"] = after
    raise client.Unavailable("WorkOS returned a malformed or endless list.")


# https://workos.com/docs/reference/webhooks/endpoint/create
def create_webhook_endpoint(url: str, events: Sequence[str]) -> WebhookEndpoint:
    """Create an endpoint. Raises Refused with `status=409` when there is one with this URL."""
    with client.call("create_webhook_endpoint", expected_status=409):
        answer = client.get_client().request_raw(
            "post",
            ("webhook_endpoints",),
            body={"endpoint_url": url, "events": list(events)},
            request_options=client.request_options(),
        )
    return _require_endpoint(answer)


# https://workos.com/docs/reference/webhooks/endpoint/update
def update_webhook_endpoint(endpoint_id: str, *, events: Sequence[str]) -> WebhookEndpoint:
    """Subscribe the endpoint to exactly these events, and enable it."""
    with client.call("update_webhook_endpoint"):
        answer = client.get_client().request_raw(
            "patch",
            ("webhook_endpoints", endpoint_id),
            body={"events": list(events), "status": "enabled"},
            request_options=client.request_options(),
        )
    return _require_endpoint(answer)


def _require_endpoint(answer: Any) -> WebhookEndpoint:
    endpoint = _parse_endpoint(answer)
    if endpoint is None:
        raise client.Unavailable("WorkOS gave an answer that we cannot read.", status=200)
    return endpoint


def _parse_endpoint(value: Any) -> WebhookEndpoint | None:
    if not isinstance(value, dict):
        return None
    endpoint_id, url, events = (value.get(name) for name in ("id", "endpoint_url", "events"))
    if not (
        isinstance(endpoint_id, str) and endpoint_id and isinstance(url, str) and isinstance(events, list)
    ):
        return None
    return WebhookEndpoint(
        endpoint_id=endpoint_id,
        url=url,
        is_enabled=value.get("status") == "enabled",
        events=[name for name in events if isinstance(name, str)],
        secret=str(value.get("secret") or ""),
    )
