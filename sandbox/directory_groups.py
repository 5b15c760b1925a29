"""Directory groups and their members, and WorkOS's API for them."""

from dataclasses import replace
from typing import Any

from aiohttp import web

from sandbox import directories, errors, pagination, parameters
from sandbox.app_keys import api_routes, get_store
from sandbox.directory_objects import find_group, get_group, get_user
from sandbox.models import Directory, DirectoryGroup, DirectoryUser, Member, get_directory_key
from sandbox.store import Store


def list_user_groups(store: Store, user: DirectoryUser) -> list[DirectoryGroup]:
    return [group for key in user.group_keys if (group := store.groups.get(key))]


def create_group(
    store: Store, directory: Directory, name: str, *, group_id: str | None = None, announced: bool = True
) -> DirectoryGroup:
    """Create a group. `group_id` is the customer's own id, as an imported directory has it. Raises 422."""
    if group_id is not None and find_group(store, group_id, directory.id):
        raise errors.invalid_parameter("id", "invalid", f"The directory has a group {group_id}.")
    group = store.groups.put(
        DirectoryGroup(
            id=group_id or store.ids.new_id("directory_group"),
            directory_id=directory.id,
            organization_id=directory.organization_id,
            # As with SCIM, where a group's idp_id is its display name.
            idp_id=name,
            name=name,
            **store.new_timestamps(),
        )
    )
    if announced:
        emit_group_event(store, "created", group, group.to_json())
    return group


def rename_group(store: Store, group: DirectoryGroup, name: str) -> DirectoryGroup:
    renamed = store.groups.put(store.with_changes(group, name=name, idp_id=name))
    data = renamed.to_json() | {"previous_attributes": {"name": group.name}}
    emit_group_event(store, "updated", renamed, data)
    return renamed


def delete_group(store: Store, group: DirectoryGroup) -> None:
    """Delete the group. As at WorkOS, its memberships end without events of their own."""
    store.groups.delete(group.key)
    for user in list(store.users.iterate(within=("group_key", group.key), backwards=True)):
        _put_without_group(store, user, group)
    emit_group_event(store, "deleted", group, group.to_json())


def add_group_member(
    store: Store, group: DirectoryGroup, user: DirectoryUser, *, partial: bool = False
) -> DirectoryUser:
    """Add the person, with an event, in which a `partial` person has only an id. Twice changes nothing."""
    if group.key in user.group_keys:
        return user
    user = store.users.put(replace(user, group_keys=(*user.group_keys, group.key)))
    emit_group_event(store, "user_added", group, Member(user, group, partial))
    return user


def remove_group_member(
    store: Store, group: DirectoryGroup, user: DirectoryUser, *, partial: bool = False
) -> DirectoryUser:
    """Remove the person, with an event. Twice changes nothing."""
    if group.key not in user.group_keys:
        return user
    user = _put_without_group(store, user, group)
    emit_group_event(store, "user_removed", group, Member(user, group, partial))
    return user


def _put_without_group(store: Store, user: DirectoryUser, group: DirectoryGroup) -> DirectoryUser:
    kept = tuple(key for key in user.group_keys if key != group.key)
    return store.users.put(replace(user, group_keys=kept))


def emit_group_event(store: Store, event: str, group: DirectoryGroup, data: dict[str, Any] | Member) -> None:
    store.emit_event(f"dsync.group.{event}", data, organization_id=group.organization_id, source="system")


@api_routes.get("/directory_groups")
async def list_groups_view(request: web.Request) -> web.Response:
    """Raises 422 unless `directory` or `user` is given, 404 if it does not exist."""
    parameters.require_one_of(request, "directory", "user")
    return _list_groups(request, request.query.get("directory"))


@api_routes.get("/directories/{directory_id}/groups")
async def list_groups_of_directory_view(request: web.Request) -> web.Response:
    """Raises 404 for the directory, and for `user`."""
    return _list_groups(request, request.match_info["directory_id"])


def _list_groups(request: web.Request, directory_id: str | None) -> web.Response:
    store = get_store(request)
    if directory_id is not None:
        directories.get_directory(store, directory_id)
    keys = None
    if "user" in request.query:
        user = get_user(store, request.query["user"], directory_id)
        keys, directory_id = set(user.group_keys), user.directory_id
    owner = directory_id or ""
    return pagination.paginate(
        request,
        store.groups,
        within=("directory_id", owner),
        matches=lambda row: keys is None or row.key in keys,
        serialize=DirectoryGroup.to_json,
        get_key=lambda cursor: get_directory_key(DirectoryGroup.ID_PREFIX, owner, cursor),
    )


@api_routes.get("/directory_groups/{id}")
async def get_group_view(request: web.Request) -> web.Response:
    return web.json_response(get_group(get_store(request), request.match_info["id"]).to_json())


@api_routes.get("/directories/{directory_id}/groups/{id}")
async def get_group_of_directory_view(request: web.Request) -> web.Response:
    store = get_store(request)
    directory = directories.get_directory(store, request.match_info["directory_id"])
    return web.json_response(get_group(store, request.match_info["id"], directory.id).to_json())
