"""Control API that does what an IT admin, an identity provider or the WorkOS Dashboard would do."""

from typing import Any

from aiohttp import web

from sandbox import (
    connections,
    directories,
    domains,
    errors,
    organizations,
    parameters,
    portal_links,
    scenarios,
)
from sandbox.app_keys import control_routes, get_store
from sandbox.models import Connection, Directory, Organization
from sandbox.store import Store

MAX_DAYS = 36_500
CONNECTION_STATES = ("requires_type", "draft", "validating", "active", "inactive", "deleting")
DIRECTORY_STATES = ("linked", "unlinked", "validating", "invalid_credentials", "deleting")
FAILURE_REASONS = ("domain_verification_period_expired", "domain_verified_by_other_organization")


def _get_organization(store: Store, values: dict[str, Any]) -> Organization:
    return organizations.get_organization(store, parameters.require_text(values, "organization_id"))


def _parse_choice(values: dict[str, Any], name: str, choices: tuple[str, ...], default: str) -> str:
    value = parameters.parse_optional_text(values, name) or default
    if value not in choices:
        raise errors.invalid_parameter(name, "invalid", f"{name} is one of {', '.join(choices)}.")
    return value


@control_routes.post("/_sandbox/connections")
async def create_connection_view(request: web.Request) -> web.Response:
    """Create a connection in any state: `organization_id`, `type`, `state`, `name`."""
    store = get_store(request)
    values = await parameters.parse_body(request)
    connection = scenarios.set_up_connection(
        store,
        _get_organization(store, values),
        parameters.parse_optional_text(values, "type") or "OktaSAML",
        state=_parse_choice(values, "state", CONNECTION_STATES, "active"),
        name=parameters.parse_optional_text(values, "name"),
    )
    return web.json_response(connections.serialize_connection(store, connection), status=201)


@control_routes.post("/_sandbox/connections/{id}/{action}")
async def change_connection_view(request: web.Request) -> web.Response:
    """Apply one of the actions of `change_connection`, with `days` (30) for `expire_certificate`."""
    store = get_store(request)
    connection = connections.get_connection(store, request.match_info["id"])
    values = await parameters.parse_body(request)
    days = parameters.parse_integer(values, "days", default=30, least=-MAX_DAYS, most=MAX_DAYS)
    changed = change_connection(store, connection, request.match_info["action"], days=days)
    return web.json_response(connections.serialize_connection(store, changed))


def change_connection(store: Store, connection: Connection, action: str, *, days: int = 30) -> Connection:
    """Apply `activate`, `deactivate`, `delete`, `renew_certificate` or `expire_certificate` (in `days`).

    Returns the connection afterwards; a deleted one as it was. Raises 404 for another action.
    """
    match action:
        case "activate":
            return connections.activate_connection(store, connection, source="dashboard")
        case "deactivate":
            return connections.deactivate_connection(store, connection)
        case "delete":
            connections.delete_connection(store, connection, source="dashboard")
            return connection
        case "renew_certificate":
            return connections.renew_certificate(store, connection)
        case "expire_certificate":
            return connections.expire_certificate(store, connection, days=days)
    raise errors.not_found("Action", action)


@control_routes.post("/_sandbox/directories")
async def create_directory_view(request: web.Request) -> web.Response:
    """Create a directory in any state: `organization_id`, `type`, `state`, `name`, `users` (a number)."""
    store = get_store(request)
    values = await parameters.parse_body(request)
    directory = scenarios.set_up_directory(
        store,
        _get_organization(store, values),
        parameters.parse_optional_text(values, "type") or "okta scim v2.0",
        state=_parse_choice(values, "state", DIRECTORY_STATES, "linked"),
        users=parameters.parse_integer(values, "users", default=0, least=0, most=parameters.MAX_USERS),
        name=parameters.parse_optional_text(values, "name"),
    )
    return web.json_response(directories.serialize_directory(store, directory), status=201)


@control_routes.post("/_sandbox/directories/{id}/{action}")
async def change_directory_view(request: web.Request) -> web.Response:
    """Apply one of the actions of `change_directory`."""
    store = get_store(request)
    directory = directories.get_directory(store, request.match_info["id"])
    # Before the change: a deleted directory no longer has users and groups to count.
    shown = directories.serialize_directory(store, directory)
    changed = change_directory(store, directory, request.match_info["action"])
    if changed is not None:
        shown = directories.serialize_directory(store, changed)
    return web.json_response(shown)


def change_directory(store: Store, directory: Directory, action: str) -> Directory | None:
    """Apply `activate`, `unlink`, `refuse` (invalid credentials) or `delete`.

    Returns the directory afterwards, None if deleted. Raises 404 for another action.
    """
    match action:
        case "activate":
            return directories.activate_directory(store, directory, source="dashboard")
        case "unlink":
            return directories.set_directory_state(store, directory, "unlinked")
        case "refuse":
            return directories.set_directory_state(store, directory, "invalid_credentials")
        case "delete":
            directories.delete_directory(store, directory, source="dashboard")
            return None
    raise errors.not_found("Action", action)


@control_routes.post("/_sandbox/domains/verify")
async def publish_and_verify_domain_view(request: web.Request) -> web.Response:
    """Publish the TXT record of `domain` and verify it for `organization_id`, which gets it if needed."""
    store = get_store(request)
    values = await parameters.parse_body(request)
    domain = parameters.parse_domain(values.get("domain"), "domain")
    verified = scenarios.publish_and_verify_domain(store, _get_organization(store, values), domain)
    return web.json_response(verified.to_json())


@control_routes.post("/_sandbox/domains/fail")
async def fail_domain_view(request: web.Request) -> web.Response:
    """Let the verification of `domain` of `organization_id` fail, for the `reason` given or by timing out."""
    store = get_store(request)
    values = await parameters.parse_body(request)
    organization = _get_organization(store, values)
    name = parameters.parse_domain(values.get("domain"), "domain")
    domain = domains.find_domain(store, organization.id, name)
    if domain is None:
        raise errors.not_found("Organization domain", name)
    reason = _parse_choice(values, "reason", FAILURE_REASONS, FAILURE_REASONS[0])
    return web.json_response(domains.fail_domain(store, domain, reason).to_json())


@control_routes.post("/_sandbox/links/{action:expire|revoke}")
async def end_links_view(request: web.Request) -> web.Response:
    """Expire or revoke the links of `organization_id`, or all links without one."""
    values = await parameters.parse_body(request)
    organization_id = parameters.parse_optional_text(values, "organization_id")
    ended = end_links(get_store(request), request.match_info["action"], organization_id)
    return web.json_response({"ended": ended})


def end_links(store: Store, action: str, organization_id: str | None = None) -> int:
    """`expire` or `revoke` every link that is not revoked, of one organization or of all.

    Returns how many.
    """
    ended = 0
    for link in store.links:
        if organization_id not in {None, link.organization_id} or link.revoked:
            continue
        if action == "revoke":
            portal_links.revoke_link(store, link)
        else:
            store.links.put(store.with_changes(link, expires_at=store.clock.now()))
        ended += 1
    return ended


@control_routes.post("/_sandbox/lifecycles")
async def run_lifecycle_view(request: web.Request) -> web.Response:
    """Run an organization's lifecycle, from creation to deletion, with events of every kind."""
    values = await parameters.parse_body(request)
    name = parameters.parse_optional_text(values, "name") or scenarios.LIFECYCLE_NAME
    organization_id = scenarios.run_lifecycle(get_store(request), name)
    return web.json_response({"organization_id": organization_id}, status=201)
