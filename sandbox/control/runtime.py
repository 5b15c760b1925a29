"""Control API for the running sandbox: health, reset, seed, settle, switches, clock."""

import asyncio
import time

from aiohttp import web

from sandbox import errors, parameters, seeds
from sandbox.app_keys import DISPATCHER, control_routes, get_store
from sandbox.bursts import BURSTS
from sandbox.clock import Clock, parse_timestamp
from sandbox.initial_state import reset_sandbox


@control_routes.get("/_sandbox/health")
async def get_health_view(request: web.Request) -> web.Response:
    store = get_store(request)
    return web.json_response(
        {
            "status": "ok",
            "what": "a stand-in for WorkOS",
            "public_url": store.public_url,
            "now": store.clock.now(),
            "frozen": store.clock.frozen,
        }
    )


@control_routes.post("/_sandbox/reset")
async def reset_view(request: web.Request) -> web.Response:
    """Restore the initial state; with ``{"seed": false}`` without the seed."""
    values = await parameters.parse_body(request)
    await reset_sandbox(request.app, seeded=parameters.parse_boolean(values, "seed", default=True))
    return web.json_response({"status": "reset"})


@control_routes.post("/_sandbox/seed")
async def apply_seed_view(request: web.Request) -> web.Response:
    """Add the posted seed, in JSON or YAML, to the current state. Returns how many objects there are then."""
    try:
        seed = seeds.parse_seed(await request.text())
        return web.json_response(seeds.apply_seed(get_store(request), seed), status=201)
    except seeds.InvalidSeed as error:
        raise errors.bad_request(str(error)) from error


@control_routes.post("/_sandbox/settle")
async def settle_view(request: web.Request) -> web.Response:
    """Wait until no delivery is pending and no burst runs: 409 after `seconds` (10)."""
    values = await parameters.parse_body(request)
    deadline = time.monotonic() + parameters.parse_number(values, "seconds", default=10, most=3600)
    dispatcher, bursts = request.app[DISPATCHER], request.app[BURSTS]
    while dispatcher.count_pending() or bursts.count_running():
        if time.monotonic() > deadline:
            return web.json_response({"settled": False, "pending": dispatcher.count_pending()}, status=409)
        await asyncio.sleep(0.01)
    return web.json_response({"settled": True, "pending": 0})


@control_routes.get("/_sandbox/switches")
async def get_switches_view(request: web.Request) -> web.Response:
    return web.json_response(get_store(request).switches.to_json())


@control_routes.patch("/_sandbox/switches")
async def update_switches_view(request: web.Request) -> web.Response:
    switches = get_store(request).switches
    try:
        switches.update(await parameters.parse_body(request))
    except ValueError as error:
        raise errors.bad_request(str(error)) from error
    return web.json_response(switches.to_json())


@control_routes.patch("/_sandbox/clock")
async def set_clock_view(request: web.Request) -> web.Response:
    """Set the clock: ``{"freeze": true | false | "2026-01-15T12:00:00Z", "advance": seconds}``."""
    clock = get_store(request).clock
    values = await parameters.parse_body(request)
    if "freeze" in values:
        freeze = values["freeze"]
        try:
            freeze_clock(
                clock, freeze if isinstance(freeze, bool) else parameters.require_text(values, "freeze")
            )
        except ValueError as error:
            raise errors.bad_request(f"freeze is a time such as 2026-01-15T12:00:00Z: {error}") from error
    if "advance" in values:
        try:
            clock.advance(parameters.parse_number(values, "advance", default=0))
        except ValueError as error:
            raise errors.bad_request(f"advance is a number of seconds: {error}") from error
    return web.json_response({"now": clock.now(), "frozen": clock.frozen})


def freeze_clock(clock: Clock, freeze: bool | str) -> None:
    """Freeze the clock now (True) or at an ISO 8601 time; False resets it to the machine's time.

    Raises ValueError.
    """
    if freeze is False:
        clock.reset()
    elif freeze is True:
        clock.freeze()
    else:
        clock.freeze(parse_timestamp(freeze))
