"""Forms about webhooks: endpoints, events to send, deliveries to send again."""

import json
from typing import Any
from urllib.parse import quote

from aiohttp import web

from sandbox import parameters, webhook_endpoints
from sandbox.app_keys import dashboard_routes, get_store
from sandbox.control.webhooks import resend_delivery
from sandbox.dashboard.messages import redirect_with_message
from sandbox.dashboard.pages import render_events_page


@dashboard_routes.post("/_sandbox/dashboard/deliveries/{id}/resend")
async def submit_resend(request: web.Request) -> web.Response:
    path = f"dashboard/deliveries/{resend_delivery(request).id}"
    raise redirect_with_message(request, path, "Sent again. This is the new delivery.")


@dashboard_routes.post("/_sandbox/dashboard/webhook_endpoints")
async def submit_webhook_endpoint(request: web.Request) -> web.Response:
    """Add an endpoint for every event. The deliveries page shows its secret."""
    form = await parameters.parse_form(request)
    url = webhook_endpoints.parse_endpoint_url({"endpoint_url": form.get("url", "")})
    webhook_endpoints.create_endpoint(get_store(request), url, secret=form.get("secret") or None)
    raise redirect_with_message(request, "dashboard/deliveries", f"Every event now goes to {url}.")


@dashboard_routes.post("/_sandbox/dashboard/webhook_endpoints/{id}/delete")
async def submit_webhook_endpoint_deletion(request: web.Request) -> web.Response:
    store = get_store(request)
    endpoint = webhook_endpoints.get_endpoint(store, request.match_info["id"])
    store.endpoints.delete(endpoint.id)
    raise redirect_with_message(request, "dashboard/deliveries", "Removed the endpoint.")


@dashboard_routes.post("/_sandbox/dashboard/events")
async def submit_event(request: web.Request) -> web.Response:
    """Send the event with the JSON of the form."""
    form = await parameters.parse_form(request)
    event, text, organization_id = (form.get(name, "") for name in ("event", "data", "organization_id"))
    problem = None
    data: Any = {}
    try:
        data = json.loads(text)
        # Half of a surrogate pair cannot be sent on.
        json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        problem = f"Not valid JSON: {error}."
    if not problem and not isinstance(data, dict):
        problem = "The data must be a JSON object."
    if not event:
        problem = "Choose an event."
    if problem:
        return render_events_page(request, event, text, organization_id, problem)
    store = get_store(request)
    store.emit_event(event, data, organization_id=organization_id or None, source="system")
    is_posted = any(row.subscribes_to(event) for row in store.endpoints)
    outcome = f"Sent {event}." if is_posted else f"Stored {event}. No endpoint receives it as a webhook."
    raise redirect_with_message(request, f"dashboard/events?event={quote(event)}", outcome)
