"""The dashboard's forms. Each does what the control API's call of the same name does, then redirects."""

import json
import re
from typing import Any
from urllib.parse import quote

from aiohttp import web

from sandbox import (
    connections,
    directories,
    domains,
    errors,
    organizations,
    parameters,
    portal_links,
    presets,
    saved_state,
    scenarios,
    webhook_endpoints,
)
from sandbox.app_keys import DISPATCHER, FAULTS, dashboard_routes, get_store
from sandbox.bursts import BURSTS, check_burst
from sandbox.control.runtime import freeze_clock
from sandbox.control.simulation import change_connection, change_directory, end_links
from sandbox.control.webhooks import resend_delivery
from sandbox.dashboard.fault_forms import FORMS, parse_fault
from sandbox.dashboard.messages import redirect_with_message
from sandbox.dashboard.pages import (
    render_dashboard_page,
    render_events_page,
    render_faults_page,
    render_switches_page,
)
from sandbox.initial_state import reset_sandbox
from sandbox.models import Organization, OrganizationDomain

CONNECTION_MESSAGES = {
    "activate": "{name} is active. Sent connection.activated.",
    "deactivate": "{name} is inactive. Sent connection.deactivated.",
    "delete": "Deleted {name}. Sent connection.deleted.",
    "renew_certificate": "Renewed the certificate of {name}. Sent connection.saml_certificate_renewed.",
    "expire_certificate": "The certificate of {name} expires in {days} days. "
    "Sent connection.saml_certificate_renewal_required.",
}
NO_EVENT = "WorkOS sends no event for this: your app learns of it when it asks."
DIRECTORY_MESSAGES = {
    "activate": "{name} is linked. Sent dsync.activated.",
    "unlink": "{name} is unlinked. " + NO_EVENT,
    "refuse": "{name} refuses its credentials. " + NO_EVENT,
    "delete": "Deleted {name}. Sent dsync.deleted.",
}


def _parse_number(text: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a number") from error
    if not abs(number) <= parameters.MAX_NUMBER:
        raise ValueError(f"{text!r} is out of range")
    return int(number) if number.is_integer() else number


def _parse_days(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,5}", text):
        raise errors.invalid_parameter("days", "invalid", "days must be a whole number.")
    return int(text)


@dashboard_routes.post("/_sandbox/dashboard/reset")
async def submit_reset(request: web.Request) -> web.Response:
    await reset_sandbox(request.app)
    raise redirect_with_message(request, "", "The sandbox is reset.")


@dashboard_routes.post("/_sandbox/dashboard/organizations")
async def submit_organization(request: web.Request) -> web.Response:
    name = (await parameters.parse_form(request)).get("name") or "Acme"
    organization = organizations.create_organization(get_store(request), {"name": name}, source="dashboard")
    raise _redirect_to_organization(
        request, organization.id, f"Added {organization.name}. Sent organization.created."
    )


def _redirect_to_organization(
    request: web.Request, organization_id: str, text: str, tone: str = "good"
) -> web.HTTPSeeOther:
    return redirect_with_message(request, f"dashboard/organizations/{organization_id}", text, tone)


def _get_organization(request: web.Request) -> Organization:
    return organizations.get_organization(get_store(request), request.match_info["id"])


@dashboard_routes.post("/_sandbox/dashboard/organizations/{id}/delete")
async def submit_organization_deletion(request: web.Request) -> web.Response:
    store = get_store(request)
    organization = organizations.get_organization(store, request.match_info["id"])
    organizations.delete_organization(store, organization, source="dashboard")
    raise redirect_with_message(request, "", f"Deleted {organization.name}. Sent organization.deleted.")


@dashboard_routes.post("/_sandbox/dashboard/organizations/{id}/portal")
async def submit_portal_launch(request: web.Request) -> web.Response:
    """Create a Portal Link, as an application would, and redirect to it."""
    store = get_store(request)
    organization = organizations.get_organization(store, request.match_info["id"])
    intent = (await parameters.parse_form(request)).get("intent", "")
    intents = (intent,) if intent in portal_links.INTENTS else portal_links.INTENTS
    return_url = f"{store.public_url}/_sandbox/dashboard/organizations/{organization.id}"
    link = portal_links.create_link(
        store, organization.id, intents, return_url=return_url, success_url=return_url
    )
    raise web.HTTPSeeOther(f"/portal/launch?secret={link.secret}", headers={"Referrer-Policy": "no-referrer"})


@dashboard_routes.post("/_sandbox/dashboard/organizations/{id}/connections")
async def submit_connection(request: web.Request) -> web.Response:
    """Create an active Okta connection."""
    store = get_store(request)
    organization = organizations.get_organization(store, request.match_info["id"])
    connection = scenarios.set_up_connection(store, organization, "OktaSAML")
    text = f"{connection.name} is active. Sent connection.activated."
    raise _redirect_to_organization(request, organization.id, text)


@dashboard_routes.post("/_sandbox/dashboard/connections/{id}/{action}")
async def submit_connection_action(request: web.Request) -> web.Response:
    store = get_store(request)
    connection = connections.get_connection(store, request.match_info["id"])
    days = _parse_days((await parameters.parse_form(request)).get("days", "30"))
    action = request.match_info["action"]
    change_connection(store, connection, action, days=days)
    text = CONNECTION_MESSAGES[action].format(name=connection.name, days=days)
    raise _redirect_to_organization(request, connection.organization_id, text)


@dashboard_routes.post("/_sandbox/dashboard/organizations/{id}/directories")
async def submit_directory(request: web.Request) -> web.Response:
    """Create a linked Okta directory with three users."""
    store = get_store(request)
    organization = organizations.get_organization(store, request.match_info["id"])
    directory = scenarios.set_up_directory(store, organization, "okta scim v2.0", users=3)
    text = f"{directory.name} is linked, with three people. Sent dsync.activated and dsync.user.created."
    raise _redirect_to_organization(request, organization.id, text)


@dashboard_routes.post("/_sandbox/dashboard/directories/{id}/{action:activate|unlink|refuse|delete}")
async def submit_directory_action(request: web.Request) -> web.Response:
    store = get_store(request)
    directory = directories.get_directory(store, request.match_info["id"])
    action = request.match_info["action"]
    change_directory(store, directory, action)
    text = DIRECTORY_MESSAGES[action].format(name=directory.name)
    raise _redirect_to_organization(request, directory.organization_id, text)


@dashboard_routes.post("/_sandbox/dashboard/organizations/{id}/domains")
async def submit_domain(request: web.Request) -> web.Response:
    """Add a pending domain."""
    store, organization = get_store(request), _get_organization(request)
    name = (await parameters.parse_form(request)).get("domain", "").lower()
    if not parameters.is_domain(name):
        text = f"“{name}” is not a domain. Write one such as acme.example."
        raise _redirect_to_organization(request, organization.id, text, "bad")
    if domains.find_domain(store, organization.id, name) or domains.is_domain_taken(
        store, name, excluding=organization.id
    ):
        raise _redirect_to_organization(request, organization.id, f"{name} is already taken.", "bad")
    domains.emit_domain_created(
        store, domains.add_domain(store, organization.id, name), source="admin_portal"
    )
    text = f"Added {name}. Sent organization_domain.created."
    raise _redirect_to_organization(request, organization.id, text)


@dashboard_routes.post("/_sandbox/dashboard/domains/{id}/{action:verify|fail|delete}")
async def submit_domain_action(request: web.Request) -> web.Response:
    """`verify` the domain, as if its DNS record were there; let it `fail`; or `delete` it."""
    store = get_store(request)
    domain = domains.get_domain(store, request.match_info["id"])
    text, tone = _change_domain(request, domain, request.match_info["action"])
    raise _redirect_to_organization(request, domain.organization_id, text, tone)


def _change_domain(request: web.Request, domain: OrganizationDomain, action: str) -> tuple[str, str]:
    """Returns the message and its tone."""
    store = get_store(request)
    if action == "delete":
        domains.delete_domain(store, domain, source="dashboard")
        return f"Deleted {domain.domain}. Sent organization_domain.deleted.", "good"
    if action == "fail":
        domains.fail_domain(store, domain, "domain_verification_period_expired")
        return f"{domain.domain} failed. Sent organization_domain.verification_failed.", "good"
    store.published_dns.add(domain.domain)
    if domains.verify_domain(store, domain, source="admin_portal").state == domains.VERIFIED:
        return f"{domain.domain} is verified. Sent organization_domain.verified.", "good"
    return f"{domain.domain} is verified by another organization, so it failed.", "bad"


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


@dashboard_routes.post("/_sandbox/dashboard/faults")
async def submit_fault(request: web.Request) -> web.Response:
    form = await parameters.parse_form(request)
    try:
        fault = request.app[FAULTS].add(get_store(request).ids.new_id("fault"), parse_fault(form))
    except ValueError as error:
        return render_faults_page(request, f"{error}.")
    text = f"Injected: {FORMS[fault.kind].title}."
    raise redirect_with_message(request, "dashboard/faults", text)


@dashboard_routes.post("/_sandbox/dashboard/faults/{id}/cancel")
async def submit_fault_cancellation(request: web.Request) -> web.Response:
    is_found = request.app[FAULTS].cancel(request.match_info["id"])
    text = "Cancelled the fault." if is_found else "That fault has been used up or cancelled already."
    raise redirect_with_message(request, "dashboard/faults", text)


@dashboard_routes.post("/_sandbox/dashboard/faults/clear")
async def submit_faults_clearing(request: web.Request) -> web.Response:
    request.app[FAULTS].clear()
    raise redirect_with_message(request, "dashboard/faults", "Cancelled all faults.")


@dashboard_routes.post("/_sandbox/dashboard/links/{action:expire|revoke}")
async def submit_links_action(request: web.Request) -> web.Response:
    action = request.match_info["action"]
    count = end_links(get_store(request), action)
    text = f"{'Expired' if action == 'expire' else 'Revoked'} {count} {'link' if count == 1 else 'links'}."
    raise redirect_with_message(request, "dashboard/faults", text)


@dashboard_routes.post("/_sandbox/dashboard/bursts")
async def submit_burst(request: web.Request) -> web.Response:
    """Ask first; start the burst if the form is `confirmed`."""
    form = await parameters.parse_form(request)
    directory = directories.get_directory(get_store(request), form.get("directory_id", ""))
    event = form.get("event", "")
    try:
        count = int(_parse_number(form.get("count", "")))
        check_burst(event, count)
        if "confirmed" in form:
            request.app[BURSTS].start(directory, event, count)
    except ValueError as error:
        return render_faults_page(request, f"{error}.")
    if "confirmed" not in form:
        return render_dashboard_page(
            request, "burst.html", "faults", directory=directory, event=event, count=count
        )
    raise redirect_with_message(request, "dashboard/faults", f"Sending {count:,} {event}.")


@dashboard_routes.post("/_sandbox/dashboard/lifecycles")
async def submit_lifecycle(request: web.Request) -> web.Response:
    scenarios.run_lifecycle(get_store(request), scenarios.LIFECYCLE_NAME)
    text = f"Created and deleted {scenarios.LIFECYCLE_NAME}, with every kind of event."
    raise redirect_with_message(request, "dashboard/deliveries", text)


@dashboard_routes.post("/_sandbox/dashboard/switches")
async def submit_switches(request: web.Request) -> web.Response:
    """Save all switches. Browsers leave a box that is not checked out of the form."""
    switches = get_store(request).switches
    form = await parameters.parse_form(request)
    values: dict[str, Any] = {}
    try:
        for name, value in switches.to_json().items():
            if isinstance(value, bool):
                values[name] = name in form
            elif name in form:
                is_list = isinstance(value, list)
                values[name] = json.loads(f"[{form[name]}]") if is_list else _parse_number(form[name])
        switches.update(values)
    except ValueError as error:
        return render_switches_page(request, f"{error}.")
    raise redirect_with_message(request, "dashboard/switches", "Saved the settings.")


@dashboard_routes.post("/_sandbox/dashboard/clock")
async def submit_clock(request: web.Request) -> web.Response:
    """Freeze (`freeze`: true or a time), reset (`freeze`: false) or advance the clock by `seconds`."""
    clock = get_store(request).clock
    form = await parameters.parse_form(request)
    freeze = form.get("freeze")
    try:
        if freeze is None:
            clock.advance(_parse_number(form.get("seconds", "")))
        else:
            freeze_clock(clock, {"true": True, "false": False}.get(freeze, freeze))
    except ValueError as error:
        return render_switches_page(request, f"{error}.")
    text = f"The clock is {'frozen' if clock.frozen else 'running'}, at {clock.now()}."
    raise redirect_with_message(request, "dashboard/switches", text)


@dashboard_routes.post("/_sandbox/dashboard/presets/{name:certificate|outage|recovery|rotation}")
async def submit_preset(request: web.Request) -> web.Response:
    text, tone = _apply_preset(request, request.match_info["name"])
    raise redirect_with_message(request, "", text, tone)


def _apply_preset(request: web.Request, name: str) -> tuple[str, str]:
    """Returns the message and its tone."""
    store, faults = get_store(request), request.app[FAULTS]
    if name == "outage":
        presets.start_outage(store, faults)
        return "WorkOS is down: the API and the portal answer 503 until you end the outage.", "good"
    if name == "recovery":
        presets.end_outage(faults)
        return "WorkOS is up again.", "good"
    if name == "rotation":
        if not presets.rotate_secrets(store):
            return "There is no webhook endpoint, so there is no secret to rotate.", "bad"
        return (
            "Added an endpoint with a new secret, so each event now comes twice. Give the new secret to "
            "your app, then remove the old endpoint. Both are under Deliveries.",
            "good",
        )
    count = presets.expire_certificates(store)
    if not count:
        return "No active connection has a certificate. Add one to an organization first.", "bad"
    certificates = "1 certificate expires" if count == 1 else f"{count} certificates expire"
    return f"{certificates} in 14 days. Sent connection.saml_certificate_renewal_required.", "good"


@dashboard_routes.get("/_sandbox/dashboard/state")
async def download_state(request: web.Request) -> web.Response:
    """The saved state, as a file to download."""
    store = get_store(request)
    name = f"sandbox-{store.clock.now()[:19].replace(':', '-')}.json"
    return web.json_response(
        saved_state.save_state(store),
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


@dashboard_routes.post("/_sandbox/dashboard/state")
async def submit_state(request: web.Request) -> web.Response:
    """Load the state of the file `state`. A file that cannot be loaded changes nothing."""
    file = (await request.post()).get("state")
    try:
        if not isinstance(file, web.FileField) or not file.filename:
            raise saved_state.InvalidState("Choose a file first.")
        saved = json.loads(file.file.read())
        # Refuses a wrong file before the deliveries are dropped.
        state = saved_state.parse_state(get_store(request), saved)
    except (ValueError, RecursionError) as error:
        raise redirect_with_message(
            request, "", "Nothing was loaded: the file is not JSON.", "bad"
        ) from error
    except saved_state.InvalidState as error:
        raise redirect_with_message(request, "", f"Nothing was loaded. {error}", "bad") from error
    await request.app[BURSTS].clear()
    await request.app[DISPATCHER].clear()
    request.app[FAULTS].clear()
    count = saved_state.load_state(get_store(request), state)
    text = (
        f"Loaded {count} {'organization' if count == 1 else 'organizations'}. No events were sent: "
        "your app learns of it when it asks."
    )
    raise redirect_with_message(request, "", text)
