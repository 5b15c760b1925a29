"""The room itself: its beginning, its reset, its clock and its switches."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from sandbox import errors, parameters, seeds, webhook_endpoints
from sandbox.app_keys import DISPATCHER, FAULTS, LIMITS, WORLD, world_of
from sandbox.bursts import Bursts
from sandbox.clock import milliseconds

routes = web.RouteTableDef()


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the command line asked for, and what a reset leads back to."""

    switches: dict[str, Any] = field(default_factory=dict)
    webhook: tuple[str, str] | None = None
    seed: dict[str, Any] = field(default_factory=dict)
    frozen_at: int | None = None


BURSTS = web.AppKey("bursts", Bursts)
BEGINNING = web.AppKey("beginning", Beginning)


def prepare(app: web.Application, beginning: Beginning) -> None:
    app[BURSTS] = Bursts(app[WORLD], app[DISPATCHER])
    app[BEGINNING] = beginning


def begin(app: web.Application, *, seeded: bool = True) -> None:
    """Bring a new or emptied world to its beginning. Raises seeds.BadSeed, or ValueError for a switch."""
    world, beginning = app[WORLD], app[BEGINNING]
    if beginning.frozen_at is not None:
        world.clock.freeze(beginning.frozen_at)
    world.switches.change(beginning.switches)
    if beginning.webhook:
        url, secret = beginning.webhook
        known = world.endpoints.where(endpoint_url=url)
        if known:
            # The same endpoint as before: deliveries that wait for it in a state file are still its own.
            world.endpoints.put(world.changed(known[0], secret=secret))
        else:
            webhook_endpoints.create(world, url, secret=secret)
    # A state file that already holds a world is not sown over.
    if seeded and beginning.seed and not len(world.organizations):
        seeds.sow(world, beginning.seed)


async def empty(app: web.Application, *, seeded: bool = True) -> None:
    """Forget everything, then begin again."""
    await app[BURSTS].forget()
    await app[DISPATCHER].forget()
    app[FAULTS].clear()
    app[LIMITS].forget()
    app[WORLD].forget()
    begin(app, seeded=seeded)


def refuse_other_sites(request: web.Request) -> None:
    """No key guards the control room, so a page of another site must not reach it through a browser."""
    origin = request.headers.get("Origin")
    foreign = request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}
    if origin not in {None, "null"} and urlsplit(origin or "").netloc != request.host:
        foreign = True
    if foreign and request.method not in {"GET", "HEAD"}:
        raise errors.Refusal(403, {"message": "The control room takes no orders from pages of other sites."})


@routes.get("/_sandbox/health")
async def health(request: web.Request) -> web.Response:
    world = world_of(request)
    return web.json_response(
        {
            "status": "ok",
            "what": "a stand-in for WorkOS",
            "public_url": world.public_url,
            "now": world.clock.now(),
            "frozen": world.clock.frozen,
        }
    )


@routes.post("/_sandbox/reset")
async def reset(request: web.Request) -> web.Response:
    """Back to the beginning. `{"seed": false}` leaves the seed out."""
    values = await parameters.body(request)
    await empty(request.app, seeded=parameters.flag(values, "seed", default=True))
    return web.json_response({"status": "reset"})


@routes.post("/_sandbox/seed")
async def seed(request: web.Request) -> web.Response:
    """Sow the posted seed, in JSON or YAML, into the world as it is; answers what there is then."""
    try:
        values = seeds.parse(await request.text())
        return web.json_response(seeds.sow(world_of(request), values), status=201)
    except seeds.BadSeed as error:
        raise errors.bad_request(str(error)) from error


@routes.post("/_sandbox/settle")
async def settle(request: web.Request) -> web.Response:
    """Wait until nothing is to be delivered and no burst runs, `seconds` at most (10); else 409."""
    values = await parameters.body(request)
    until = time.monotonic() + parameters.number(values, "seconds", default=10)
    dispatcher, bursts = request.app[DISPATCHER], request.app[BURSTS]
    while dispatcher.pending() or bursts.running():
        if time.monotonic() > until:
            return web.json_response({"settled": False, "pending": dispatcher.pending()}, status=409)
        await asyncio.sleep(0.01)
    return web.json_response({"settled": True, "pending": 0})


@routes.get("/_sandbox/switches")
async def switches(request: web.Request) -> web.Response:
    return web.json_response(world_of(request).switches.as_json())


@routes.patch("/_sandbox/switches")
async def set_switches(request: web.Request) -> web.Response:
    try:
        world_of(request).switches.change(await parameters.body(request))
    except ValueError as error:
        raise errors.bad_request(str(error)) from error
    return web.json_response(world_of(request).switches.as_json())


@routes.patch("/_sandbox/clock")
async def set_clock(request: web.Request) -> web.Response:
    """`{"freeze": true | "2026-01-15T12:00:00Z"}`, `{"advance": seconds}`, `{"freeze": false}` runs again."""
    clock = world_of(request).clock
    values = await parameters.body(request)
    if values.get("freeze") is False:
        clock.reset()
    elif values.get("freeze") is True:
        clock.freeze()
    elif "freeze" in values:
        try:
            clock.freeze(milliseconds(parameters.text(values, "freeze")))
        except ValueError as error:
            raise errors.bad_request(f"freeze is a time such as 2026-01-15T12:00:00Z: {error}") from error
    if "advance" in values:
        clock.advance(parameters.number(values, "advance", default=0))
    return web.json_response({"now": clock.now(), "frozen": clock.frozen})
