"""Directories and the people and groups they bring."""

from typing import Any

from aiohttp import web

from sandbox import domains, errors, pagination
from sandbox.app_keys import get_store, routes
from sandbox.models import Directory, DirectoryGroup, DirectoryUser
from sandbox.store import Store

# Events call the API's `linked` active and its `unlinked` inactive.
EVENT_STATES = {"linked": "active", "unlinked": "inactive"}

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


def serialize_directory(store: Store, directory: Directory) -> dict[str, Any]:
    users = [row.state for row in store.users.filter(directory_id=directory.id)]
    shown: dict[str, Any] = {
        "object": "directory",
        "id": directory.id,
        "organization_id": directory.organization_id,
        "external_key": directory.external_key,
        "type": directory.type,
        "state": directory.state,
        "name": directory.name,
        "metadata": {
            "users": {"active": users.count("active"), "inactive": len(users) - users.count("active")},
            "groups": len(store.groups.filter(directory_id=directory.id)),
        },
        "created_at": directory.created_at,
        "updated_at": directory.updated_at,
    }
    held = domains.list_domains(store, directory.organization_id)
    if held:
        shown["domain"] = held[0].domain
    return shown


def serialize_directory_for_event(store: Store, directory: Directory, event: str) -> dict[str, Any]:
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
    """`unlinked`, `invalid_credentials`, `validating`: no event says so, as at WorkOS."""
    return store.directories.put(store.with_changes(directory, state=state))


def delete_directory(
    store: Store, directory: Directory, *, source: str = "api", silent: bool = False
) -> None:
    """Its people and groups go with it, unsaid: after `dsync.deleted` no event speaks of them."""
    store.directories.delete(directory.id)
    for user in store.users.filter(directory_id=directory.id):
        store.users.delete(user.id)
    for group in store.groups.filter(directory_id=directory.id):
        store.groups.delete(group.id)
    if not silent:
        _emit_directory_event(store, "deleted", directory, source)


def _emit_directory_event(store: Store, event: str, directory: Directory, source: str) -> None:
    store.emit_event(
        f"dsync.{event}",
        serialize_directory_for_event(store, directory, event),
        organization_id=directory.organization_id,
        source=source,
    )


def create_user(store: Store, directory: Directory, **values: str) -> DirectoryUser:
    """A made-up person, unless `values` name a real one. Emits ``dsync.user.created``."""
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
    emit_user_event(store, "created", user)
    return user


def emit_user_event(
    store: Store, event: str, user: DirectoryUser, data: dict[str, Any] | None = None
) -> None:
    store.emit_event(
        f"dsync.user.{event}", data or user, organization_id=user.organization_id, source="system"
    )


def update_user(store: Store, user: DirectoryUser, **values: str) -> DirectoryUser:
    previous = {name: getattr(user, name) for name in values if getattr(user, name) != values[name]}
    changed = store.users.put(store.with_changes(user, **values))
    emit_user_event(store, "updated", changed, changed.to_json() | {"previous_attributes": previous})
    return changed


def delete_user(store: Store, user: DirectoryUser) -> None:
    for group in list_user_groups(store, user):
        remove_group_member(store, group, user)
    store.users.delete(user.id)
    emit_user_event(store, "deleted", user)


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
    _emit_group_event(
        store, "updated", renamed, renamed.to_json() | {"previous_attributes": {"name": group.name}}
    )
    return renamed


def delete_group(store: Store, group: DirectoryGroup) -> None:
    store.groups.delete(group.id)
    _emit_group_event(store, "deleted", group, group.to_json())


def add_group_member(store: Store, group: DirectoryGroup, user: DirectoryUser) -> DirectoryGroup:
    grown = store.groups.put(store.with_changes(group, user_ids=(*group.user_ids, user.id)))
    _emit_member_event(store, "user_added", grown, user)
    return grown


def remove_group_member(store: Store, group: DirectoryGroup, user: DirectoryUser) -> DirectoryGroup:
    left = tuple(key for key in group.user_ids if key != user.id)
    shrunk = store.groups.put(store.with_changes(group, user_ids=left))
    _emit_member_event(store, "user_removed", shrunk, user)
    return shrunk


def list_user_groups(store: Store, user: DirectoryUser) -> list[DirectoryGroup]:
    return [group for group in store.groups if user.id in group.user_ids]


def _emit_group_event(store: Store, event: str, group: DirectoryGroup, data: dict[str, Any]) -> None:
    store.emit_event(f"dsync.group.{event}", data, organization_id=group.organization_id, source="system")


def _emit_member_event(store: Store, event: str, group: DirectoryGroup, user: DirectoryUser) -> None:
    data = {"directory_id": group.directory_id, "user": user.to_json(), "group": group.to_json()}
    _emit_group_event(store, event, group, data)


@routes.get("/directories")
async def list_directories_view(request: web.Request) -> web.Response:
    store = get_store(request)
    query = request.query
    search = query.get("search", "").casefold()

    def keep(row: Directory) -> bool:
        if "organization_id" in query and row.organization_id != query["organization_id"]:
            return False
        if "domain" in query and not any(
            item.domain == query["domain"].lower()
            for item in domains.list_domains(store, row.organization_id)
        ):
            return False
        return search in row.name.casefold()

    return pagination.paginate(
        request, store.directories, keep=keep, show=lambda row: serialize_directory(store, row)
    )


@routes.get("/directories/{id}")
async def get_directory_view(request: web.Request) -> web.Response:
    store = get_store(request)
    return web.json_response(serialize_directory(store, get_directory(store, request.match_info["id"])))


@routes.delete("/directories/{id}")
async def delete_directory_view(request: web.Request) -> web.Response:
    store = get_store(request)
    directory = store.directories.get(request.match_info["id"])
    # The published schema knows no 404 here: deleting what is gone is accepted again.
    if directory is not None:
        delete_directory(store, directory)
    return web.Response(status=202)
