"""Directories and the people and groups they bring."""

from typing import Any

from aiohttp import web

from sandbox import domains, errors, pagination
from sandbox.app_keys import routes, world_of
from sandbox.models import Directory, DirectoryGroup, DirectoryUser
from sandbox.store import World

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


def as_json(world: World, directory: Directory) -> dict[str, Any]:
    users = [row.state for row in world.users.where(directory_id=directory.id)]
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
            "groups": len(world.groups.where(directory_id=directory.id)),
        },
        "created_at": directory.created_at,
        "updated_at": directory.updated_at,
    }
    held = domains.of(world, directory.organization_id)
    if held:
        shown["domain"] = held[0].domain
    return shown


def event_data(world: World, directory: Directory, event: str) -> dict[str, Any]:
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
            for item in domains.of(world, directory.organization_id)
        ]
    return shown


def find(world: World, directory_id: str) -> Directory:
    """Raises 404."""
    found = world.directories.get(directory_id)
    if found is None:
        raise errors.not_found("Directory", directory_id)
    return found


def prepare(world: World, organization_id: str, directory_type: str, name: str) -> Directory:
    return world.directories.put(
        Directory(
            id=world.ids.new("directory"),
            organization_id=organization_id,
            type=directory_type,
            name=name,
            state="validating",
            external_key=world.ids.key(25),
            bearer_token=world.ids.key(32),
            **world.born(),
        )
    )


def activate(world: World, directory: Directory, *, source: str = "admin_portal") -> Directory:
    if directory.state == "linked":
        return directory
    linked = world.directories.put(world.changed(directory, state="linked"))
    _tell(world, "activated", linked, source)
    return linked


def set_state(world: World, directory: Directory, state: str) -> Directory:
    """`unlinked`, `invalid_credentials`, `validating`: no event says so, as at WorkOS."""
    return world.directories.put(world.changed(directory, state=state))


def delete(world: World, directory: Directory, *, source: str = "api", silent: bool = False) -> None:
    """Its people and groups go with it, unsaid: after `dsync.deleted` no event speaks of them."""
    world.directories.drop(directory.id)
    for user in world.users.where(directory_id=directory.id):
        world.users.drop(user.id)
    for group in world.groups.where(directory_id=directory.id):
        world.groups.drop(group.id)
    if not silent:
        _tell(world, "deleted", directory, source)


def _tell(world: World, event: str, directory: Directory, source: str) -> None:
    world.emit(
        f"dsync.{event}",
        event_data(world, directory, event),
        organization_id=directory.organization_id,
        source=source,
    )


def add_user(world: World, directory: Directory, **values: str) -> DirectoryUser:
    """A made-up person, unless `values` name a real one. Emits ``dsync.user.created``."""
    number = len(world.users) + 1
    first = values.pop("first_name", FIRST_NAMES[number % len(FIRST_NAMES)])
    last = values.pop("last_name", LAST_NAMES[number % len(LAST_NAMES)])
    user = world.users.put(
        DirectoryUser(
            id=world.ids.new("directory_user"),
            directory_id=directory.id,
            organization_id=directory.organization_id,
            idp_id=values.pop("idp_id", f"{number:08d}"),
            email=values.pop("email", f"{first}.{last}.{number}@example.com".lower()),
            first_name=first,
            last_name=last,
            **values,
            **world.born(),
        )
    )
    tell_user(world, "created", user)
    return user


def tell_user(world: World, event: str, user: DirectoryUser, data: dict[str, Any] | None = None) -> None:
    world.emit(f"dsync.user.{event}", data or user, organization_id=user.organization_id, source="system")


def update_user(world: World, user: DirectoryUser, **values: str) -> DirectoryUser:
    previous = {name: getattr(user, name) for name in values if getattr(user, name) != values[name]}
    changed = world.users.put(world.changed(user, **values))
    tell_user(world, "updated", changed, changed.as_json() | {"previous_attributes": previous})
    return changed


def delete_user(world: World, user: DirectoryUser) -> None:
    for group in groups_of(world, user):
        remove_from_group(world, group, user)
    world.users.drop(user.id)
    tell_user(world, "deleted", user)


def add_group(world: World, directory: Directory, name: str) -> DirectoryGroup:
    group = world.groups.put(
        DirectoryGroup(
            id=world.ids.new("directory_group"),
            directory_id=directory.id,
            organization_id=directory.organization_id,
            idp_id=world.ids.key(16),
            name=name,
            **world.born(),
        )
    )
    _tell_group(world, "created", group, group.as_json())
    return group


def rename_group(world: World, group: DirectoryGroup, name: str) -> DirectoryGroup:
    renamed = world.groups.put(world.changed(group, name=name))
    _tell_group(world, "updated", renamed, renamed.as_json() | {"previous_attributes": {"name": group.name}})
    return renamed


def delete_group(world: World, group: DirectoryGroup) -> None:
    world.groups.drop(group.id)
    _tell_group(world, "deleted", group, group.as_json())


def add_to_group(world: World, group: DirectoryGroup, user: DirectoryUser) -> DirectoryGroup:
    grown = world.groups.put(world.changed(group, user_ids=(*group.user_ids, user.id)))
    _tell_membership(world, "user_added", grown, user)
    return grown


def remove_from_group(world: World, group: DirectoryGroup, user: DirectoryUser) -> DirectoryGroup:
    left = tuple(key for key in group.user_ids if key != user.id)
    shrunk = world.groups.put(world.changed(group, user_ids=left))
    _tell_membership(world, "user_removed", shrunk, user)
    return shrunk


def groups_of(world: World, user: DirectoryUser) -> list[DirectoryGroup]:
    return [group for group in world.groups if user.id in group.user_ids]


def _tell_group(world: World, event: str, group: DirectoryGroup, data: dict[str, Any]) -> None:
    world.emit(f"dsync.group.{event}", data, organization_id=group.organization_id, source="system")


def _tell_membership(world: World, event: str, group: DirectoryGroup, user: DirectoryUser) -> None:
    data = {"directory_id": group.directory_id, "user": user.as_json(), "group": group.as_json()}
    _tell_group(world, event, group, data)


@routes.get("/directories")
async def list_view(request: web.Request) -> web.Response:
    world = world_of(request)
    query = request.query
    search = query.get("search", "").casefold()

    def keep(row: Directory) -> bool:
        if "organization_id" in query and row.organization_id != query["organization_id"]:
            return False
        if "domain" in query and not any(
            item.domain == query["domain"].lower() for item in domains.of(world, row.organization_id)
        ):
            return False
        return search in row.name.casefold()

    return pagination.page(request, world.directories, keep=keep, show=lambda row: as_json(world, row))


@routes.get("/directories/{id}")
async def get_view(request: web.Request) -> web.Response:
    world = world_of(request)
    return web.json_response(as_json(world, find(world, request.match_info["id"])))


@routes.delete("/directories/{id}")
async def delete_view(request: web.Request) -> web.Response:
    world = world_of(request)
    directory = world.directories.get(request.match_info["id"])
    # The published schema knows no 404 here: deleting what is gone is accepted again.
    if directory is not None:
        delete(world, directory)
    return web.Response(status=202)
