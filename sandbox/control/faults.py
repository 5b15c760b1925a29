"""Ordering: faults, ended links, bursts, whole lives, any event at all, and where webhooks go."""

from typing import Any, cast

from aiohttp import web

from sandbox import directories, errors, parameters, portal_links, scenarios, webhook_endpoints
from sandbox.app_keys import FAULTS, get_store
from sandbox.control.runtime import BURSTS, routes
from sandbox.store import Store


@routes.put("/_sandbox/webhook")
async def set_webhook(request: web.Request) -> web.Response:
    """Make `{"url": …, "secret": …}` the only endpoint, for every event; without a url there is none."""
    store = get_store(request)
    values = await parameters.parse_body(request)
    for row in store.endpoints:
        store.endpoints.delete(row.id)
    if values.get("url") is None:
        return web.Response(status=204)
    url = webhook_endpoints.parse_endpoint_url({"endpoint_url": values["url"]})
    endpoint = webhook_endpoints.create_endpoint(
        store, url, secret=parameters.parse_optional_text(values, "secret")
    )
    return web.json_response(endpoint.to_json(), status=201)


@routes.post("/_sandbox/events")
async def emit(request: web.Request) -> web.Response:
    """Emit any event with any data, one that WorkOS never sent too: `{"event": …, "data": {…}}`."""
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


@routes.post("/_sandbox/faults")
async def order_fault(request: web.Request) -> web.Response:
    """`{"kind": …, "times": 1, …}`; the kinds and their values are in sandbox/faults.py."""
    values = await parameters.parse_body(request)
    try:
        fault = request.app[FAULTS].add(get_store(request).ids.new_id("fault"), values)
    except ValueError as error:
        raise errors.bad_request(str(error)) from error
    return web.json_response(fault.to_json(), status=201)


@routes.delete("/_sandbox/faults")
async def clear_faults(request: web.Request) -> web.Response:
    request.app[FAULTS].clear()
    return web.Response(status=204)


@routes.delete("/_sandbox/faults/{id}")
async def cancel_fault(request: web.Request) -> web.Response:
    if not request.app[FAULTS].cancel(request.match_info["id"]):
        raise errors.not_found("Fault", request.match_info["id"])
    return web.Response(status=204)


def end_links(store: Store, deed: str, organization_id: str | None) -> int:
    """`expire` or `revoke` every link that still opens, of one organization or of all; how many."""
    ended = 0
    for link in store.links:
        if organization_id not in {None, link.organization_id} or link.revoked:
            continue
        if deed == "revoke":
            portal_links.revoke_link(store, link)
        else:
            store.links.put(store.with_changes(link, expires_at=store.clock.now()))
        ended += 1
    return ended


@routes.post("/_sandbox/links/{deed:expire|revoke}")
async def end_links_view(request: web.Request) -> web.Response:
    values = await parameters.parse_body(request)
    ended = end_links(
        get_store(request),
        request.match_info["deed"],
        parameters.parse_optional_text(values, "organization_id"),
    )
    return web.json_response({"ended": ended})


@routes.post("/_sandbox/bursts")
async def start_burst(request: web.Request) -> web.Response:
    """`{"directory_id": …, "count": 100000, "event": "dsync.user.created"}`."""
    values = await parameters.parse_body(request)
    directory = directories.get_directory(get_store(request), parameters.require_text(values, "directory_id"))
    event = parameters.parse_optional_text(values, "event") or "dsync.user.created"
    try:
        burst = request.app[BURSTS].start(
            directory, event, parameters.parse_integer(values, "count", default=0)
        )
    except ValueError as error:
        raise errors.bad_request(str(error)) from error
    return web.json_response(burst.to_json(), status=201)


@routes.post("/_sandbox/lives")
async def whole_life(request: web.Request) -> web.Response:
    """An organization's whole life, from creation to deletion: every kind of event on the way."""
    values = await parameters.parse_body(request)
    name = parameters.parse_optional_text(values, "name") or "Lifetime Inc."
    return web.json_response(
        {"organization_id": scenarios.run_lifecycle(get_store(request), name)}, status=201
    )
