"""Webhook endpoints: where events are posted, and with which secret they are signed."""

from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from sandbox import errors, pagination, parameters
from sandbox.app_keys import routes, world_of
from sandbox.event_types import EVENT_TYPES
from sandbox.models import WebhookEndpoint
from sandbox.store import World

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def create(
    world: World,
    url: str,
    *,
    events: tuple[str, ...] = (WebhookEndpoint.EVERYTHING,),
    secret: str | None = None,
) -> WebhookEndpoint:
    return world.endpoints.put(
        WebhookEndpoint(
            id=world.ids.new("we"),
            endpoint_url=url,
            events=events,
            secret=secret or f"whsec_{world.ids.key(25)}",
            **world.born(),
        )
    )


def read_url(values: dict[str, Any]) -> str:
    """Raises 422 ``invalid_url``: HTTPS, or HTTP to this machine."""
    url = parameters.text(values, "endpoint_url")
    try:
        parts = urlsplit(url)
        sound = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        sound = sound and bool(parts.hostname)
    except ValueError:
        sound = False
    if not sound:
        raise errors.Refusal(
            422, {"code": "invalid_url", "message": "endpoint_url must be an HTTPS URL (HTTP on loopback)."}
        )
    return url


def read_events(values: dict[str, Any]) -> tuple[str, ...]:
    events = parameters.texts(values, "events")
    unknown = [name for name in events if name not in EVENT_TYPES]
    if unknown or not events:
        raise errors.invalid("events", "unknown_event_type", f"Unknown event types: {', '.join(unknown)}")
    return tuple(dict.fromkeys(events))


def _refuse_duplicate(world: World, url: str, *, besides: str | None = None) -> None:
    if any(row.id != besides for row in world.endpoints.where(endpoint_url=url)):
        raise errors.conflict("A Webhook Endpoint with this URL already exists.", "duplicate_endpoint")


def find(world: World, endpoint_id: str) -> WebhookEndpoint:
    """Raises 404."""
    found = world.endpoints.get(endpoint_id)
    if found is None:
        raise errors.not_found("Webhook Endpoint", endpoint_id)
    return found


@routes.post("/webhook_endpoints")
async def create_view(request: web.Request) -> web.Response:
    world = world_of(request)
    values = await parameters.body(request)
    url, events = read_url(values), read_events(values)
    _refuse_duplicate(world, url)
    return web.json_response(create(world, url, events=events).as_json(), status=201)


@routes.get("/webhook_endpoints")
async def list_view(request: web.Request) -> web.Response:
    world = world_of(request)
    return pagination.page(request, world.endpoints, keep=lambda _row: True, show=WebhookEndpoint.as_json)


@routes.patch("/webhook_endpoints/{id}")
async def update_view(request: web.Request) -> web.Response:
    world = world_of(request)
    endpoint = find(world, request.match_info["id"])
    values = await parameters.body(request)
    changes: dict[str, Any] = {}
    if "endpoint_url" in values:
        changes["endpoint_url"] = read_url(values)
        _refuse_duplicate(world, changes["endpoint_url"], besides=endpoint.id)
    if "events" in values:
        changes["events"] = read_events(values)
    if "status" in values:
        if values["status"] not in {"enabled", "disabled"}:
            raise errors.invalid("status", "invalid", "status must be enabled or disabled.")
        changes["status"] = values["status"]
    return web.json_response(world.endpoints.put(world.changed(endpoint, **changes)).as_json())


@routes.delete("/webhook_endpoints/{id}")
async def delete_view(request: web.Request) -> web.Response:
    world = world_of(request)
    world.endpoints.drop(find(world, request.match_info["id"]).id)
    return web.Response(status=204)
