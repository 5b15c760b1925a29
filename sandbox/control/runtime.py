"""The room itself: its initial_state, its reset, its clock and its switches."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from sandbox import errors, parameters, seeds, webhook_endpoints
from sandbox.app_keys import DISPATCHER, FAULTS, RATE_LIMITER, STORE, get_store
from sandbox.bursts import BurstRunner
from sandbox.clock import parse_timestamp

routes = web.RouteTableDef()


@dataclass(frozen=True, slots=True)
class InitialState:
    """What the command line asked for, and what a reset leads back to."""

    switches: dict[str, Any] = field(default_factory=dict)
    webhook: tuple[str, str] | None = None
    seed: dict[str, Any] = field(default_factory=dict)
    frozen_at: int | None = None


BURSTS = web.AppKey("bursts", BurstRunner)
INITIAL_STATE = web.AppKey("beginning", InitialState)


def add_control_state(app: web.Application, initial_state: InitialState) -> None:
    app[BURSTS] = BurstRunner(app[STORE], app[DISPATCHER])
    app[INITIAL_STATE] = initial_state


def apply_initial_state(app: web.Application, *, seeded: bool = True) -> None:
    """Bring a new or emptied store to its initial state. Raises InvalidSeed, or ValueError for a switch."""
    store, initial_state = app[STORE], app[INITIAL_STATE]
    if initial_state.frozen_at is not None:
        store.clock.freeze(initial_state.frozen_at)
    store.switches.update(initial_state.switches)
    if initial_state.webhook:
        url, secret = initial_state.webhook
        known = store.endpoints.filter(endpoint_url=url)
        if known:
            # The same endpoint as before: deliveries that wait for it in a state file are still its own.
            store.endpoints.put(store.with_changes(known[0], secret=secret))
        else:
            webhook_endpoints.create_endpoint(store, url, secret=secret)
    # A state file that already holds a store is not sown over.
    if seeded and initial_state.seed and not len(store.organizations):
        seeds.apply_seed(store, initial_state.seed)


async def reset_sandbox(app: web.Application, *, seeded: bool = True) -> None:
    """Forget everything, then begin again."""
    await app[BURSTS].clear()
    await app[DISPATCHER].clear()
    app[FAULTS].clear()
    app[RATE_LIMITER].reset()
    app[STORE].reset()
    apply_initial_state(app, seeded=seeded)


def reject_cross_site_request(request: web.Request) -> None:
    """No key guards the control room, so a page of another site must not reach it through a browser."""
    origin = request.headers.get("Origin")
    foreign = request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}
    if origin not in {None, "null"} and urlsplit(origin or "").netloc != request.host:
        foreign = True
    if foreign and request.method not in {"GET", "HEAD"}:
        raise errors.ApiError(403, {"message": "The control room takes no orders from pages of other sites."})


@routes.get("/_sandbox/health")
async def health(request: web.Request) -> web.Response:
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


@routes.post("/_sandbox/reset")
async def reset(request: web.Request) -> web.Response:
    """Back to the initial_state. `{"seed": false}` leaves the seed out."""
    values = await parameters.parse_body(request)
    await reset_sandbox(request.app, seeded=parameters.parse_boolean(values, "seed", default=True))
    return web.json_response({"status": "reset"})


@routes.post("/_sandbox/seed")
async def seed(request: web.Request) -> web.Response:
    """Sow the posted seed, in JSON or YAML, into the store as it is; answers what there is then."""
    try:
        values = seeds.parse_seed(await request.text())
        return web.json_response(seeds.apply_seed(get_store(request), values), status=201)
    except seeds.InvalidSeed as error:
        raise errors.bad_request(str(error)) from error


@routes.post("/_sandbox/settle")
async def settle(request: web.Request) -> web.Response:
    """Wait until nothing is to be delivered and no burst runs, `seconds` at most (10); else 409."""
    values = await parameters.parse_body(request)
    until = time.monotonic() + parameters.parse_number(values, "seconds", default=10)
    dispatcher, bursts = request.app[DISPATCHER], request.app[BURSTS]
    while dispatcher.count_pending() or bursts.count_running():
        if time.monotonic() > until:
            return web.json_response({"settled": False, "pending": dispatcher.count_pending()}, status=409)
        await asyncio.sleep(0.01)
    return web.json_response({"settled": True, "pending": 0})


@routes.get("/_sandbox/switches")
async def switches(request: web.Request) -> web.Response:
    return web.json_response(get_store(request).switches.to_json())


@routes.patch("/_sandbox/switches")
async def set_switches(request: web.Request) -> web.Response:
    try:
        get_store(request).switches.update(await parameters.parse_body(request))
    except ValueError as error:
        raise errors.bad_request(str(error)) from error
    return web.json_response(get_store(request).switches.to_json())


@routes.patch("/_sandbox/clock")
async def set_clock(request: web.Request) -> web.Response:
    """`{"freeze": true | "2026-01-15T12:00:00Z"}`, `{"advance": seconds}`, `{"freeze": false}` runs again."""
    clock = get_store(request).clock
    values = await parameters.parse_body(request)
    if values.get("freeze") is False:
        clock.reset()
    elif values.get("freeze") is True:
        clock.freeze()
    elif "freeze" in values:
        try:
            clock.freeze(parse_timestamp(parameters.require_text(values, "freeze")))
        except ValueError as error:
            raise errors.bad_request(f"freeze is a time such as 2026-01-15T12:00:00Z: {error}") from error
    if "advance" in values:
        clock.advance(parameters.parse_number(values, "advance", default=0))
    return web.json_response({"now": clock.now(), "frozen": clock.frozen})
