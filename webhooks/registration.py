"""Register our webhook endpoint at WorkOS for exactly the events that have a handler."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.urls import reverse

import gateway
from webhooks import conf
from webhooks.event_names import SUBSCRIBED_EVENTS

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def build_endpoint_url(site_url: str) -> str:
    """The URL that WorkOS posts to: with the token, if there is one."""
    arguments = [conf.token()] if conf.token() else []
    path = reverse("webhooks:receive", args=arguments).rstrip("/")
    return f"{site_url}{path}/"


def is_postable(url: str) -> bool:
    """Whether WorkOS accepts the URL: https, or http on loopback for its stand-in."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )


@dataclass(frozen=True)
class EndpointChange:
    """What is to be done with an endpoint. `endpoint_id` is blank for one that is to be created."""

    endpoint_id: str
    url: str
    added: Sequence[str]
    removed: Sequence[str]
    is_disabled: bool

    @property
    def action(self) -> str:
        if not self.endpoint_id:
            return "create"
        return "update" if self.added or self.removed or self.is_disabled else "none"

    def as_json(self) -> dict[str, Any]:
        return {
            "endpoint_id": self.endpoint_id,
            "url": self.url,
            "action": self.action,
            "added": list(self.added),
            "removed": list(self.removed),
            "was_disabled": self.is_disabled,
        }


def find_endpoints(url: str) -> list[gateway.WebhookEndpoint]:
    """The endpoints with this URL, with and without its final slash: two while a secret is being replaced."""
    return [one for one in gateway.list_webhook_endpoints() if one.url.rstrip("/") == url.rstrip("/")]


def plan_changes(url: str, endpoints: Sequence[gateway.WebhookEndpoint]) -> list[EndpointChange]:
    """What each endpoint lacks; one to create if there is none."""
    if not endpoints:
        return [EndpointChange("", url, SUBSCRIBED_EVENTS, (), is_disabled=False)]
    return [
        EndpointChange(
            one.endpoint_id,
            one.url,
            added=[name for name in SUBSCRIBED_EVENTS if name not in one.events],
            removed=[name for name in one.events if name not in SUBSCRIBED_EVENTS],
            is_disabled=not one.is_enabled,
        )
        for one in endpoints
    ]


def plan_second(endpoints: Sequence[gateway.WebhookEndpoint]) -> EndpointChange:
    """A second endpoint beside the only one. WorkOS refuses a URL twice, so its final slash differs."""
    (one,) = endpoints
    url = one.url.rstrip("/") if one.url.endswith("/") else f"{one.url}/"
    return EndpointChange("", url, SUBSCRIBED_EVENTS, (), is_disabled=False)


def apply_change(change: EndpointChange) -> gateway.WebhookEndpoint:
    """Create or update the endpoint. Raises gateway.Refused or gateway.Unavailable."""
    if change.endpoint_id:
        return gateway.update_webhook_endpoint(change.endpoint_id, events=SUBSCRIBED_EVENTS)
    return gateway.create_webhook_endpoint(change.url, SUBSCRIBED_EVENTS)
