"""Directory users, and WorkOS's API for them."""

from typing import Any

from aiohttp import web

from sandbox import directories, directory_groups, errors, pagination, parameters
from sandbox.app_keys import api_routes, get_store
from sandbox.models import Directory, DirectoryUser
from sandbox.store import Store

FIRST_NAMES = ("Marcelina", "Veda", "Jonah", "Aiko", "Priya", "Tomas", "Leila", "Kwame", "Ines", "Sven")
LAST_NAMES = (
    "Davis",
    "Torp",
    "Okafor",
    "Tanaka",
    "Rao",
    "Novak",
    "Haddad",
    "Mensah",
    "Duarte",
    "Lind",
    "Moreau",
)


def create_user(store: Store, directory: Directory, **values: str) -> DirectoryUser:
    """Create a user with invented data where `values` has none. Emits ``dsync.user.created``."""
    number = len(store.users) + 1
    first = values.pop("first_name", FIRST_NAMES[number % len(FIRST_NAMES)])
    last = values.pop("last_name", LAST_NAMES[number % len(LAST_NAMES)])
    user = store.users.put(
        DirectoryUser(
            id=store.ids.new_id("directory_user"),
            directory_id=directory.id,
            organization_id=directory.organization_id,
            idp_id=values.pop("idp_id", f"{number:08d}"),
            email=values.pop("email", f"{first}.{last}.{number}@example.com".lower()),
            first_name=first,
            last_name=last,
            **values,
            **store.new_timestamps(),
        )
    )
    _emit_user_event(store, "created", user)
    return user


def update_user(store: Store, user: DirectoryUser, **values: str) -> DirectoryUser:
    """Emits ``dsync.user.updated`` with the previous values of what changed."""
    previous = {name: getattr(user, name) for name in values if getattr(user, name) != values[name]}
    changed = store.users.put(store.with_changes(user, **values))
    _emit_user_event(store, "updated", changed, changed.to_json() | {"previous_attributes": previous})
    return changed


def delete_user(store: Store, user: DirectoryUser) -> None:
    """Remove the user from all groups, then delete it. Emits an event for each."""
    for group in directory_groups.list_user_groups(store, user):
        directory_groups.remove_group_member(store, group, user)
    store.users.delete(user.id)
    _emit_user_event(store, "deleted", user)


def _emit_user_event(
    store: Store, event: str, user: DirectoryUser, data: dict[str, Any] | None = None
) -> None:
    store.emit_event(
        f"dsync.user.{event}", data or user, organization_id=user.organization_id, source="system"
    )


def _serialize_user(store: Store, user: DirectoryUser) -> dict[str, Any]:
    groups = [group.to_json() for group in directory_groups.list_user_groups(store, user)]
    return user.to_json() | {"groups": groups}


@api_routes.get("/directory_users")
async def list_users_view(request: web.Request) -> web.Response:
    """Raises 422 unless `directory` or `group` is given, 404 if it does not exist."""
    store = get_store(request)
    query = request.query
    parameters.require_one_of(request, "directory", "group")
    for name in ("idp_id", "email"):
        if name in query and "directory" not in query:
            raise errors.invalid_parameter("directory", "required", f"{name} requires directory.")
    if "directory" in query:
        directories.get_directory(store, query["directory"])
    member_ids = None
    if "group" in query:
        member_ids = set(directory_groups.get_group(store, query["group"]).user_ids)

    def matches(row: DirectoryUser) -> bool:
        return (
            ("directory" not in query or row.directory_id == query["directory"])
            and (member_ids is None or row.id in member_ids)
            and ("idp_id" not in query or row.idp_id == query["idp_id"])
            and ("email" not in query or row.email == query["email"])
        )

    return pagination.paginate(
        request, store.users, matches=matches, serialize=lambda row: _serialize_user(store, row)
    )


@api_routes.get("/directory_users/{id}")
async def get_user_view(request: web.Request) -> web.Response:
    store = get_store(request)
    user = store.users.get(request.match_info["id"])
    if user is None:
        raise errors.not_found("Directory user", request.match_info["id"])
    return web.json_response(_serialize_user(store, user))
