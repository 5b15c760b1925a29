"""Looking: state, events, deliveries, mails."""

from itertools import islice
from typing import Any

from aiohttp import web

from sandbox import connections, directories, errors, organizations, parameters
from sandbox.app_keys import DISPATCHER, FAULTS, get_store
from sandbox.control.runtime import BURSTS, routes

MOST = 1000


def listed(rows: list[Any]) -> web.Response:
    return web.json_response({"data": rows})


@routes.get("/_sandbox/state")
async def state(request: web.Request) -> web.Response:
    """What there is, but the secrets of links; events and people as numbers, for they may be many."""
    store = get_store(request)
    return web.json_response(
        {
            "organizations": [
                organizations.serialize_organization(store, row) for row in store.organizations
            ],
            "connections": [connections.serialize_connection(store, row) for row in store.connections],
            "directories": [directories.serialize_directory(store, row) for row in store.directories],
            "webhook_endpoints": [row.to_json() for row in store.endpoints],
            "it_contacts": [row.to_json() for row in store.contacts],
            "groups": [row.to_json() for row in store.groups],
            "counts": {name: len(table) for name, table in store.tables.items()},
            "pending_deliveries": request.app[DISPATCHER].count_pending(),
        }
    )


@routes.get("/_sandbox/events")
async def events(request: web.Request) -> web.Response:
    """The latest of any type, oldest first. `event` and `organization_id` narrow; `limit` is 1000."""
    query = request.query
    rows = (
        event
        for event in get_store(request).events.iterate(backwards=True)
        if query.get("event", event.event) == event.event
        and query.get("organization_id", event.organization_id) == event.organization_id
    )
    latest = list(islice(rows, parameters.parse_query_integer(request, "limit", default=MOST)))
    return listed([event.to_json() for event in latest[::-1]])


@routes.get("/_sandbox/mails")
async def mails(request: web.Request) -> web.Response:
    """What would have been mailed to IT contacts, oldest first."""
    return listed(
        [{"to": row.to, "subject": row.subject, "link": row.link} for row in get_store(request).mails]
    )


@routes.get("/_sandbox/deliveries")
async def deliveries(request: web.Request) -> web.Response:
    """The latest, oldest first, each with its attempts. `state` and `event` narrow; `limit` is 1000."""
    query = request.query
    rows = (
        row
        for row in get_store(request).deliveries.iterate(backwards=True)
        if query.get("state", row.state) == row.state and query.get("event", row.event) == row.event
    )
    latest = list(islice(rows, parameters.parse_query_integer(request, "limit", default=MOST)))
    return listed([row.to_json() for row in latest[::-1]])


@routes.post("/_sandbox/deliveries/{id}/resend")
async def resend(request: web.Request) -> web.Response:
    delivery = get_store(request).deliveries.get(request.match_info["id"])
    again = request.app[DISPATCHER].resend_delivery(delivery) if delivery else None
    if again is None:
        raise errors.not_found("Delivery", request.match_info["id"])
    return web.json_response(again.to_json(), status=201)


@routes.get("/_sandbox/faults")
async def faults(request: web.Request) -> web.Response:
    return listed([fault.to_json() for fault in request.app[FAULTS].active])


@routes.get("/_sandbox/bursts")
async def bursts(request: web.Request) -> web.Response:
    return listed([burst.to_json() for burst in request.app[BURSTS].all])
