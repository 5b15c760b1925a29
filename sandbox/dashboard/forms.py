"""The dashboard's forms. Each does what the control API's call of the same name does, then redirects."""

import json
import re
from typing import Any

from aiohttp import web

from sandbox import (
    connections,
    directories,
    errors,
    organizations,
    parameters,
    portal_links,
    scenarios,
    webhook_endpoints,
)
from sandbox.app_keys import FAULTS, dashboard_routes, get_store
from sandbox.bursts import BURSTS
from sandbox.control.runtime import freeze_clock
from sandbox.control.simulation import change_connection, change_directory, end_links
from sandbox.control.webhooks import resend_delivery
from sandbox.dashboard.pages import render_faults_page, render_switches_page
from sandbox.initial_state import reset_sandbox

# The value of a fault that the form's field "number" is for.
NUMBER_VALUES = {
    "duplicate": "copies",
    "delay": "seconds",
    "reorder": "size",
    "old_timestamp": "seconds",
    "status": "status",
    "cut": "after",
}


def _redirect(path: str = "") -> web.HTTPSeeOther:
    return web.HTTPSeeOther(f"/_sandbox/{path}")


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
    raise _redirect()


@dashboard_routes.post("/_sandbox/dashboard/organizations")
async def submit_organization(request: web.Request) -> web.Response:
    name = (await parameters.parse_form(request)).get("name") or "Acme"
    organization = organizations.create_organization(get_store(request), {"name": name}, source="dashboard")
    raise _redirect(f"dashboard/organizations/{organization.id}")


@dashboard_routes.post("/_sandbox/dashboard/organizations/{id}/delete")
async def submit_organization_deletion(request: web.Request) -> web.Response:
    store = get_store(request)
    organization = organizations.get_organization(store, request.match_info["id"])
    organizations.delete_organization(store, organization, source="dashboard")
    raise _redirect()


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
    scenarios.set_up_connection(store, organization, "OktaSAML")
    raise _redirect(f"dashboard/organizations/{organization.id}")


@dashboard_routes.post("/_sandbox/dashboard/connections/{id}/{action}")
async def submit_connection_action(request: web.Request) -> web.Response:
    store = get_store(request)
    connection = connections.get_connection(store, request.match_info["id"])
    days = _parse_days((await parameters.parse_form(request)).get("days", "30"))
    change_connection(store, connection, request.match_info["action"], days=days)
    raise _redirect(f"dashboard/organizations/{connection.organization_id}")


@dashboard_routes.post("/_sandbox/dashboard/organizations/{id}/directories")
async def submit_directory(request: web.Request) -> web.Response:
    """Create a linked Okta directory with three users."""
    store = get_store(request)
    organization = organizations.get_organization(store, request.match_info["id"])
    scenarios.set_up_directory(store, organization, "okta scim v2.0", users=3)
    raise _redirect(f"dashboard/organizations/{organization.id}")


@dashboard_routes.post("/_sandbox/dashboard/directories/{id}/{action}")
async def submit_directory_action(request: web.Request) -> web.Response:
    store = get_store(request)
    directory = directories.get_directory(store, request.match_info["id"])
    change_directory(store, directory, request.match_info["action"])
    raise _redirect(f"dashboard/organizations/{directory.organization_id}")


@dashboard_routes.post("/_sandbox/dashboard/deliveries/{id}/resend")
async def submit_resend(request: web.Request) -> web.Response:
    raise _redirect(f"dashboard/deliveries/{resend_delivery(request).id}")


@dashboard_routes.post("/_sandbox/dashboard/webhook_endpoints")
async def submit_webhook_endpoint(request: web.Request) -> web.Response:
    """Add an endpoint for every event. The deliveries page shows its secret."""
    form = await parameters.parse_form(request)
    url = webhook_endpoints.parse_endpoint_url({"endpoint_url": form.get("url", "")})
    webhook_endpoints.create_endpoint(get_store(request), url, secret=form.get("secret") or None)
    raise _redirect("dashboard/deliveries")


@dashboard_routes.post("/_sandbox/dashboard/faults")
async def submit_fault(request: web.Request) -> web.Response:
    form = await parameters.parse_form(request)
    try:
        request.app[FAULTS].add(get_store(request).ids.new_id("fault"), _parse_fault(form))
    except ValueError as error:
        return render_faults_page(request, str(error))
    raise _redirect("dashboard/faults")


def _parse_fault(form: dict[str, str]) -> dict[str, Any]:
    """The fault as the control API takes it. `kind` may include the number: "status:429".

    Raises ValueError.
    """
    kind, _, number = form.get("kind", "").partition(":")
    number = number or form.get("number", "")
    times = form.get("times") or "1"
    values: dict[str, Any] = {"kind": kind, "times": None if times == "always" else int(_parse_number(times))}
    for name in ("event", "method", "path"):
        if form.get(name):
            values[name] = form[name]
    if number and kind in NUMBER_VALUES:
        values[NUMBER_VALUES[kind]] = _parse_number(number)
    return values


@dashboard_routes.post("/_sandbox/dashboard/faults/{id}/cancel")
async def submit_fault_cancellation(request: web.Request) -> web.Response:
    request.app[FAULTS].cancel(request.match_info["id"])
    raise _redirect("dashboard/faults")


@dashboard_routes.post("/_sandbox/dashboard/faults/clear")
async def submit_faults_clearing(request: web.Request) -> web.Response:
    request.app[FAULTS].clear()
    raise _redirect("dashboard/faults")


@dashboard_routes.post("/_sandbox/dashboard/links/{action:expire|revoke}")
async def submit_links_action(request: web.Request) -> web.Response:
    end_links(get_store(request), request.match_info["action"])
    raise _redirect("dashboard/faults")


@dashboard_routes.post("/_sandbox/dashboard/bursts")
async def submit_burst(request: web.Request) -> web.Response:
    form = await parameters.parse_form(request)
    try:
        directory = directories.get_directory(get_store(request), form.get("directory_id", ""))
        count = int(_parse_number(form.get("count", "")))
        request.app[BURSTS].start(directory, form.get("event", ""), count)
    except ValueError as error:
        return render_faults_page(request, str(error))
    raise _redirect("dashboard/faults")


@dashboard_routes.post("/_sandbox/dashboard/lifecycles")
async def submit_lifecycle(request: web.Request) -> web.Response:
    scenarios.run_lifecycle(get_store(request), scenarios.LIFECYCLE_NAME)
    raise _redirect("dashboard/deliveries")


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
        return render_switches_page(request, str(error))
    raise _redirect("dashboard/switches")


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
        return render_switches_page(request, str(error))
    raise _redirect("dashboard/switches")
