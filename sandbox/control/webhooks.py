"""Control API for webhooks: set the endpoint, emit events one by one or in bursts, resend a delivery."""

from typing import Any, cast

from aiohttp import web

from sandbox import directories, errors, parameters, webhook_endpoints
from sandbox.app_keys import DISPATCHER, control_routes, get_store
from sandbox.bursts import BURSTS
from sandbox.models import Delivery


@control_routes.put("/_sandbox/webhook")
async def set_webhook_view(request: web.Request) -> web.Response:
    """Make ``{"url": …, "secret": …}`` the only endpoint, for every event. Without `url` there is none."""
    store = get_store(request)
    values = await parameters.parse_body(request)
    for row in store.endpoints:
        store.endpoints.delete(row.id)
    if values.get("url") is None:
        return web.Response(status=204)
    url = webhook_endpoints.parse_endpoint_url({"endpoint_url": values["url"]})
    secret = parameters.parse_optional_text(values, "secret")
    endpoint = webhook_endpoints.create_endpoint(store, url, secret=secret)
    return web.json_response(endpoint.to_json(), status=201)


@control_routes.post("/_sandbox/events")
async def emit_event_view(request: web.Request) -> web.Response:
    """Emit ``{"event": …, "data": {…}}``. The event type may be one that WorkOS does not have."""
    values = await parameters.parse_body(request)
    data = values.get("data", {})
    if not isinstance(data, dict):
        raise errors.invalid_parameter("data", "invalid", "data must be an object.")
    event = get_store(request).emit_event(
        parameters.require_text(values, "event"),
        cast("dict[str, Any]", data),
        organization_id=parameters.parse_optional_text(values, "organization_id"),
        source="system",
    )
    return web.json_response(event.to_json(), status=201)


@control_routes.post("/_sandbox/deliveries/{id}/resend")
async def resend_delivery_view(request: web.Request) -> web.Response:
    return web.json_response(resend_delivery(request).to_json(), status=201)


def resend_delivery(request: web.Request) -> Delivery:
    """Send the delivery that the URL names again, as a new delivery of the same event. Raises 404."""
    delivery = get_store(request).deliveries.get(request.match_info["id"])
    resent = request.app[DISPATCHER].resend_delivery(delivery) if delivery else None
    if resent is None:
        raise errors.not_found("Delivery", request.match_info["id"])
    return resent


@control_routes.get("/_sandbox/bursts")
async def list_bursts_view(request: web.Request) -> web.Response:
    return web.json_response({"data": [burst.to_json() for burst in request.app[BURSTS].all]})


@control_routes.post("/_sandbox/bursts")
async def start_burst_view(request: web.Request) -> web.Response:
    """Start ``{"directory_id": …, "count": 100000, "event": "dsync.user.created"}``. Raises 400, 404."""
    values = await parameters.parse_body(request)
    directory_id = parameters.require_text(values, "directory_id")
    directory = directories.get_directory(get_store(request), directory_id)
    event = parameters.parse_optional_text(values, "event") or "dsync.user.created"
    count = parameters.parse_integer(values, "count", default=0, most=10**7)
    try:
        burst = request.app[BURSTS].start(directory, event, count)
    except ValueError as error:
        raise errors.bad_request(str(error)) from error
    return web.json_response(burst.to_json(), status=201)
