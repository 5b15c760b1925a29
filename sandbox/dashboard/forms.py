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
from sandbox.app_keys import DISPATCHER, FAULTS, world_of
from sandbox.clock import milliseconds
from sandbox.control.faults import end_links
from sandbox.control.runtime import BURSTS, empty, routes
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
    await empty(request.app)
    raise _back()


@routes.post("/_sandbox/room/organizations")
async def add_organization(request: web.Request) -> web.Response:
    name = (await _form(request)).get("name") or "Acme"
    row = organizations.create(world_of(request), {"name": name}, source="dashboard")
    raise _back(f"room/organizations/{row.id}")


@routes.post("/_sandbox/room/organizations/{id}/portal")
async def open_portal(request: web.Request) -> web.Response:
    """A link as the host app would have minted it, opened at once."""
    world = world_of(request)
    row = organizations.find(world, request.match_info["id"])
    intent = (await _form(request)).get("intent", "")
    intents = (intent,) if intent in portal_links.INTENTS else portal_links.INTENTS
    back = f"{world.public_url}/_sandbox/room/organizations/{row.id}"
    link = portal_links.create(world, row.id, intents, return_url=back, success_url=back)
    raise web.HTTPSeeOther(f"/portal/launch?secret={link.secret}", headers={"Referrer-Policy": "no-referrer"})


@routes.post("/_sandbox/room/organizations/{id}/do")
async def act(request: web.Request) -> web.Response:
    """One deed on an organization or on what is its own: `deed`, and the `subject`'s id."""
    world = world_of(request)
    row = organizations.find(world, request.match_info["id"])
    form = await _form(request)
    subject = form.get("subject", "")
    match form.get("deed"):
        case "connect":
            scenarios.connect(world, row, "OktaSAML")
        case "sync":
            scenarios.sync(world, row, "okta scim v2.0", users=3)
        case "activate":
            connections.activate(world, connections.find(world, subject), source="dashboard")
        case "deactivate":
            connections.deactivate(world, connections.find(world, subject))
        case "expire_certificate":
            connections.certificate_nears_its_end(world, connections.find(world, subject), days=14)
        case "delete_connection":
            connections.delete(world, connections.find(world, subject), source="dashboard")
        case "delete_directory":
            directories.delete(world, directories.find(world, subject), source="dashboard")
        case "unlink":
            directories.set_state(world, directories.find(world, subject), "unlinked")
        case "relink":
            directories.activate(world, directories.find(world, subject), source="dashboard")
        case "delete":
            delete_organization(world, row, source="dashboard")
            raise _back()
        case deed:
            raise errors.not_found("Deed", str(deed))
    raise _back(f"room/organizations/{row.id}")


@routes.post("/_sandbox/room/deliveries/{id}/resend")
async def resend(request: web.Request) -> web.Response:
    delivery = world_of(request).deliveries.get(request.match_info["id"])
    again = request.app[DISPATCHER].resend(delivery) if delivery else None
    if again is None:
        raise errors.not_found("Delivery", request.match_info["id"])
    raise _back(f"room/deliveries/{again.id}")


@routes.post("/_sandbox/room/webhook")
async def set_webhook(request: web.Request) -> web.Response:
    """Add an endpoint for every event; its secret is shown on the page."""
    world = world_of(request)
    form = await _form(request)
    url = webhook_endpoints.read_url({"endpoint_url": form.get("url", "")})
    webhook_endpoints.create(world, url, secret=form.get("secret") or None)
    raise _back("room/deliveries")


@routes.post("/_sandbox/room/faults")
async def order_fault(request: web.Request) -> web.Response:
    form = await _form(request)
    try:
        request.app[FAULTS].order(world_of(request).ids.new("fault"), _ordered(form))
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
    end_links(world_of(request), "revoke" if deed == "revoke" else "expire", None)
    raise _back("room/faults")


@routes.post("/_sandbox/room/bursts")
async def start_burst(request: web.Request) -> web.Response:
    form = await _form(request)
    try:
        directory = directories.find(world_of(request), form.get("directory_id", ""))
        request.app[BURSTS].start(directory, form.get("event", ""), int(_number(form.get("count", ""))))
    except ValueError as error:
        return faults_page(request, str(error))
    raise _back("room/faults")


@routes.post("/_sandbox/room/lives")
async def whole_life(request: web.Request) -> web.Response:
    scenarios.whole(world_of(request), "Lifetime Inc.")
    raise _back("room/deliveries")


@routes.post("/_sandbox/room/switches")
async def set_switches(request: web.Request) -> web.Response:
    """Every switch has a field; a box that is not ticked is sent as nothing."""
    world = world_of(request)
    form = await _form(request)
    values: dict[str, Any] = {}
    try:
        for name, value in world.switches.as_json().items():
            if isinstance(value, bool):
                values[name] = name in form
            elif name in form:
                values[name] = (
                    json.loads(f"[{form[name]}]") if isinstance(value, list) else _number(form[name])
                )
        world.switches.change(values)
    except ValueError as error:
        return switches_page(request, str(error))
    raise _back("room/switches")


@routes.post("/_sandbox/room/clock")
async def set_clock(request: web.Request) -> web.Response:
    clock = world_of(request).clock
    form = await _form(request)
    try:
        match form.get("deed"):
            case "freeze":
                clock.freeze(milliseconds(form["at"]) if form.get("at") else None)
            case "run":
                clock.reset()
            case _:
                clock.advance(_number(form.get("seconds", "")))
    except ValueError as error:
        return switches_page(request, str(error))
    raise _back("room/switches")
