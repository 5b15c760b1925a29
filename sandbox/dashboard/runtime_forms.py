"""Forms that change the sandbox itself: settings, clock, presets, saved states, reset."""

import json
from typing import Any

from aiohttp import web

from sandbox import errors, parameters, presets, saved_state
from sandbox.app_keys import FAULTS, dashboard_routes, get_store
from sandbox.control.runtime import freeze_clock
from sandbox.dashboard.messages import redirect_with_message
from sandbox.dashboard.pages import render_switches_page
from sandbox.initial_state import reset_sandbox


def parse_number(text: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a number") from error
    if not abs(number) <= parameters.MAX_NUMBER:
        raise ValueError(f"{text!r} is out of range")
    return int(number) if number.is_integer() else number


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
                values[name] = json.loads(f"[{form[name]}]") if is_list else parse_number(form[name])
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
            clock.advance(parse_number(form.get("seconds", "")))
        else:
            freeze_clock(clock, {"true": True, "false": False}.get(freeze, freeze))
    except ValueError as error:
        return render_switches_page(request, f"{error}.")
    text = f"The clock is {'frozen' if clock.frozen else 'running'}, at {clock.now()}."
    raise redirect_with_message(request, "dashboard/switches", text)


@dashboard_routes.post("/_sandbox/dashboard/presets/{name}")
async def submit_preset(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in presets.PRESETS:
        raise errors.not_found("Preset", name)
    count = presets.PRESETS[name](get_store(request), request.app[FAULTS])
    text, tone = _describe_preset(name, count)
    raise redirect_with_message(request, "", text, tone)


def _describe_preset(name: str, count: int) -> tuple[str, str]:
    """The message after a preset that has changed `count` objects, and its tone."""
    if name == "start_outage":
        return "WorkOS is down: the API and the portal answer 503 until you end the outage.", "good"
    if name == "end_outage":
        return "WorkOS is up again.", "good"
    if name == "rotate_secrets":
        if not count:
            return "There is no webhook endpoint, so there is no secret to rotate.", "bad"
        return (
            "Added an endpoint with a new secret, so each event now comes twice. Give the new secret to "
            "your app, then remove the old endpoint. Both are under Deliveries.",
            "good",
        )
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
        count = await saved_state.load_state(request.app, json.loads(file.file.read()))
    except (ValueError, RecursionError) as error:
        raise redirect_with_message(
            request, "", "Nothing was loaded: the file is not JSON.", "bad"
        ) from error
    except saved_state.InvalidState as error:
        raise redirect_with_message(request, "", f"Nothing was loaded. {error}", "bad") from error
    text = (
        f"Loaded {count} {'organization' if count == 1 else 'organizations'}. No events were sent: "
        "your app learns of it when it asks."
    )
    raise redirect_with_message(request, "", text)


@dashboard_routes.post("/_sandbox/dashboard/reset")
async def submit_reset(request: web.Request) -> web.Response:
    await reset_sandbox(request.app)
    raise redirect_with_message(request, "", "The sandbox is reset.")
