"""Directory users, and WorkOS's API for them."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from sandbox import directories, directory_groups, errors, pagination, parameters
from sandbox.app_keys import RATE_LIMITER, api_routes, get_store
from sandbox.directory_objects import get_group, get_user
from sandbox.models import Directory, DirectoryGroup, DirectoryUser, get_directory_key
from sandbox.store import Store

PersonFields = Mapping[str, str | None]
PERSON_FIELDS = ("email", "first_name", "last_name", "job_title")
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


def create_user(
    store: Store,
    directory: Directory,
    fields: PersonFields | None = None,
    *,
    group_keys: tuple[str, ...] = (),
    announced: bool = True,
) -> DirectoryUser:
    """Create a person with invented data where `fields` has none. Emits ``dsync.user.created``.

    A given `id` is the customer's own, as an imported directory has it. Raises 422 if it is taken.
    """
    values = dict(fields or {})
    user_id = values.pop("id", None)
    # By key: an id of WorkOS's own form is unique in all directories.
    if user_id and store.users.get(get_directory_key(DirectoryUser.ID_PREFIX, directory.id, user_id)):
        raise errors.invalid_parameter("id", "invalid", f"The id {user_id} is taken by another person.")
    number = store.users.added + 1
    first = values.pop("first_name", FIRST_NAMES[number % len(FIRST_NAMES)])
    last = values.pop("last_name", LAST_NAMES[number % len(LAST_NAMES)])
    address = f"{first or 'somebody'}.{last or 'else'}.{number}@example.com".lower()
    user = store.users.put(
        DirectoryUser(
            id=user_id or store.ids.new_id("directory_user"),
            directory_id=directory.id,
            organization_id=directory.organization_id,
            idp_id=values.pop("idp_id", None) or f"{number:08d}",
            email=values.pop("email", address),
            first_name=first,
            last_name=last,
            group_keys=group_keys,
            job_title=values.pop("job_title", "Software Engineer"),
            **store.new_timestamps(),
        )
    )
    if announced:
        emit_user_event(store, "created", user)
    return user


def update_user(store: Store, user: DirectoryUser, **values: str | None) -> DirectoryUser:
    """Emits ``dsync.user.updated`` with the previous values of what changed."""
    previous = {name: getattr(user, name) for name in values if getattr(user, name) != values[name]}
    changed = store.users.put(store.with_changes(user, **values))
    emit_user_event(store, "updated", changed, changed.to_json() | {"previous_attributes": previous})
    return changed


def deactivate_user(store: Store, user: DirectoryUser) -> DirectoryUser:
    """Deactivate the person, as an identity provider does when it suspends a person. Memberships stay.

    The switch `soft_delete` decides how WorkOS says it: as an update to `inactive`, or as a deletion.
    """
    if user.state != "active":
        return user
    if store.switches.soft_delete:
        return update_user(store, user, state="inactive")
    changed = store.users.put(store.with_changes(user, state="inactive"))
    emit_user_event(store, "deleted", user)
    return changed


def reactivate_user(store: Store, user: DirectoryUser) -> DirectoryUser:
    """Let a deactivated person return with the same id.

    With `soft_delete` off, nothing is announced, unless `announce_returns` is on: the person and the
    memberships were never gone at WorkOS.
    """
    if user.state == "active":
        return user
    if store.switches.soft_delete:
        return update_user(store, user, state="active")
    changed = store.users.put(store.with_changes(user, state="active"))
    if store.switches.announce_returns:
        emit_user_event(store, "created", changed)
    return changed


def return_with_new_id(store: Store, user: DirectoryUser) -> DirectoryUser:
    """Let the person return as a new directory user with the same `idp_id`, and without groups."""
    if user.state == "active":
        delete_user(store, user)
    else:
        # The deactivation has been announced.
        store.users.delete(user.key)
    return create_user(
        store,
        directories.get_directory(store, user.directory_id),
        {name: getattr(user, name) for name in ("idp_id", *PERSON_FIELDS)},
    )


def reassign_address(store: Store, user: DirectoryUser, fields: PersonFields) -> DirectoryUser:
    """Give the address of a person, who is deactivated for it, to a new one. Returns the new one."""
    deactivate_user(store, user)
    directory = directories.get_directory(store, user.directory_id)
    return create_user(store, directory, {**fields, "email": user.email})


def create_user_after_membership(
    store: Store, directory: Directory, group: DirectoryGroup, fields: PersonFields, *, partial: bool = False
) -> DirectoryUser:
    """Create a person whose first membership is announced before the person."""
    user = create_user(store, directory, fields, announced=False)
    user = directory_groups.add_group_member(store, group, user, partial=partial)
    emit_user_event(store, "created", user)
    return user


def delete_user(store: Store, user: DirectoryUser) -> None:
    """Remove the user from all groups, then delete it. Emits an event for each."""
    for group in directory_groups.list_user_groups(store, user):
        user = directory_groups.remove_group_member(store, group, user)
    store.users.delete(user.key)
    emit_user_event(store, "deleted", user)


def emit_user_event(
    store: Store, event: str, user: DirectoryUser, data: dict[str, Any] | None = None
) -> None:
    store.emit_event(
        f"dsync.user.{event}", data or user, organization_id=user.organization_id, source="system"
    )


def _serialize_user(store: Store, user: DirectoryUser) -> dict[str, Any]:
    groups = directory_groups.list_user_groups(store, user) if store.switches.user_groups else []
    return user.to_json() | {"groups": [group.to_json() for group in groups]}


@api_routes.get("/directory_users")
async def list_users_view(request: web.Request) -> web.Response:
    """Raises 422 unless `directory` or `group` is given, 404 if it does not exist, and 429."""
    query = request.query
    parameters.require_one_of(request, "directory", "group")
    for name in ("idp_id", "email"):
        if name in query and "directory" not in query:
            raise errors.invalid_parameter("directory", "required", f"{name} requires directory.")
    return _list_users(request, query.get("directory"))


@api_routes.get("/directories/{directory_id}/users")
async def list_users_of_directory_view(request: web.Request) -> web.Response:
    """Raises 404 for the directory and for `group`, and 429."""
    return _list_users(request, request.match_info["directory_id"])


def _list_users(request: web.Request, directory_id: str | None) -> web.Response:
    store, query = get_store(request), request.query
    within: tuple[str, str] | None = None
    if directory_id is not None:
        directories.get_directory(store, directory_id)
        within = ("directory_id", directory_id)
    if "group" in query:
        group = get_group(store, query["group"], directory_id)
        directory_id, within = group.directory_id, ("group_key", group.key)
    owner = directory_id or ""
    request.app[RATE_LIMITER].count_directory_request(owner)
    for name in ("idp_id", "email"):
        if name in query:
            within = (name, query[name])
    return pagination.paginate(
        request,
        store.users,
        within=within,
        matches=lambda row: (
            row.directory_id == owner
            and ("group" not in query or group.key in row.group_keys)
            and query.get("idp_id", row.idp_id) == row.idp_id
            and query.get("email", row.email) == row.email
        ),
        serialize=lambda row: _serialize_user(store, row),
        get_key=lambda cursor: get_directory_key(DirectoryUser.ID_PREFIX, owner, cursor),
    )


@api_routes.get("/directory_users/{id}")
async def get_user_view(request: web.Request) -> web.Response:
    return _get_user(request, None)


@api_routes.get("/directories/{directory_id}/users/{id}")
async def get_user_of_directory_view(request: web.Request) -> web.Response:
    directory = directories.get_directory(get_store(request), request.match_info["directory_id"])
    return _get_user(request, directory.id)


def _get_user(request: web.Request, directory_id: str | None) -> web.Response:
    store = get_store(request)
    user = get_user(store, request.match_info["id"], directory_id)
    request.app[RATE_LIMITER].count_directory_request(user.directory_id)
    return web.json_response(_serialize_user(store, user))
