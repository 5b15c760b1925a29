"""The dashboard's pages: organizations, deliveries, faults, switches, mails."""

import json
from itertools import islice
from typing import Any

from aiohttp import web

from sandbox import errors, organizations, rendering
from sandbox.app_keys import DISPATCHER, FAULTS, dashboard_routes, get_store
from sandbox.bursts import BURSTS
from sandbox.faults import DELIVERY_FAULTS
from sandbox.portal.sessions import INTENT_NAMES
from sandbox.switches import DESCRIPTIONS

MAX_ROWS = 100
MAX_EVENTS_OF_ORGANIZATION = 20
STATUSES = (401, 403, 404, 409, 422, 429, 500, 503)


def _render(
    request: web.Request, template: str, tab: str, *, status: int = 200, **context: Any
) -> web.Response:
    return rendering.render_page(
        f"dashboard/{template}",
        referrer="same-origin",
        status=status,
        tab=tab,
        store=get_store(request),
        pending=request.app[DISPATCHER].count_pending(),
        fault_count=len(request.app[FAULTS].active),
        **context,
    )


@dashboard_routes.get("/_sandbox/")
async def show_overview(request: web.Request) -> web.Response:
    store = get_store(request)
    rows = [
        (
            row,
            store.connections.filter(organization_id=row.id),
            store.directories.filter(organization_id=row.id),
        )
        for row in islice(store.organizations.iterate(backwards=True), MAX_ROWS)
    ]
    return _render(request, "overview.html", "overview", rows=rows)


@dashboard_routes.get("/_sandbox/dashboard/organizations/{id}")
async def show_organization(request: web.Request) -> web.Response:
    store = get_store(request)
    row = organizations.get_organization(store, request.match_info["id"])
    owned = {"organization_id": row.id}
    latest = (event for event in store.events.iterate(backwards=True) if event.organization_id == row.id)
    return _render(
        request,
        "organization.html",
        "overview",
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
        events=list(islice(latest, MAX_EVENTS_OF_ORGANIZATION)),
        intent_names=INTENT_NAMES,
    )


@dashboard_routes.get("/_sandbox/dashboard/deliveries")
async def show_deliveries(request: web.Request) -> web.Response:
    store = get_store(request)
    state = request.query.get("state", "")
    rows = (row for row in store.deliveries.iterate(backwards=True) if state in {"", row.state})
    return _render(
        request,
        "deliveries.html",
        "deliveries",
        rows=list(islice(rows, MAX_ROWS)),
        state=state,
        endpoints=list(store.endpoints),
    )


@dashboard_routes.get("/_sandbox/dashboard/deliveries/{id}")
async def show_delivery(request: web.Request) -> web.Response:
    store = get_store(request)
    row = store.deliveries.get(request.match_info["id"])
    if row is None:
        raise errors.not_found("Delivery", request.match_info["id"])
    event = store.events.get(row.event_id)
    payload = json.dumps(event.to_webhook_json(), indent=2, ensure_ascii=False) if event else None
    return _render(request, "delivery.html", "deliveries", row=row, payload=payload)


@dashboard_routes.get("/_sandbox/dashboard/faults")
async def show_faults(request: web.Request) -> web.Response:
    return render_faults_page(request)


def render_faults_page(request: web.Request, problem: str | None = None) -> web.Response:
    return _render(
        request,
        "faults.html",
        "faults",
        status=422 if problem else 200,
        problem=problem,
        faults=request.app[FAULTS].active,
        delivery_faults=DELIVERY_FAULTS,
        statuses=STATUSES,
        directories=list(get_store(request).directories),
        bursts=request.app[BURSTS].all,
    )


@dashboard_routes.get("/_sandbox/dashboard/switches")
async def show_switches(request: web.Request) -> web.Response:
    return render_switches_page(request)


def render_switches_page(request: web.Request, problem: str | None = None) -> web.Response:
    store = get_store(request)
    rows = [(name, value, DESCRIPTIONS[name]) for name, value in store.switches.to_json().items()]
    return _render(
        request,
        "switches.html",
        "switches",
        status=422 if problem else 200,
        problem=problem,
        rows=rows,
        now=store.clock.now(),
        frozen=store.clock.frozen,
    )


@dashboard_routes.get("/_sandbox/dashboard/mails")
async def show_mails(request: web.Request) -> web.Response:
    return _render(request, "mails.html", "mails", rows=list(get_store(request).mails)[::-1])
