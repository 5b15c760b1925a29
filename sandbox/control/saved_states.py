"""Control API for presets, and for saving and loading the state."""

import json

from aiohttp import web

from sandbox import errors, presets, saved_state
from sandbox.app_keys import FAULTS, control_routes, get_store


@control_routes.post("/_sandbox/presets/{name}")
async def apply_preset_view(request: web.Request) -> web.Response:
    """Apply one of PRESETS. Returns how many objects it has `changed`."""
    name = request.match_info["name"]
    if name not in presets.PRESETS:
        raise errors.bad_request(f"The presets are {', '.join(presets.PRESETS)}.")
    return web.json_response(
        {"preset": name, "changed": presets.PRESETS[name](get_store(request), request.app[FAULTS])}
    )


@control_routes.get("/_sandbox/saved_state")
async def save_state_view(request: web.Request) -> web.Response:
    """All objects, events and switches. Webhook endpoints, deliveries, links and mails are not in it."""
    return web.json_response(saved_state.save_state(get_store(request)))


@control_routes.put("/_sandbox/saved_state")
async def load_state_view(request: web.Request) -> web.Response:
    """Replace what the sandbox has by the posted state, without events.

    Raises 400, and changes nothing then.
    """
    try:
        count = await saved_state.load_state(request.app, json.loads(await request.text()))
    except saved_state.InvalidState as error:
        raise errors.bad_request(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise errors.bad_request("The body is not JSON.") from error
    return web.json_response({"organizations": count})
