"""The control API: everything a test or a person orders, under /_sandbox, apart from WorkOS's own paths."""

import asyncio
import time
from typing import Any, cast

from aiohttp import web

from sandbox import (
    connections,
    directories,
    domains,
    endpoints,
    errors,
    life,
    links,
    organizations,
    reading,
    seeds,
)
from sandbox.bursts import Bursts
from sandbox.clock import milliseconds
from sandbox.records import Directory, Organization
from sandbox.requests import DISPATCHER, FAULTS, LIMITS, WORLD, world_of

routes = web.RouteTableDef()
BURSTS = web.AppKey("bursts", Bursts)
BEGINNING = web.AppKey("beginning", dict[str, Any])
"""What a reset leads back to: the endpoint and the switches of the command line, and the seed."""


def prepare(
    app: web.Application, *, switches: dict[str, Any], webhook: tuple[str, str] | None, seed: dict[str, Any]
) -> None:
    app[BURSTS] = Bursts(app[WORLD], app[DISPATCHER])
    app[BEGINNING] = {"switches": switches, "webhook": webhook, "seed": seed}


def begin(app: web.Application, *, seeded: bool = True) -> None:
    """Bring a new or emptied world to its beginning. Raises seeds.BadSeed."""
    world, beginning = app[WORLD], app[BEGINNING]
    world.switches.change(beginning["switches"])
    if beginning["webhook"]:
        url, secret = beginning["webhook"]
        if not world.endpoints.where(endpoint_url=url, secret=secret):
            endpoints.create(world, url, secret=secret)
    if seeded and beginning["seed"]:
        seeds.sow(world, beginning["seed"])


def said(error: ValueError) -> errors.Refusal:
    return errors.bad_request(str(error))


def organization_of(world: Any, values: dict[str, Any]) -> Organization:
    return organizations.find(world, reading.text(values, "organization_id"))


@routes.get("/_sandbox/health")
async def health(request: web.Request) -> web.Response:
    world = world_of(request)
    return web.json_response(
        {
            "status": "ok",
            "what": "a stand-in for WorkOS",
            "public_url": world.public_url,
            "now": world.clock.now(),
        }
    )


@routes.post("/_sandbox/reset")
async def reset(request: web.Request) -> web.Response:
    """Back to the beginning. `{"seed": false}` leaves the seed out."""
    values = await reading.body(request)
    await request.app[BURSTS].forget()
    await request.app[DISPATCHER].forget()
    request.app[FAULTS].clear()
    request.app[LIMITS].forget()
    world_of(request).forget()
    begin(request.app, seeded=reading.flag(values, "seed", default=True))
    return web.json_response({"status": "reset"})


@routes.post("/_sandbox/seed")
async def seed(request: web.Request) -> web.Response:
    try:
        return web.json_response(seeds.sow(world_of(request), await reading.body(request)), status=201)
    except seeds.BadSeed as error:
        raise said(error) from error


@routes.get("/_sandbox/state")
async def state(request: web.Request) -> web.Response:
    """Everything there is but the secrets of links; events and people as numbers, for they may be many."""
    world = world_of(request)
    return web.json_response(
        {
            "organizations": [organizations.as_json(world, row) for row in world.organizations],
            "connections": [connections.as_json(world, row) for row in world.connections],
            "directories": [directories.as_json(world, row) for row in world.directories],
            "webhook_endpoints": [row.as_json() for row in world.endpoints],
            "it_contacts": [row.as_json() for row in world.contacts],
            "groups": [row.as_json() for row in world.groups],
            "counts": {name: len(table) for name, table in world.tables.items()},
            "pending_deliveries": request.app[DISPATCHER].pending(),
        }
    )


@routes.get("/_sandbox/events")
async def all_events(request: web.Request) -> web.Response:
    """The latest events of any type, oldest first; `event` and `organization_id` narrow, `limit` is 1000."""
    query = request.query
    rows = []
    for event in world_of(request).events.walk(backwards=True):
        if query.get("event", event.event) != event.event:
            continue
        if query.get("organization_id", event.organization_id) != event.organization_id:
            continue
        rows.append(event.as_json())
        if len(rows) >= int(query.get("limit", "1000")):
            break
    return web.json_response({"data": rows[::-1]})


@routes.post("/_sandbox/events")
async def send_event(request: web.Request) -> web.Response:
    """Emit any event with any data, one that WorkOS never sent too: `{"event": …, "data": {…}}`."""
    values = await reading.body(request)
    data = values.get("data", {})
    if not isinstance(data, dict):
        raise errors.invalid("data", "invalid", "data must be an object.")
    event = world_of(request).emit(
        reading.text(values, "event"),
        cast("dict[str, Any]", data),
        organization_id=reading.optional_text(values, "organization_id"),
        source="system",
    )
    return web.json_response(event.as_json(), status=201)


@routes.get("/_sandbox/mails")
async def mails(request: web.Request) -> web.Response:
    """What would have been mailed to IT contacts, oldest first."""
    return web.json_response(
        {
            "data": [
                {"to": row.to, "subject": row.subject, "link": row.link} for row in world_of(request).mails
            ]
        }
    )


# Deliveries


@routes.get("/_sandbox/deliveries")
async def deliveries(request: web.Request) -> web.Response:
    """The log, oldest first, each with its attempts. `state`, `event` narrow; `limit` is 1000."""
    query = request.query
    rows = [
        row
        for row in request.app[DISPATCHER].log
        if query.get("state", row.state) == row.state and query.get("event", row.event) == row.event
    ]
    return web.json_response({"data": [row.as_json() for row in rows[-int(query.get("limit", "1000")) :]]})


@routes.post("/_sandbox/deliveries/{id}/resend")
async def resend(request: web.Request) -> web.Response:
    dispatcher = request.app[DISPATCHER]
    delivery = dispatcher.log.get(request.match_info["id"])
    again = dispatcher.resend(delivery) if delivery else None
    if again is None:
        raise errors.not_found("Delivery", request.match_info["id"])
    return web.json_response(again.as_json(), status=201)


@routes.post("/_sandbox/settle")
async def settle(request: web.Request) -> web.Response:
    """Wait until nothing is to be delivered and no burst runs, `seconds` at most (10)."""
    values = await reading.body(request)
    until = time.monotonic() + float(values.get("seconds", 10))
    dispatcher, bursts = request.app[DISPATCHER], request.app[BURSTS]
    while dispatcher.pending() or bursts.running():
        if time.monotonic() > until:
            return web.json_response({"settled": False, "pending": dispatcher.pending()}, status=409)
        await asyncio.sleep(0.01)
    return web.json_response({"settled": True, "pending": 0})


@routes.put("/_sandbox/webhook")
async def set_webhook(request: web.Request) -> web.Response:
    """Make `{"url": …, "secret": …}` the only endpoint, for every event; without a url there is none."""
    world = world_of(request)
    values = await reading.body(request)
    for row in world.endpoints:
        world.endpoints.drop(row.id)
    url = reading.optional_text(values, "url")
    if url is None:
        return web.Response(status=204)
    endpoint = endpoints.create(world, url, secret=reading.optional_text(values, "secret"))
    return web.json_response(endpoint.as_json(), status=201)


# Faults, switches, clock


@routes.get("/_sandbox/faults")
async def faults(request: web.Request) -> web.Response:
    return web.json_response({"data": [fault.as_json() for fault in request.app[FAULTS].ordered]})


@routes.post("/_sandbox/faults")
async def order_fault(request: web.Request) -> web.Response:
    values = await reading.body(request)
    try:
        fault = request.app[FAULTS].order(world_of(request).ids.new("fault"), values)
    except ValueError as error:
        raise said(error) from error
    return web.json_response(fault.as_json(), status=201)


@routes.delete("/_sandbox/faults")
async def clear_faults(request: web.Request) -> web.Response:
    request.app[FAULTS].clear()
    return web.Response(status=204)


@routes.delete("/_sandbox/faults/{id}")
async def cancel_fault(request: web.Request) -> web.Response:
    if not request.app[FAULTS].cancel(request.match_info["id"]):
        raise errors.not_found("Fault", request.match_info["id"])
    return web.Response(status=204)


@routes.get("/_sandbox/switches")
async def switches(request: web.Request) -> web.Response:
    return web.json_response(world_of(request).switches.as_json())


@routes.patch("/_sandbox/switches")
async def set_switches(request: web.Request) -> web.Response:
    try:
        world_of(request).switches.change(await reading.body(request))
    except ValueError as error:
        raise said(error) from error
    return web.json_response(world_of(request).switches.as_json())


@routes.patch("/_sandbox/clock")
async def set_clock(request: web.Request) -> web.Response:
    """`{"freeze": true | "2026-01-15T12:00:00Z"}`, `{"advance": seconds}`, `{"freeze": false}` runs again."""
    clock = world_of(request).clock
    values = await reading.body(request)
    try:
        if values.get("freeze") is False:
            clock.reset()
        elif "freeze" in values:
            clock.freeze(None if values["freeze"] is True else milliseconds(values["freeze"]))
        if "advance" in values:
            clock.advance(float(values["advance"]))
    except (ValueError, TypeError) as error:
        raise errors.bad_request(f"The clock cannot be set so: {error}") from error
    return web.json_response({"now": clock.now(), "frozen": clock.frozen})


# Making things happen without a click


@routes.post("/_sandbox/connections")
async def make_connection(request: web.Request) -> web.Response:
    """A connection in any state: `organization_id`, `type`, `state`, `name`."""
    world = world_of(request)
    values = await reading.body(request)
    owner = organization_of(world, values)
    row = life.connect(
        world,
        owner,
        values.get("type") or "OktaSAML",
        state=values.get("state") or "active",
        name=reading.optional_text(values, "name"),
    )
    return web.json_response(connections.as_json(world, row), status=201)


@routes.post("/_sandbox/connections/{id}/{deed}")
async def change_connection(request: web.Request) -> web.Response:
    """`activate`, `deactivate`, `delete`, `renew_certificate`, `expire_certificate` (`days`, 30)."""
    world = world_of(request)
    row = connections.find(world, request.match_info["id"])
    values = await reading.body(request)
    match request.match_info["deed"]:
        case "activate":
            row = connections.activate(world, row, source="dashboard")
        case "deactivate":
            row = connections.deactivate(world, row)
        case "delete":
            connections.delete(world, row, source="dashboard")
        case "renew_certificate":
            row = connections.renew_certificate(world, row)
        case "expire_certificate":
            row = connections.certificate_nears_its_end(world, row, days=int(values.get("days", 30)))
        case deed:
            raise errors.not_found("Deed", deed)
    return web.json_response(connections.as_json(world, row))


@routes.post("/_sandbox/directories")
async def make_directory(request: web.Request) -> web.Response:
    """A directory in any state: `organization_id`, `type`, `state`, `name`, `users` (how many)."""
    world = world_of(request)
    values = await reading.body(request)
    owner = organization_of(world, values)
    row = life.sync(
        world,
        owner,
        values.get("type") or "okta scim v2.0",
        state=values.get("state") or "linked",
        users=int(values.get("users", 0)),
        name=reading.optional_text(values, "name"),
    )
    return web.json_response(directories.as_json(world, row), status=201)


@routes.post("/_sandbox/directories/{id}/{deed}")
async def change_directory(request: web.Request) -> web.Response:
    """`activate`, `unlink`, `refuse` (invalid credentials), `delete`."""
    world = world_of(request)
    row = directories.find(world, request.match_info["id"])
    match request.match_info["deed"]:
        case "activate":
            row = directories.activate(world, row, source="dashboard")
        case "unlink":
            row = directories.set_state(world, row, "unlinked")
        case "refuse":
            row = directories.set_state(world, row, "invalid_credentials")
        case "delete":
            shown = directories.as_json(world, row)
            directories.delete(world, row, source="dashboard")
            return web.json_response(shown)
        case deed:
            raise errors.not_found("Deed", deed)
    return web.json_response(directories.as_json(world, row))


@routes.post("/_sandbox/domains/verify")
async def verify_domain(request: web.Request) -> web.Response:
    """Publish the TXT record of `domain` for `organization_id` and check it; it is added if need be."""
    world = world_of(request)
    values = await reading.body(request)
    row = life.verify_domain(
        world, organization_of(world, values), reading.domain(values.get("domain"), "domain")
    )
    return web.json_response(row.as_json())


@routes.post("/_sandbox/domains/fail")
async def fail_domain(request: web.Request) -> web.Response:
    """`domain` of `organization_id` was not proved in time (or `reason`)."""
    world = world_of(request)
    values = await reading.body(request)
    owner = organization_of(world, values)
    domain = reading.domain(values.get("domain"), "domain")
    row = next((item for item in domains.of(world, owner.id) if item.domain == domain), None)
    if row is None:
        raise errors.not_found("Organization domain", domain)
    reason = values.get("reason") or "domain_verification_period_expired"
    return web.json_response(domains.fail(world, row, reason).as_json())


@routes.post("/_sandbox/links/{deed}")
async def end_links(request: web.Request) -> web.Response:
    """`expire` or `revoke` every link that still opens, of `organization_id` or of all."""
    world = world_of(request)
    values = await reading.body(request)
    deed = request.match_info["deed"]
    if deed not in {"expire", "revoke"}:
        raise errors.not_found("Deed", deed)
    ended = 0
    for link in world.links:
        if values.get("organization_id", link.organization_id) != link.organization_id or link.revoked:
            continue
        if deed == "revoke":
            links.revoke(world, link)
        else:
            world.links.put(world.changed(link, expires_at=world.clock.now()))
        ended += 1
    return web.json_response({"ended": ended})


@routes.post("/_sandbox/bursts")
async def start_burst(request: web.Request) -> web.Response:
    """`{"directory_id": …, "count": 100000, "event": "dsync.user.created"}`."""
    values = await reading.body(request)
    directory: Directory = directories.find(world_of(request), reading.text(values, "directory_id"))
    try:
        burst = request.app[BURSTS].start(
            directory, values.get("event") or "dsync.user.created", int(values.get("count", 0))
        )
    except (ValueError, TypeError) as error:
        raise errors.bad_request(str(error)) from error
    return web.json_response(burst.as_json(), status=201)


@routes.get("/_sandbox/bursts")
async def show_bursts(request: web.Request) -> web.Response:
    return web.json_response({"data": [burst.as_json() for burst in request.app[BURSTS].all]})


@routes.post("/_sandbox/lives")
async def whole_life(request: web.Request) -> web.Response:
    """An organization's whole life, from creation to deletion: every event type once at least."""
    values = await reading.body(request)
    return web.json_response(
        {
            "organization_id": life.whole(
                world_of(request), reading.optional_text(values, "name") or "Lifetime Inc."
            )
        },
        status=201,
    )
