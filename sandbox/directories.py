"""Directories, and WorkOS's API for them. Their users and groups have modules of their own."""

from typing import Any

from aiohttp import web

from sandbox import domains, errors, pagination
from sandbox.app_keys import api_routes, get_store
from sandbox.models import Directory
from sandbox.store import Store

# The API says linked and unlinked where events say active and inactive.
EVENT_STATES = {"linked": "active", "unlinked": "inactive"}


def serialize_directory(store: Store, directory: Directory) -> dict[str, Any]:
    users = store.users.count("directory_id", directory.id)
    active = store.users.count("directory_state", (directory.id, "active"))
    shown: dict[str, Any] = {
        "object": "directory",
        "id": directory.id,
        "organization_id": directory.organization_id,
        "external_key": directory.external_key,
        "type": directory.type,
        "state": directory.state,
        "name": directory.name,
        "metadata": {
            "users": {"active": active, "inactive": users - active},
            "groups": store.groups.count("directory_id", directory.id),
        },
        "created_at": directory.created_at,
        "updated_at": directory.updated_at,
    }
    organization_domains = domains.list_domains(store, directory.organization_id)
    if organization_domains:
        shown["domain"] = organization_domains[0].domain
    return shown


def serialize_directory_for_event(store: Store, directory: Directory, event: str) -> dict[str, Any]:
    """The directory as `data` of an event."""
    shown: dict[str, Any] = {
        "object": "directory",
        "id": directory.id,
        "organization_id": directory.organization_id,
        "type": directory.type,
        "state": EVENT_STATES.get(directory.state, directory.state),
        "name": directory.name,
        "created_at": directory.created_at,
        "updated_at": directory.updated_at,
    }
    if event == "activated":
        shown["external_key"] = directory.external_key
        shown["domains"] = [
            {"object": "organization_domain", "id": item.id, "domain": item.domain}
            for item in domains.list_domains(store, directory.organization_id)
        ]
    return shown


def get_directory(store: Store, directory_id: str) -> Directory:
    """Raises 404."""
    found = store.directories.get(directory_id)
    if found is None:
        raise errors.not_found("Directory", directory_id)
    return found


def create_directory(store: Store, organization_id: str, directory_type: str, name: str) -> Directory:
    """Create a directory that waits for its provider."""
    return store.directories.put(
        Directory(
            id=store.ids.new_id("directory"),
            organization_id=organization_id,
            type=directory_type,
            name=name,
            state="validating",
            external_key=store.ids.random_key(25),
            bearer_token=store.ids.random_key(32),
            **store.new_timestamps(),
        )
    )


def activate_directory(store: Store, directory: Directory, *, source: str = "admin_portal") -> Directory:
    if directory.state == "linked":
        return directory
    linked = store.directories.put(store.with_changes(directory, state="linked"))
    _emit_directory_event(store, "activated", linked, source)
    return linked


def set_directory_state(store: Store, directory: Directory, state: str) -> Directory:
    """Set `unlinked`, `invalid_credentials` or `validating`. As at WorkOS, there is no event."""
    return store.directories.put(store.with_changes(directory, state=state))


def delete_directory(
    store: Store, directory: Directory, *, source: str = "api", silent: bool = False
) -> None:
    """Delete a directory with its users and groups. As at WorkOS, those emit no events of their own."""
    store.directories.delete(directory.id)
    # The last first: an index gives up its last position at once.
    for user in reversed(store.users.filter(directory_id=directory.id)):
        store.users.delete(user.key)
    for group in reversed(store.groups.filter(directory_id=directory.id)):
        store.groups.delete(group.key)
    if not silent:
        _emit_directory_event(store, "deleted", directory, source)


def _emit_directory_event(store: Store, event: str, directory: Directory, source: str) -> None:
    store.emit_event(
        f"dsync.{event}",
        serialize_directory_for_event(store, directory, event),
        organization_id=directory.organization_id,
        source=source,
    )


@api_routes.get("/directories")
async def list_directories_view(request: web.Request) -> web.Response:
    store = get_store(request)
    query = request.query
    search = query.get("search", "").casefold()

    def matches(row: Directory) -> bool:
        if "organization_id" in query and row.organization_id != query["organization_id"]:
            return False
        if "domain" in query and not any(
            item.domain == query["domain"].lower()
            for item in domains.list_domains(store, row.organization_id)
        ):
            return False
        return search in row.name.casefold()

    owner = query.get("organization_id")
    return pagination.paginate(
        request,
        store.directories,
        within=None if owner is None else ("organization_id", owner),
        matches=matches,
        serialize=lambda row: serialize_directory(store, row),
    )


@api_routes.get("/directories/{id}")
async def get_directory_view(request: web.Request) -> web.Response:
    store = get_store(request)
    directory = get_directory(store, request.match_info["id"])
    return web.json_response(serialize_directory(store, directory))


@api_routes.delete("/directories/{id}")
async def delete_directory_view(request: web.Request) -> web.Response:
    store = get_store(request)
    directory = store.directories.get(request.match_info["id"])
    # The published schema has no 404 here: deleting twice is accepted.
    if directory is not None:
        delete_directory(store, directory)
    return web.Response(status=202)
