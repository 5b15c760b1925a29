"""Ordering: faults, ended links, bursts, whole lives, any event at all, and where webhooks go."""

from typing import Any, cast

from aiohttp import web

from sandbox import directories, errors, parameters, portal_links, scenarios, webhook_endpoints
from sandbox.app_keys import FAULTS, world_of
from sandbox.control.runtime import BURSTS, routes
from sandbox.store import World


@routes.put("/_sandbox/webhook")
async def set_webhook(request: web.Request) -> web.Response:
    """Make `{"url": …, "secret": …}` the only endpoint, for every event; without a url there is none."""
    world = world_of(request)
    values = await parameters.body(request)
    for row in world.endpoints:
        world.endpoints.drop(row.id)
    if values.get("url") is None:
        return web.Response(status=204)
    url = webhook_endpoints.read_url({"endpoint_url": values["url"]})
    endpoint = webhook_endpoints.create(world, url, secret=parameters.optional_text(values, "secret"))
    return web.json_response(endpoint.as_json(), status=201)


@routes.post("/_sandbox/events")
async def emit(request: web.Request) -> web.Response:
    """Emit any event with any data, one that WorkOS never sent too: `{"event": …, "data": {…}}`."""
    values = await parameters.body(request)
    data = values.get("data", {})
    if not isinstance(data, dict):
        raise errors.invalid("data", "invalid", "data must be an object.")
    event = world_of(request).emit(
        parameters.text(values, "event"),
        cast("dict[str, Any]", data),
        organization_id=parameters.optional_text(values, "organization_id"),
        source="system",
    )
    return web.json_response(event.as_json(), status=201)


@routes.post("/_sandbox/faults")
async def order_fault(request: web.Request) -> web.Response:
    """`{"kind": …, "times": 1, …}`; the kinds and their values are in sandbox/faults.py."""
    values = await parameters.body(request)
    try:
        fault = request.app[FAULTS].order(world_of(request).ids.new("fault"), values)
    except ValueError as error:
        raise errors.bad_request(str(error)) from error
    return web.json_response(fault.as_json(), status=201)


@routes.delete("/_sandbox/faults")
async def clear_faults(request: web.Request) -> web.Response:
    request.app[FAULTS].clear()
    return web.Response(status=204)


@routes.delete("/_sandbox/faults/{id}")
async def cancel_fault(request: web.Request) -> web.Response:
    if not request.app[FAULTS].cancel(request.match_info["id"]):
        raise errors.not_found("Fault", request.match_info["id"])
    return web.Response(status=204)


def end_links(world: World, deed: str, organization_id: str | None) -> int:
    """`expire` or `revoke` every link that still opens, of one organization or of all; how many."""
    ended = 0
    for link in world.links:
        if organization_id not in {None, link.organization_id} or link.revoked:
            continue
        if deed == "revoke":
            portal_links.revoke(world, link)
        else:
            world.links.put(world.changed(link, expires_at=world.clock.now()))
        ended += 1
    return ended


@routes.post("/_sandbox/links/{deed:expire|revoke}")
async def end_links_view(request: web.Request) -> web.Response:
    values = await parameters.body(request)
    ended = end_links(
        world_of(request), request.match_info["deed"], parameters.optional_text(values, "organization_id")
    )
    return web.json_response({"ended": ended})


@routes.post("/_sandbox/bursts")
async def start_burst(request: web.Request) -> web.Response:
    """`{"directory_id": …, "count": 100000, "event": "dsync.user.created"}`."""
    values = await parameters.body(request)
    directory = directories.find(world_of(request), parameters.text(values, "directory_id"))
    event = parameters.optional_text(values, "event") or "dsync.user.created"
    try:
        burst = request.app[BURSTS].start(directory, event, parameters.whole(values, "count", default=0))
    except ValueError as error:
        raise errors.bad_request(str(error)) from error
    return web.json_response(burst.as_json(), status=201)


@routes.post("/_sandbox/lives")
async def whole_life(request: web.Request) -> web.Response:
    """An organization's whole life, from creation to deletion: every kind of event on the way."""
    values = await parameters.body(request)
    name = parameters.optional_text(values, "name") or "Lifetime Inc."
    return web.json_response({"organization_id": scenarios.whole(world_of(request), name)}, status=201)
