"""Forms of the page *Faults*: faults, the end of links, bursts, the lifecycle."""

from aiohttp import web

from sandbox import directories, parameters, scenarios
from sandbox.app_keys import FAULTS, dashboard_routes, get_store
from sandbox.bursts import BURSTS, check_burst
from sandbox.control.simulation import end_links
from sandbox.dashboard.fault_forms import FORMS, parse_fault
from sandbox.dashboard.messages import redirect_with_message
from sandbox.dashboard.pages import render_dashboard_page, render_faults_page
from sandbox.dashboard.runtime_forms import parse_number


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
    request.app[FAULTS].cancel_all()
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
        count = int(parse_number(form.get("count", "")))
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
