"""Making things happen without a click: what an IT admin or an identity provider would have done."""

from typing import Any

from aiohttp import web

from sandbox import connections, directories, domains, errors, organizations, parameters, scenarios
from sandbox.app_keys import world_of
from sandbox.control.runtime import routes
from sandbox.models import Organization
from sandbox.store import World

CONNECTION_STATES = ("requires_type", "draft", "validating", "active", "inactive", "deleting")
DIRECTORY_STATES = ("linked", "unlinked", "validating", "invalid_credentials", "deleting")
FAILURES = ("domain_verification_period_expired", "domain_verified_by_other_organization")


def _organization(world: World, values: dict[str, Any]) -> Organization:
    return organizations.find(world, parameters.text(values, "organization_id"))


def _one_of(values: dict[str, Any], name: str, known: tuple[str, ...], default: str) -> str:
    value = parameters.optional_text(values, name) or default
    if value not in known:
        raise errors.invalid(name, "invalid", f"{name} is one of {', '.join(known)}.")
    return value


@routes.post("/_sandbox/connections")
async def make_connection(request: web.Request) -> web.Response:
    """A connection in any state: `organization_id`, `type`, `state`, `name`."""
    world = world_of(request)
    values = await parameters.body(request)
    row = scenarios.connect(
        world,
        _organization(world, values),
        parameters.optional_text(values, "type") or "OktaSAML",
        state=_one_of(values, "state", CONNECTION_STATES, "active"),
        name=parameters.optional_text(values, "name"),
    )
    return web.json_response(connections.as_json(world, row), status=201)


@routes.post("/_sandbox/connections/{id}/{deed}")
async def change_connection(request: web.Request) -> web.Response:
    """`activate`, `deactivate`, `delete`, `renew_certificate`, `expire_certificate` (in `days`, 30)."""
    world = world_of(request)
    row = connections.find(world, request.match_info["id"])
    values = await parameters.body(request)
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
            days = parameters.whole(values, "days", default=30)
            row = connections.certificate_nears_its_end(world, row, days=days)
        case deed:
            raise errors.not_found("Deed", deed)
    return web.json_response(connections.as_json(world, row))


@routes.post("/_sandbox/directories")
async def make_directory(request: web.Request) -> web.Response:
    """A directory in any state: `organization_id`, `type`, `state`, `name`, `users` (how many)."""
    world = world_of(request)
    values = await parameters.body(request)
    row = scenarios.sync(
        world,
        _organization(world, values),
        parameters.optional_text(values, "type") or "okta scim v2.0",
        state=_one_of(values, "state", DIRECTORY_STATES, "linked"),
        users=parameters.whole(values, "users", default=0),
        name=parameters.optional_text(values, "name"),
    )
    return web.json_response(directories.as_json(world, row), status=201)


@routes.post("/_sandbox/directories/{id}/{deed}")
async def change_directory(request: web.Request) -> web.Response:
    """`activate`, `unlink`, `refuse` (invalid credentials), `delete`."""
    world = world_of(request)
    row = directories.find(world, request.match_info["id"])
    shown = directories.as_json(world, row)
    match request.match_info["deed"]:
        case "activate":
            shown = directories.as_json(world, directories.activate(world, row, source="dashboard"))
        case "unlink":
            shown = directories.as_json(world, directories.set_state(world, row, "unlinked"))
        case "refuse":
            shown = directories.as_json(world, directories.set_state(world, row, "invalid_credentials"))
        case "delete":
            directories.delete(world, row, source="dashboard")
        case deed:
            raise errors.not_found("Deed", deed)
    return web.json_response(shown)


@routes.post("/_sandbox/domains/verify")
async def verify_domain(request: web.Request) -> web.Response:
    """Publish the TXT record of `domain` for `organization_id` and check it; it is added if need be."""
    world = world_of(request)
    values = await parameters.body(request)
    domain = parameters.domain(values.get("domain"), "domain")
    return web.json_response(scenarios.verify_domain(world, _organization(world, values), domain).as_json())


@routes.post("/_sandbox/domains/fail")
async def fail_domain(request: web.Request) -> web.Response:
    """`domain` of `organization_id` was not proved in time (or for another `reason`)."""
    world = world_of(request)
    values = await parameters.body(request)
    owner = _organization(world, values)
    domain = parameters.domain(values.get("domain"), "domain")
    row = next((item for item in domains.of(world, owner.id) if item.domain == domain), None)
    if row is None:
        raise errors.not_found("Organization domain", domain)
    reason = _one_of(values, "reason", FAILURES, FAILURES[0])
    return web.json_response(domains.fail(world, row, reason).as_json())


@routes.post("/_sandbox/directories/{id}/people/{deed:add|update|remove}")
async def change_people(request: web.Request) -> web.Response:
    """`add` (`count`, 1), or `update` or `remove` the `user_id` given."""
    world = world_of(request)
    directory = directories.find(world, request.match_info["id"])
    values = await parameters.body(request)
    if request.match_info["deed"] == "add":
        count = parameters.whole(values, "count", default=1)
        added = [directories.add_user(world, directory) for _ in range(count)]
        return web.json_response({"data": [user.as_json() for user in added]}, status=201)
    user = world.users.get(parameters.text(values, "user_id"))
    if user is None or user.directory_id != directory.id:
        raise errors.not_found("Directory user", values["user_id"])
    if request.match_info["deed"] == "update":
        title = parameters.optional_text(values, "job_title") or f"{user.job_title} (moved)"
        user = directories.update_user(world, user, job_title=title)
    else:
        directories.delete_user(world, user)
    return web.json_response(user.as_json())
