"""Control API for reading: state, events, deliveries, mails."""

from itertools import islice

from aiohttp import web

from sandbox import connections, directories, organizations, parameters
from sandbox.app_keys import DISPATCHER, RATE_LIMITER, control_routes, get_store

DEFAULT_LIMIT = 1000


@control_routes.get("/_sandbox/state")
async def get_state_view(request: web.Request) -> web.Response:
    """All objects except link secrets. There may be many events and users, so they are only counted."""
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
            "rate_limited_requests": request.app[RATE_LIMITER].refused,
        }
    )


@control_routes.get("/_sandbox/events")
async def list_all_events_view(request: web.Request) -> web.Response:
    """The latest events of any type and age, oldest first.

    Filters: `event`, `organization_id`. `limit` defaults to 1000.
    """
    query = request.query
    within = next(((name, query[name]) for name in ("organization_id", "event") if name in query), None)
    rows = (
        event
        for event in get_store(request).events.iterate(backwards=True, within=within)
        if query.get("event", event.event) == event.event
    )
    latest = list(islice(rows, parameters.parse_query_integer(request, "limit", default=DEFAULT_LIMIT)))
    return web.json_response({"data": [event.to_json() for event in latest[::-1]]})


@control_routes.get("/_sandbox/deliveries")
async def list_deliveries_view(request: web.Request) -> web.Response:
    """The latest deliveries with their attempts, oldest first.

    Filters: `state`, `event`. `limit` defaults to 1000.
    """
    query = request.query
    rows = (
        row
        for row in get_store(request).deliveries.iterate(backwards=True)
        if query.get("state", row.state) == row.state and query.get("event", row.event) == row.event
    )
    latest = list(islice(rows, parameters.parse_query_integer(request, "limit", default=DEFAULT_LIMIT)))
    return web.json_response({"data": [row.to_json() for row in latest[::-1]]})


@control_routes.get("/_sandbox/mails")
async def list_mails_view(request: web.Request) -> web.Response:
    """The mails to IT contacts, oldest first. None is really sent."""
    return web.json_response(
        {
            "data": [
                {"to": row.to, "subject": row.subject, "link": row.link} for row in get_store(request).mails
            ]
        }
    )
