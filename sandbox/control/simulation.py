"""Making things happen without a click: what an IT admin or an identity provider would have done."""

from typing import Any

from aiohttp import web

from sandbox import connections, directories, domains, errors, organizations, parameters, scenarios
from sandbox.app_keys import get_store
from sandbox.control.runtime import routes
from sandbox.models import Organization
from sandbox.store import Store

CONNECTION_STATES = ("requires_type", "draft", "validating", "active", "inactive", "deleting")
DIRECTORY_STATES = ("linked", "unlinked", "validating", "invalid_credentials", "deleting")
FAILURES = ("domain_verification_period_expired", "domain_verified_by_other_organization")


def _organization(store: Store, values: dict[str, Any]) -> Organization:
    return organizations.get_organization(store, parameters.require_text(values, "organization_id"))


def _one_of(values: dict[str, Any], name: str, known: tuple[str, ...], default: str) -> str:
    value = parameters.parse_optional_text(values, name) or default
    if value not in known:
        raise errors.invalid_parameter(name, "invalid", f"{name} is one of {', '.join(known)}.")
    return value


@routes.post("/_sandbox/connections")
async def make_connection(request: web.Request) -> web.Response:
    """A connection in any state: `organization_id`, `type`, `state`, `name`."""
    store = get_store(request)
    values = await parameters.parse_body(request)
    row = scenarios.set_up_connection(
        store,
        _organization(store, values),
        parameters.parse_optional_text(values, "type") or "OktaSAML",
        state=_one_of(values, "state", CONNECTION_STATES, "active"),
        name=parameters.parse_optional_text(values, "name"),
    )
    return web.json_response(connections.serialize_connection(store, row), status=201)


@routes.post("/_sandbox/connections/{id}/{deed}")
async def change_connection(request: web.Request) -> web.Response:
    """`activate`, `deactivate`, `delete`, `renew_certificate`, `expire_certificate` (in `days`, 30)."""
    store = get_store(request)
    row = connections.get_connection(store, request.match_info["id"])
    values = await parameters.parse_body(request)
    match request.match_info["deed"]:
        case "activate":
            row = connections.activate_connection(store, row, source="dashboard")
        case "deactivate":
            row = connections.deactivate_connection(store, row)
        case "delete":
            connections.delete_connection(store, row, source="dashboard")
        case "renew_certificate":
            row = connections.renew_certificate(store, row)
        case "expire_certificate":
            days = parameters.parse_integer(values, "days", default=30)
            row = connections.expire_certificate(store, row, days=days)
        case deed:
            raise errors.not_found("Deed", deed)
    return web.json_response(connections.serialize_connection(store, row))


@routes.post("/_sandbox/directories")
async def make_directory(request: web.Request) -> web.Response:
    """A directory in any state: `organization_id`, `type`, `state`, `name`, `users` (how many)."""
    store = get_store(request)
    values = await parameters.parse_body(request)
    row = scenarios.set_up_directory(
        store,
        _organization(store, values),
        parameters.parse_optional_text(values, "type") or "okta scim v2.0",
        state=_one_of(values, "state", DIRECTORY_STATES, "linked"),
        users=parameters.parse_integer(values, "users", default=0),
        name=parameters.parse_optional_text(values, "name"),
    )
    return web.json_response(directories.serialize_directory(store, row), status=201)


@routes.post("/_sandbox/directories/{id}/{deed}")
async def change_directory(request: web.Request) -> web.Response:
    """`activate`, `unlink`, `refuse` (invalid credentials), `delete`."""
    store = get_store(request)
    row = directories.get_directory(store, request.match_info["id"])
    shown = directories.serialize_directory(store, row)
    match request.match_info["deed"]:
        case "activate":
            shown = directories.serialize_directory(
                store, directories.activate_directory(store, row, source="dashboard")
            )
        case "unlink":
            shown = directories.serialize_directory(
                store, directories.set_directory_state(store, row, "unlinked")
            )
        case "refuse":
            shown = directories.serialize_directory(
                store, directories.set_directory_state(store, row, "invalid_credentials")
            )
        case "delete":
            directories.delete_directory(store, row, source="dashboard")
        case deed:
            raise errors.not_found("Deed", deed)
    return web.json_response(shown)


@routes.post("/_sandbox/domains/verify")
async def verify_domain(request: web.Request) -> web.Response:
    """Publish the TXT record of `domain` for `organization_id` and check it; it is added if need be."""
    store = get_store(request)
    values = await parameters.parse_body(request)
    domain = parameters.parse_domain(values.get("domain"), "domain")
    return web.json_response(
        scenarios.publish_and_verify_domain(store, _organization(store, values), domain).to_json()
    )


@routes.post("/_sandbox/domains/fail")
async def fail_domain(request: web.Request) -> web.Response:
    """`domain` of `organization_id` was not proved in time (or for another `reason`)."""
    store = get_store(request)
    values = await parameters.parse_body(request)
    owner = _organization(store, values)
    domain = parameters.parse_domain(values.get("domain"), "domain")
    row = next((item for item in domains.list_domains(store, owner.id) if item.domain == domain), None)
    if row is None:
        raise errors.not_found("Organization domain", domain)
    reason = _one_of(values, "reason", FAILURES, FAILURES[0])
    return web.json_response(domains.fail_domain(store, row, reason).to_json())


@routes.post("/_sandbox/directories/{id}/people/{deed:add|update|remove}")
async def change_people(request: web.Request) -> web.Response:
    """`add` (`count`, 1), or `update` or `remove` the `user_id` given."""
    store = get_store(request)
    directory = directories.get_directory(store, request.match_info["id"])
    values = await parameters.parse_body(request)
    if request.match_info["deed"] == "add":
        count = parameters.parse_integer(values, "count", default=1)
        added = [directories.create_user(store, directory) for _ in range(count)]
        return web.json_response({"data": [user.to_json() for user in added]}, status=201)
    user = store.users.get(parameters.require_text(values, "user_id"))
    if user is None or user.directory_id != directory.id:
        raise errors.not_found("Directory user", values["user_id"])
    if request.match_info["deed"] == "update":
        title = parameters.parse_optional_text(values, "job_title") or f"{user.job_title} (moved)"
        user = directories.update_user(store, user, job_title=title)
    else:
        directories.delete_user(store, user)
    return web.json_response(user.to_json())
