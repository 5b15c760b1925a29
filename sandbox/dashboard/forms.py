"""The control room's forms. Each does what a call of the control API does, and shows the page again."""

import json
from typing import Any

from aiohttp import web

from sandbox import (
    connections,
    directories,
    errors,
    organizations,
    portal_links,
    scenarios,
    webhook_endpoints,
)
from sandbox.app_keys import DISPATCHER, FAULTS, get_store
from sandbox.clock import parse_timestamp
from sandbox.control.faults import end_links
from sandbox.control.runtime import BURSTS, reset_sandbox, routes
from sandbox.dashboard.pages import faults_page, switches_page
from sandbox.deletion import delete_organization

# The one number that a kind of fault on a webhook's way has.
NUMBER_OF = {"duplicate": "copies", "delay": "seconds", "reorder": "size", "old_timestamp": "seconds"}


async def _form(request: web.Request) -> dict[str, str]:
    return {name: value.strip() for name, value in (await request.post()).items() if isinstance(value, str)}


def _back(place: str = "") -> web.HTTPSeeOther:
    return web.HTTPSeeOther(f"/_sandbox/{place}")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a number") from error


@routes.post("/_sandbox/room/reset")
async def reset(request: web.Request) -> web.Response:
    await reset_sandbox(request.app)
    raise _back()


@routes.post("/_sandbox/room/organizations")
async def add_organization(request: web.Request) -> web.Response:
    name = (await _form(request)).get("name") or "Acme"
    row = organizations.create_organization(get_store(request), {"name": name}, source="dashboard")
    raise _back(f"room/organizations/{row.id}")


@routes.post("/_sandbox/room/organizations/{id}/portal")
async def open_portal(request: web.Request) -> web.Response:
    """A link as the host app would have minted it, opened at once."""
    store = get_store(request)
    row = organizations.get_organization(store, request.match_info["id"])
    intent = (await _form(request)).get("intent", "")
    intents = (intent,) if intent in portal_links.INTENTS else portal_links.INTENTS
    back = f"{store.public_url}/_sandbox/room/organizations/{row.id}"
    link = portal_links.create_link(store, row.id, intents, return_url=back, success_url=back)
    raise web.HTTPSeeOther(f"/portal/launch?secret={link.secret}", headers={"Referrer-Policy": "no-referrer"})


@routes.post("/_sandbox/room/organizations/{id}/do")
async def act(request: web.Request) -> web.Response:
    """One deed on an organization or on what is its own: `deed`, and the `subject`'s id."""
    store = get_store(request)
    row = organizations.get_organization(store, request.match_info["id"])
    form = await _form(request)
    subject = form.get("subject", "")
    match form.get("deed"):
        case "connect":
            scenarios.set_up_connection(store, row, "OktaSAML")
        case "sync":
            scenarios.set_up_directory(store, row, "okta scim v2.0", users=3)
        case "activate":
            connections.activate_connection(
                store, connections.get_connection(store, subject), source="dashboard"
            )
        case "deactivate":
            connections.deactivate_connection(store, connections.get_connection(store, subject))
        case "expire_certificate":
            connections.expire_certificate(store, connections.get_connection(store, subject), days=14)
        case "delete_connection":
            connections.delete_connection(
                store, connections.get_connection(store, subject), source="dashboard"
            )
        case "delete_directory":
            directories.delete_directory(store, directories.get_directory(store, subject), source="dashboard")
        case "unlink":
            directories.set_directory_state(store, directories.get_directory(store, subject), "unlinked")
        case "relink":
            directories.activate_directory(
                store, directories.get_directory(store, subject), source="dashboard"
            )
        case "delete":
            delete_organization(store, row, source="dashboard")
            raise _back()
        case deed:
            raise errors.not_found("Deed", str(deed))
    raise _back(f"room/organizations/{row.id}")


@routes.post("/_sandbox/room/deliveries/{id}/resend")
async def resend(request: web.Request) -> web.Response:
    delivery = get_store(request).deliveries.get(request.match_info["id"])
    again = request.app[DISPATCHER].resend_delivery(delivery) if delivery else None
    if again is None:
        raise errors.not_found("Delivery", request.match_info["id"])
    raise _back(f"room/deliveries/{again.id}")


@routes.post("/_sandbox/room/webhook")
async def set_webhook(request: web.Request) -> web.Response:
    """Add an endpoint for every event; its secret is shown on the page."""
    store = get_store(request)
    form = await _form(request)
    url = webhook_endpoints.parse_endpoint_url({"endpoint_url": form.get("url", "")})
    webhook_endpoints.create_endpoint(store, url, secret=form.get("secret") or None)
    raise _back("room/deliveries")


@routes.post("/_sandbox/room/faults")
async def order_fault(request: web.Request) -> web.Response:
    form = await _form(request)
    try:
        request.app[FAULTS].add(get_store(request).ids.new_id("fault"), _ordered(form))
    except ValueError as error:
        return faults_page(request, str(error))
    raise _back("room/faults")


def _ordered(form: dict[str, str]) -> dict[str, Any]:
    """The fault that a form describes. Raises ValueError."""
    kind = form.get("kind", "")
    values: dict[str, Any] = {"kind": kind}
    if kind.isdigit():
        values = {"kind": "status", "status": int(kind)}
    elif kind == "cut_after":
        values = {"kind": "cut", "after": 1}
    values["times"] = None if form.get("times") == "always" else int(_number(form.get("times") or "1"))
    for name in ("event", "method", "path"):
        if form.get(name):
            values[name] = form[name]
    if form.get("number") and kind in NUMBER_OF:
        values[NUMBER_OF[kind]] = _number(form["number"])
    return values


@routes.post("/_sandbox/room/faults/cancel")
async def cancel_fault(request: web.Request) -> web.Response:
    form = await _form(request)
    if form.get("id"):
        request.app[FAULTS].cancel(form["id"])
    else:
        request.app[FAULTS].clear()
    raise _back("room/faults")


@routes.post("/_sandbox/room/links")
async def end_all_links(request: web.Request) -> web.Response:
    deed = (await _form(request)).get("deed", "")
    end_links(get_store(request), "revoke" if deed == "revoke" else "expire", None)
    raise _back("room/faults")


@routes.post("/_sandbox/room/bursts")
async def start_burst(request: web.Request) -> web.Response:
    form = await _form(request)
    try:
        directory = directories.get_directory(get_store(request), form.get("directory_id", ""))
        request.app[BURSTS].start(directory, form.get("event", ""), int(_number(form.get("count", ""))))
    except ValueError as error:
        return faults_page(request, str(error))
    raise _back("room/faults")


@routes.post("/_sandbox/room/lives")
async def whole_life(request: web.Request) -> web.Response:
    scenarios.run_lifecycle(get_store(request), "Lifetime Inc.")
    raise _back("room/deliveries")


@routes.post("/_sandbox/room/switches")
async def set_switches(request: web.Request) -> web.Response:
    """Every switch has a field; a box that is not ticked is sent as nothing."""
    store = get_store(request)
    form = await _form(request)
    values: dict[str, Any] = {}
    try:
        for name, value in store.switches.to_json().items():
            if isinstance(value, bool):
                values[name] = name in form
            elif name in form:
                values[name] = (
                    json.loads(f"[{form[name]}]") if isinstance(value, list) else _number(form[name])
                )
        store.switches.update(values)
    except ValueError as error:
        return switches_page(request, str(error))
    raise _back("room/switches")


@routes.post("/_sandbox/room/clock")
async def set_clock(request: web.Request) -> web.Response:
    clock = get_store(request).clock
    form = await _form(request)
    try:
        match form.get("deed"):
            case "freeze":
                clock.freeze(parse_timestamp(form["at"]) if form.get("at") else None)
            case "run":
                clock.reset()
            case _:
                clock.advance(_number(form.get("seconds", "")))
    except ValueError as error:
        return switches_page(request, str(error))
    raise _back("room/switches")
