"""The dashboard's pages: organizations, API requests, deliveries, events, faults, settings, outbox."""

import json
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from sandbox import errors, organizations, rendering
from sandbox.app_keys import DISPATCHER, FAULTS, dashboard_routes, get_store
from sandbox.bursts import BURSTS
from sandbox.dashboard.curl import build_api_curl, build_delivery_curl
from sandbox.dashboard.event_samples import build_sample, format_json
from sandbox.dashboard.fault_forms import DELIVERY_FORMS, FORMS, RESPONSE_FORMS, describe_values
from sandbox.dashboard.listings import list_rows
from sandbox.dashboard.messages import MESSAGES
from sandbox.event_types import EVENT_TYPES
from sandbox.faults import DELIVERY_FAULTS
from sandbox.portal.sessions import INTENT_NAMES
from sandbox.presets import find_outage
from sandbox.request_log import MAX_REQUESTS, REQUEST_LOG
from sandbox.store import Store
from sandbox.switches import DESCRIPTIONS, UNDOCUMENTED, WORKOS, Switches

MAX_SUGGESTIONS = 100
MAX_EVENTS_OF_ORGANIZATION = 20
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
        app_url=_find_app_url(get_store(request)),
        **context,
    )


def _find_app_url(store: Store) -> str | None:
    """Where the application is, as far as its webhook endpoint tells."""
    endpoint = next(iter(store.endpoints), None)
    if endpoint is None:
        return None
    parts = urlsplit(endpoint.endpoint_url)
    return f"{parts.scheme}://{parts.netloc}/"


@dashboard_routes.get("/_sandbox/")
async def show_overview(request: web.Request) -> web.Response:
    store = get_store(request)
    listing = list_rows(request, store.organizations.iterate(backwards=True))
    return render_dashboard_page(
        request,
        "overview.html",
        "overview",
        listing=listing,
        connections=_group_by_organization(store.connections),
        directories=_group_by_organization(store.directories),
        outage=find_outage(request.app[FAULTS]),
        has_certificate=any(
            row.state == "active" and row.certificate_expires_at for row in store.connections
        ),
    )


def _group_by_organization(rows: Iterable[Any]) -> dict[str, list[Any]]:
    grouped: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        grouped[row.organization_id].append(row)
    return grouped


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
        listing=list_rows(request, rows),
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
    requests = [attempt["request"] for attempt in row.attempts]
    attempts = [
        (
            attempt,
            _format_body(sent["body"]),
            build_delivery_curl(row.url, sent["headers"], sent["body"]),
            _describe_changes(before, sent) if before else None,
        )
        for attempt, sent, before in zip(row.attempts, requests, [None, *requests], strict=False)
    ]
    return render_dashboard_page(
        request, "delivery.html", "deliveries", row=row, payload=payload, attempts=attempts
    )


def _describe_changes(before: dict[str, Any], sent: dict[str, Any]) -> str:
    """What a retry sends otherwise than the attempt before it."""
    changed = [name for name, value in sent["headers"].items() if before["headers"].get(name) != value]
    if sent["body"] != before["body"]:
        changed.append("the body")
    if not changed:
        return "The same request as the attempt before."
    return f"Changed since the attempt before: {', '.join(changed)}."


def _format_body(body: str) -> str:
    """The JSON on several lines; anything else as it is."""
    try:
        return format_json(json.loads(body))
    except ValueError:
        return body


@dashboard_routes.get("/_sandbox/dashboard/requests")
async def show_requests(request: web.Request) -> web.Response:
    listing = list_rows(request, request.app[REQUEST_LOG].list_newest_first())
    return render_dashboard_page(request, "requests.html", "requests", listing=listing, most=MAX_REQUESTS)


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
    """The form starts with the event `id`, or with a sample of the type `event`."""
    store = get_store(request)
    if "id" in request.query:
        stored = store.events.get(request.query["id"])
        if stored is None:
            raise errors.not_found("Event", request.query["id"])
        event, data, organization_id = stored.event, stored.payload(), stored.organization_id or ""
    else:
        event = request.query.get("event") or "organization.updated"
        data, organization_id = build_sample(store, event)
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
        organizations=list(islice(store.organizations.iterate(backwards=True), MAX_SUGGESTIONS)),
        listing=list_rows(request, store.events.iterate(backwards=True)),
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
        applied=list(request.app[FAULTS].applied)[::-1],
        delivery_faults=DELIVERY_FAULTS,
        forms=FORMS,
        describe_values=describe_values,
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
    listing = list_rows(request, get_store(request).mails.iterate(backwards=True))
    return render_dashboard_page(request, "mails.html", "mails", listing=listing)
