"""The control room's pages: what there is, and what was posted with its request, answer and timing."""

import json
from itertools import islice
from typing import Any

from aiohttp import web

from sandbox import errors, organizations, rendering
from sandbox.app_keys import DISPATCHER, FAULTS, get_store
from sandbox.control.runtime import BURSTS, routes
from sandbox.faults import DELIVERY_FAULTS, RESPONSE_FAULTS
from sandbox.portal.sessions import INTENT_NAMES
from sandbox.switches import DESCRIPTIONS

ROWS = 100
STATUSES = (401, 403, 404, 409, 422, 429, 500, 503)


def show(
    request: web.Request, template: str, here: str, *, status: int = 200, **context: Any
) -> web.Response:
    return rendering.render_page(
        f"dashboard/{template}",
        referrer="same-origin",
        status=status,
        here=here,
        store=get_store(request),
        pending=request.app[DISPATCHER].count_pending(),
        ordered=len(request.app[FAULTS].active),
        **context,
    )


@routes.get("/_sandbox/")
async def overview(request: web.Request) -> web.Response:
    store = get_store(request)
    rows = [
        (
            row,
            store.connections.filter(organization_id=row.id),
            store.directories.filter(organization_id=row.id),
        )
        for row in islice(store.organizations.iterate(backwards=True), ROWS)
    ]
    return show(request, "overview.html", "world", rows=rows)


@routes.get("/_sandbox/room/organizations/{id}")
async def organization(request: web.Request) -> web.Response:
    store = get_store(request)
    row = organizations.get_organization(store, request.match_info["id"])
    owned = {"organization_id": row.id}
    latest = (event for event in store.events.iterate(backwards=True) if event.organization_id == row.id)
    return show(
        request,
        "organization.html",
        "world",
        organization=row,
        domains=store.domains.filter(**owned),
        connections=store.connections.filter(**owned),
        directories=[
            (
                item,
                len(store.users.filter(directory_id=item.id)),
                len(store.groups.filter(directory_id=item.id)),
            )
            for item in store.directories.filter(**owned)
        ],
        contacts=store.contacts.filter(**owned),
        events=list(islice(latest, 20)),
        intent_names=INTENT_NAMES,
    )


@routes.get("/_sandbox/room/deliveries")
async def deliveries(request: web.Request) -> web.Response:
    store = get_store(request)
    state = request.query.get("state", "")
    rows = (row for row in store.deliveries.iterate(backwards=True) if state in {"", row.state})
    return show(
        request,
        "deliveries.html",
        "deliveries",
        rows=list(islice(rows, ROWS)),
        state=state,
        endpoints=list(store.endpoints),
    )


@routes.get("/_sandbox/room/deliveries/{id}")
async def delivery(request: web.Request) -> web.Response:
    store = get_store(request)
    row = store.deliveries.get(request.match_info["id"])
    if row is None:
        raise errors.not_found("Delivery", request.match_info["id"])
    event = store.events.get(row.event_id)
    payload = json.dumps(event.to_webhook_json(), indent=2, ensure_ascii=False) if event else None
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
        faults=request.app[FAULTS].active,
        on_delivery=DELIVERY_FAULTS,
        on_answer=RESPONSE_FAULTS,
        statuses=STATUSES,
        directories=list(get_store(request).directories),
        bursts=request.app[BURSTS].all,
    )


@routes.get("/_sandbox/room/switches")
async def switches(request: web.Request) -> web.Response:
    return switches_page(request)


def switches_page(request: web.Request, problem: str | None = None) -> web.Response:
    store = get_store(request)
    rows = [(name, value, DESCRIPTIONS[name]) for name, value in store.switches.to_json().items()]
    return show(
        request,
        "switches.html",
        "switches",
        status=422 if problem else 200,
        problem=problem,
        rows=rows,
        now=store.clock.now(),
        frozen=store.clock.frozen,
    )


@routes.get("/_sandbox/room/mails")
async def mails(request: web.Request) -> web.Response:
    return show(request, "mails.html", "mails", rows=list(get_store(request).mails)[::-1])
