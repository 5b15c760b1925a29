"""The dashboard's pages: organizations, API requests, deliveries, events, faults, settings, outbox."""

import json
from itertools import islice
from typing import Any

from aiohttp import web

from sandbox import errors, organizations, rendering
from sandbox.app_keys import DISPATCHER, FAULTS, dashboard_routes, get_store
from sandbox.bursts import BURSTS
from sandbox.dashboard.curl import build_api_curl, build_delivery_curl
from sandbox.dashboard.event_samples import build_sample, format_json
from sandbox.dashboard.fault_forms import DELIVERY_FORMS, FORMS, RESPONSE_FORMS
from sandbox.dashboard.messages import MESSAGES
from sandbox.event_types import EVENT_TYPES
from sandbox.faults import DELIVERY_FAULTS
from sandbox.portal.sessions import INTENT_NAMES
from sandbox.presets import find_outage
from sandbox.request_log import REQUEST_LOG
from sandbox.switches import DESCRIPTIONS, UNDOCUMENTED, WORKOS, Switches

MAX_ROWS = 100
MAX_EVENTS_OF_ORGANIZATION = 20
MAX_EVENTS_SHOWN = 50
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def render_dashboard_page(
    request: web.Request, template: str, tab: str, *, status: int = 200, **context: Any
) -> web.Response:
    return rendering.render_page(
        f"dashboard/{template}",
        referrer="same-origin",
        refreshes=True,
        message=request.app[MESSAGES].take(request.query.get("message", "")),
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
    return render_dashboard_page(
        request,
        "overview.html",
        "overview",
        rows=rows,
        outage=find_outage(request.app[FAULTS]),
        has_certificate=any(
            row.state == "active" and row.certificate_expires_at for row in store.connections
        ),
    )


@dashboard_routes.get("/_sandbox/dashboard/organizations/{id}")
async def show_organization(request: web.Request) -> web.Response:
    store = get_store(request)
    row = organizations.get_organization(store, request.match_info["id"])
    owned = {"organization_id": row.id}
    latest = (event for event in store.events.iterate(backwards=True) if event.organization_id == row.id)
    return render_dashboard_page(
        request,
        "organization.html",
        "overview",
        organization=row,
        domains=store.domains.filter(**owned),
        connections=store.connections.filter(**owned),
        directories=[
            (
                item,
                store.users.count("directory_id", item.id),
                store.groups.count("directory_id", item.id),
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
    return render_dashboard_page(
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
    payload = format_json(event.to_webhook_json()) if event else None
    attempts = [
        (
            attempt,
            _format_body(attempt["request"]["body"]),
            build_delivery_curl(row.url, attempt["request"]["headers"], attempt["request"]["body"]),
        )
        for attempt in row.attempts
    ]
    return render_dashboard_page(
        request, "delivery.html", "deliveries", row=row, payload=payload, attempts=attempts
    )


def _format_body(body: str) -> str:
    """The JSON on several lines; anything else as it is."""
    try:
        return format_json(json.loads(body))
    except ValueError:
        return body


@dashboard_routes.get("/_sandbox/dashboard/requests")
async def show_requests(request: web.Request) -> web.Response:
    rows = request.app[REQUEST_LOG].list_newest_first()[:MAX_ROWS]
    return render_dashboard_page(request, "requests.html", "requests", rows=rows)


@dashboard_routes.get("/_sandbox/dashboard/requests/{id}")
async def show_request(request: web.Request) -> web.Response:
    row = request.app[REQUEST_LOG].get(request.match_info["id"])
    if row is None:
        raise errors.not_found("Request", request.match_info["id"])
    return render_dashboard_page(
        request,
        "request.html",
        "requests",
        row=row,
        body=_format_body(row.body),
        answer=_format_body(row.answer),
        curl=build_api_curl(row, get_store(request).public_url),
    )


@dashboard_routes.get("/_sandbox/dashboard/events")
async def show_events(request: web.Request) -> web.Response:
    event = request.query.get("event") or "organization.updated"
    data, organization_id = build_sample(get_store(request), event)
    return render_events_page(request, event, format_json(data), organization_id)


def render_events_page(
    request: web.Request, event: str, data: str, organization_id: str, problem: str | None = None
) -> web.Response:
    store = get_store(request)
    return render_dashboard_page(
        request,
        "events.html",
        "events",
        status=422 if problem else 200,
        problem=problem,
        event=event,
        data=data,
        organization_id=organization_id,
        event_types=EVENT_TYPES,
        organizations=list(islice(store.organizations.iterate(backwards=True), MAX_ROWS)),
        rows=list(islice(store.events.iterate(backwards=True), MAX_EVENTS_SHOWN)),
    )


@dashboard_routes.get("/_sandbox/dashboard/faults")
async def show_faults(request: web.Request) -> web.Response:
    return render_faults_page(request)


def render_faults_page(request: web.Request, problem: str | None = None) -> web.Response:
    return render_dashboard_page(
        request,
        "faults.html",
        "faults",
        status=422 if problem else 200,
        problem=problem,
        faults=request.app[FAULTS].active,
        delivery_faults=DELIVERY_FAULTS,
        forms=FORMS,
        delivery_forms=DELIVERY_FORMS,
        response_forms=RESPONSE_FORMS,
        methods=METHODS,
        directories=list(get_store(request).directories),
        bursts=request.app[BURSTS].all,
    )


@dashboard_routes.get("/_sandbox/dashboard/switches")
async def show_switches(request: web.Request) -> web.Response:
    return render_switches_page(request)


def render_switches_page(request: web.Request, problem: str | None = None) -> web.Response:
    store = get_store(request)
    defaults = Switches().to_json()
    rows = [
        (name, value, defaults[name], DESCRIPTIONS[name], WORKOS[name])
        for name, value in store.switches.to_json().items()
    ]
    return render_dashboard_page(
        request,
        "switches.html",
        "switches",
        status=422 if problem else 200,
        problem=problem,
        undocumented=[row for row in rows if row[0] in UNDOCUMENTED],
        others=[row for row in rows if row[0] not in UNDOCUMENTED],
        now=store.clock.now(),
        frozen=store.clock.frozen,
    )


@dashboard_routes.get("/_sandbox/dashboard/mails")
async def show_mails(request: web.Request) -> web.Response:
    return render_dashboard_page(request, "mails.html", "mails", rows=list(get_store(request).mails)[::-1])
