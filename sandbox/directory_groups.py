"""Directory groups and their members, and WorkOS's API for them."""

from typing import Any

from aiohttp import web

from sandbox import directories, errors, pagination, parameters
from sandbox.app_keys import api_routes, get_store
from sandbox.models import Directory, DirectoryGroup, DirectoryUser
from sandbox.store import Store


def get_group(store: Store, group_id: str) -> DirectoryGroup:
    """Raises 404."""
    group = store.groups.get(group_id)
    if group is None:
        raise errors.not_found("Directory group", group_id)
    return group


def list_user_groups(store: Store, user: DirectoryUser) -> list[DirectoryGroup]:
    return [group for group in store.groups if user.id in group.user_ids]


def create_group(store: Store, directory: Directory, name: str) -> DirectoryGroup:
    group = store.groups.put(
        DirectoryGroup(
            id=store.ids.new_id("directory_group"),
            directory_id=directory.id,
            organization_id=directory.organization_id,
            idp_id=store.ids.random_key(16),
            name=name,
            **store.new_timestamps(),
        )
    )
    _emit_group_event(store, "created", group, group.to_json())
    return group


def rename_group(store: Store, group: DirectoryGroup, name: str) -> DirectoryGroup:
    renamed = store.groups.put(store.with_changes(group, name=name))
    data = renamed.to_json() | {"previous_attributes": {"name": group.name}}
    _emit_group_event(store, "updated", renamed, data)
    return renamed


def delete_group(store: Store, group: DirectoryGroup) -> None:
    store.groups.delete(group.id)
    _emit_group_event(store, "deleted", group, group.to_json())


def add_group_member(store: Store, group: DirectoryGroup, user: DirectoryUser) -> DirectoryGroup:
    changed = store.groups.put(store.with_changes(group, user_ids=(*group.user_ids, user.id)))
    _emit_member_event(store, "user_added", changed, user)
    return changed


def remove_group_member(store: Store, group: DirectoryGroup, user: DirectoryUser) -> DirectoryGroup:
    user_ids = tuple(user_id for user_id in group.user_ids if user_id != user.id)
    changed = store.groups.put(store.with_changes(group, user_ids=user_ids))
    _emit_member_event(store, "user_removed", changed, user)
    return changed


def _emit_group_event(store: Store, event: str, group: DirectoryGroup, data: dict[str, Any]) -> None:
    store.emit_event(f"dsync.group.{event}", data, organization_id=group.organization_id, source="system")


def _emit_member_event(store: Store, event: str, group: DirectoryGroup, user: DirectoryUser) -> None:
    data = {"directory_id": group.directory_id, "user": user.to_json(), "group": group.to_json()}
    _emit_group_event(store, event, group, data)


@api_routes.get("/directory_groups")
async def list_groups_view(request: web.Request) -> web.Response:
    """Raises 422 unless `directory` or `user` is given, 404 if it does not exist."""
    store = get_store(request)
    query = request.query
    parameters.require_one_of(request, "directory", "user")
    if "directory" in query:
        directories.get_directory(store, query["directory"])
    if "user" in query and store.users.get(query["user"]) is None:
        raise errors.not_found("Directory user", query["user"])

    def matches(row: DirectoryGroup) -> bool:
        return ("directory" not in query or row.directory_id == query["directory"]) and (
            "user" not in query or query["user"] in row.user_ids
        )

    return pagination.paginate(request, store.groups, matches=matches, serialize=DirectoryGroup.to_json)


@api_routes.get("/directory_groups/{id}")
async def get_group_view(request: web.Request) -> web.Response:
    return web.json_response(get_group(get_store(request), request.match_info["id"]).to_json())
