"""Webhook endpoints, and WorkOS's API for them."""

from typing import Any

from aiohttp import web

from sandbox import errors, pagination, parameters
from sandbox.app_keys import api_routes, get_store
from sandbox.event_types import EVENT_TYPES
from sandbox.models import WebhookEndpoint
from sandbox.store import Store


def create_endpoint(
    store: Store,
    url: str,
    *,
    events: tuple[str, ...] = (WebhookEndpoint.ALL_EVENTS,),
    secret: str | None = None,
) -> WebhookEndpoint:
    return store.endpoints.put(
        WebhookEndpoint(
            id=store.ids.new_id("we"),
            endpoint_url=url,
            events=events,
            secret=secret or f"whsec_{store.ids.random_key(25)}",
            **store.new_timestamps(),
        )
    )


def parse_endpoint_url(values: dict[str, Any]) -> str:
    """Raises 422 ``invalid_url`` unless the URL is HTTPS, or HTTP on loopback."""
    url = parameters.require_text(values, "endpoint_url")
    if not parameters.is_secure_url(url):
        raise errors.ApiError(
            422, {"code": "invalid_url", "message": "endpoint_url must be an HTTPS URL (HTTP on loopback)."}
        )
    return url


def parse_event_types(values: dict[str, Any]) -> tuple[str, ...]:
    """Raises 422 ``unknown_event_type``."""
    events = parameters.require_text_list(values, "events")
    unknown = [name for name in events if name not in EVENT_TYPES]
    if unknown or not events:
        raise errors.invalid_parameter(
            "events", "unknown_event_type", f"Unknown event types: {', '.join(unknown)}"
        )
    return tuple(dict.fromkeys(events))


def _reject_duplicate_url(store: Store, url: str, *, excluding: str | None = None) -> None:
    if any(row.id != excluding for row in store.endpoints.filter(endpoint_url=url)):
        raise errors.conflict("A Webhook Endpoint with this URL already exists.", "duplicate_endpoint")


def get_endpoint(store: Store, endpoint_id: str) -> WebhookEndpoint:
    """Raises 404."""
    found = store.endpoints.get(endpoint_id)
    if found is None:
        raise errors.not_found("Webhook Endpoint", endpoint_id)
    return found


@api_routes.post("/webhook_endpoints")
async def create_endpoint_view(request: web.Request) -> web.Response:
    store = get_store(request)
    values = await parameters.parse_body(request)
    url, events = parse_endpoint_url(values), parse_event_types(values)
    _reject_duplicate_url(store, url)
    return web.json_response(create_endpoint(store, url, events=events).to_json(), status=201)


@api_routes.get("/webhook_endpoints")
async def list_endpoints_view(request: web.Request) -> web.Response:
    store = get_store(request)
    return pagination.paginate(
        request, store.endpoints, matches=lambda _row: True, serialize=WebhookEndpoint.to_json
    )


@api_routes.patch("/webhook_endpoints/{id}")
async def update_endpoint_view(request: web.Request) -> web.Response:
    store = get_store(request)
    endpoint = get_endpoint(store, request.match_info["id"])
    values = await parameters.parse_body(request)
    changes: dict[str, Any] = {}
    if "endpoint_url" in values:
        changes["endpoint_url"] = parse_endpoint_url(values)
        _reject_duplicate_url(store, changes["endpoint_url"], excluding=endpoint.id)
    if "events" in values:
        changes["events"] = parse_event_types(values)
    if "status" in values:
        if values["status"] not in {"enabled", "disabled"}:
            raise errors.invalid_parameter("status", "invalid", "status must be enabled or disabled.")
        changes["status"] = values["status"]
    return web.json_response(store.endpoints.put(store.with_changes(endpoint, **changes)).to_json())


@api_routes.delete("/webhook_endpoints/{id}")
async def delete_endpoint_view(request: web.Request) -> web.Response:
    store = get_store(request)
    store.endpoints.delete(get_endpoint(store, request.match_info["id"]).id)
    return web.Response(status=204)
