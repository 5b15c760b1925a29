"""Control API for faults: list, add, cancel."""

from aiohttp import web

from sandbox import errors, parameters
from sandbox.app_keys import FAULTS, control_routes, get_store


@control_routes.get("/_sandbox/faults")
async def list_faults_view(request: web.Request) -> web.Response:
    """Active faults, and in `applied` what the latest faults were applied to; both oldest first."""
    faults = request.app[FAULTS]
    return web.json_response(
        {
            "data": [fault.to_json() for fault in faults.active],
            "applied": [item.to_json() for item in faults.applied],
        }
    )


@control_routes.post("/_sandbox/faults")
async def add_fault_view(request: web.Request) -> web.Response:
    """Add a fault: ``{"kind": …, "times": 1, …}``. The kinds and their values are in sandbox/faults.py.

    Raises 400.
    """
    values = await parameters.parse_body(request)
    try:
        fault = request.app[FAULTS].add(get_store(request).ids.new_id("fault"), values)
    except ValueError as error:
        raise errors.bad_request(str(error)) from error
    return web.json_response(fault.to_json(), status=201)


@control_routes.delete("/_sandbox/faults")
async def clear_faults_view(request: web.Request) -> web.Response:
    request.app[FAULTS].cancel_all()
    return web.Response(status=204)


@control_routes.delete("/_sandbox/faults/{id}")
async def cancel_fault_view(request: web.Request) -> web.Response:
    if not request.app[FAULTS].cancel(request.match_info["id"]):
        raise errors.not_found("Fault", request.match_info["id"])
    return web.Response(status=204)
