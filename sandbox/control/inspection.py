"""Looking: state, events, deliveries, mails."""

from itertools import islice
from typing import Any

from aiohttp import web

from sandbox import connections, directories, errors, organizations, parameters
from sandbox.app_keys import DISPATCHER, FAULTS, world_of
from sandbox.control.runtime import BURSTS, routes

MOST = 1000


def listed(rows: list[Any]) -> web.Response:
    return web.json_response({"data": rows})


@routes.get("/_sandbox/state")
async def state(request: web.Request) -> web.Response:
    """What there is, but the secrets of links; events and people as numbers, for they may be many."""
    world = world_of(request)
    return web.json_response(
        {
            "organizations": [organizations.as_json(world, row) for row in world.organizations],
            "connections": [connections.as_json(world, row) for row in world.connections],
            "directories": [directories.as_json(world, row) for row in world.directories],
            "webhook_endpoints": [row.as_json() for row in world.endpoints],
            "it_contacts": [row.as_json() for row in world.contacts],
            "groups": [row.as_json() for row in world.groups],
            "counts": {name: len(table) for name, table in world.tables.items()},
            "pending_deliveries": request.app[DISPATCHER].pending(),
        }
    )


@routes.get("/_sandbox/events")
async def events(request: web.Request) -> web.Response:
    """The latest of any type, oldest first. `event` and `organization_id` narrow; `limit` is 1000."""
    query = request.query
    rows = (
        event
        for event in world_of(request).events.walk(backwards=True)
        if query.get("event", event.event) == event.event
        and query.get("organization_id", event.organization_id) == event.organization_id
    )
    latest = list(islice(rows, parameters.counted(request, "limit", default=MOST)))
    return listed([event.as_json() for event in latest[::-1]])


@routes.get("/_sandbox/mails")
async def mails(request: web.Request) -> web.Response:
    """What would have been mailed to IT contacts, oldest first."""
    return listed(
        [{"to": row.to, "subject": row.subject, "link": row.link} for row in world_of(request).mails]
    )


@routes.get("/_sandbox/deliveries")
async def deliveries(request: web.Request) -> web.Response:
    """The latest, oldest first, each with its attempts. `state` and `event` narrow; `limit` is 1000."""
    query = request.query
    rows = (
        row
        for row in world_of(request).deliveries.walk(backwards=True)
        if query.get("state", row.state) == row.state and query.get("event", row.event) == row.event
    )
    latest = list(islice(rows, parameters.counted(request, "limit", default=MOST)))
    return listed([row.as_json() for row in latest[::-1]])


@routes.post("/_sandbox/deliveries/{id}/resend")
async def resend(request: web.Request) -> web.Response:
    delivery = world_of(request).deliveries.get(request.match_info["id"])
    again = request.app[DISPATCHER].resend(delivery) if delivery else None
    if again is None:
        raise errors.not_found("Delivery", request.match_info["id"])
    return web.json_response(again.as_json(), status=201)


@routes.get("/_sandbox/faults")
async def faults(request: web.Request) -> web.Response:
    return listed([fault.as_json() for fault in request.app[FAULTS].ordered])


@routes.get("/_sandbox/bursts")
async def bursts(request: web.Request) -> web.Response:
    return listed([burst.as_json() for burst in request.app[BURSTS].all])
