"""The control room's pages: what there is, and what was posted with its request, answer and timing."""

import json
from itertools import islice
from typing import Any

from aiohttp import web

from sandbox import errors, organizations, rendering
from sandbox.app_keys import DISPATCHER, FAULTS, world_of
from sandbox.control.runtime import BURSTS, routes
from sandbox.faults import ON_ANSWER, ON_DELIVERY
from sandbox.portal.sessions import INTENT_NAMES
from sandbox.switches import SAYS

ROWS = 100
STATUSES = (401, 403, 404, 409, 422, 429, 500, 503)


def show(
    request: web.Request, template: str, here: str, *, status: int = 200, **context: Any
) -> web.Response:
    return rendering.page(
        f"dashboard/{template}",
        referrer="same-origin",
        status=status,
        here=here,
        world=world_of(request),
        pending=request.app[DISPATCHER].pending(),
        ordered=len(request.app[FAULTS].ordered),
        **context,
    )


@routes.get("/_sandbox/")
async def overview(request: web.Request) -> web.Response:
    world = world_of(request)
    rows = [
        (
            row,
            world.connections.where(organization_id=row.id),
            world.directories.where(organization_id=row.id),
        )
        for row in islice(world.organizations.walk(backwards=True), ROWS)
    ]
    return show(request, "overview.html", "world", rows=rows)


@routes.get("/_sandbox/room/organizations/{id}")
async def organization(request: web.Request) -> web.Response:
    world = world_of(request)
    row = organizations.find(world, request.match_info["id"])
    owned = {"organization_id": row.id}
    latest = (event for event in world.events.walk(backwards=True) if event.organization_id == row.id)
    return show(
        request,
        "organization.html",
        "world",
        organization=row,
        domains=world.domains.where(**owned),
        connections=world.connections.where(**owned),
        directories=[
            (
                item,
                len(world.users.where(directory_id=item.id)),
                len(world.groups.where(directory_id=item.id)),
            )
            for item in world.directories.where(**owned)
        ],
        contacts=world.contacts.where(**owned),
        events=list(islice(latest, 20)),
        intent_names=INTENT_NAMES,
    )


@routes.get("/_sandbox/room/deliveries")
async def deliveries(request: web.Request) -> web.Response:
    world = world_of(request)
    state = request.query.get("state", "")
    rows = (row for row in world.deliveries.walk(backwards=True) if state in {"", row.state})
    return show(
        request,
        "deliveries.html",
        "deliveries",
        rows=list(islice(rows, ROWS)),
        state=state,
        endpoints=list(world.endpoints),
    )


@routes.get("/_sandbox/room/deliveries/{id}")
async def delivery(request: web.Request) -> web.Response:
    world = world_of(request)
    row = world.deliveries.get(request.match_info["id"])
    if row is None:
        raise errors.not_found("Delivery", request.match_info["id"])
    event = world.events.get(row.event_id)
    payload = json.dumps(event.as_webhook(), indent=2, ensure_ascii=False) if event else None
    return show(request, "delivery.html", "deliveries", row=row, payload=payload)


@routes.get("/_sandbox/room/faults")
async def faults(request: web.Request) -> web.Response:
    return faults_page(request)


def faults_page(request: web.Request, problem: str | None = None) -> web.Response:
    return show(
        request,
        "faults.html",
        "faults",
        status=422 if problem else 200,
        problem=problem,
        faults=request.app[FAULTS].ordered,
        on_delivery=ON_DELIVERY,
        on_answer=ON_ANSWER,
        statuses=STATUSES,
        directories=list(world_of(request).directories),
        bursts=request.app[BURSTS].all,
    )


@routes.get("/_sandbox/room/switches")
async def switches(request: web.Request) -> web.Response:
    return switches_page(request)


def switches_page(request: web.Request, problem: str | None = None) -> web.Response:
    world = world_of(request)
    rows = [(name, value, SAYS[name]) for name, value in world.switches.as_json().items()]
    return show(
        request,
        "switches.html",
        "switches",
        status=422 if problem else 200,
        problem=problem,
        rows=rows,
        now=world.clock.now(),
        frozen=world.clock.frozen,
    )


@routes.get("/_sandbox/room/mails")
async def mails(request: web.Request) -> web.Response:
    return show(request, "mails.html", "mails", rows=list(world_of(request).mails)[::-1])
