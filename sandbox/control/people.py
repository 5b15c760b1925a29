"""Control API that does to the people and groups of a directory what an identity provider would do."""

import asyncio
from typing import Any

from aiohttp import web

from sandbox import directories, directory_groups, directory_users, parameters, population
from sandbox.app_keys import control_routes, get_store
from sandbox.directory_objects import get_group, get_user
from sandbox.models import Directory, DirectoryGroup, DirectoryUser
from sandbox.store import Store


def _get_directory(request: web.Request) -> Directory:
    return directories.get_directory(get_store(request), request.match_info["id"])


def _parse_person(values: dict[str, Any]) -> dict[str, str | None]:
    """The fields of a person that `values` has. Each may be null, which WorkOS allows."""
    return {
        name: parameters.parse_optional_text(values, name)
        for name in directory_users.PERSON_FIELDS
        if name in values
    }


@control_routes.post("/_sandbox/directories/{id}/people/add")
async def add_people_view(request: web.Request) -> web.Response:
    """Create `count` (1) people. `id`, `idp_id` and the fields of a person are for one alone.

    With `before_user`, the membership in `group_id` is announced before the person. Raises 422.
    """
    store, directory = get_store(request), _get_directory(request)
    values = await parameters.parse_body(request)
    count = parameters.parse_integer(values, "count", default=1, least=1, most=parameters.MAX_USERS)
    fields = _parse_person(values)
    for name in ("id", "idp_id"):
        if values.get(name) is not None:
            fields[name] = parameters.require_text(values, name)
    if fields:
        count = 1
    created = [_add_person(store, directory, values, fields) for _ in range(count)]
    return web.json_response({"data": [user.to_json() for user in created]}, status=201)


def _add_person(
    store: Store, directory: Directory, values: dict[str, Any], fields: dict[str, str | None]
) -> DirectoryUser:
    if values.get("group_id") is None:
        return directory_users.create_user(store, directory, fields)
    group = get_group(store, parameters.require_text(values, "group_id"), directory.id)
    partial = parameters.parse_boolean(values, "partial", default=False)
    if parameters.parse_boolean(values, "before_user", default=False):
        return directory_users.create_user_after_membership(store, directory, group, fields, partial=partial)
    user = directory_users.create_user(store, directory, fields)
    return directory_groups.add_group_member(store, group, user, partial=partial)


@control_routes.post("/_sandbox/directories/{id}/people/{action:update|deactivate|return|reassign|remove}")
async def change_person_view(request: web.Request) -> web.Response:
    """Change the person `user_id`, and respond with the person afterwards.

    `update` sets the fields of a person, `deactivate` follows the switch `soft_delete`, `return` takes
    `new_id` (false), and `reassign` gives the address to a new person, who is the response.
    """
    store, directory = get_store(request), _get_directory(request)
    values = await parameters.parse_body(request)
    user = get_user(store, parameters.require_text(values, "user_id"), directory.id)
    return web.json_response(change_person(store, user, request.match_info["action"], values).to_json())


def change_person(store: Store, user: DirectoryUser, action: str, values: dict[str, Any]) -> DirectoryUser:
    """Apply an action of `change_person_view`. Returns the person afterwards; a removed one as it was."""
    match action:
        case "update":
            fields = _parse_person(values) or {"job_title": f"{user.job_title} (moved)"}
            return directory_users.update_user(store, user, **fields)
        case "deactivate":
            return directory_users.deactivate_user(store, user)
        case "return":
            if parameters.parse_boolean(values, "new_id", default=False):
                return directory_users.return_with_new_id(store, user)
            return directory_users.reactivate_user(store, user)
        case "reassign":
            return directory_users.reassign_address(store, user, _parse_person(values))
    directory_users.delete_user(store, user)
    return user


@control_routes.post("/_sandbox/directories/{id}/people/fill")
async def fill_directory_view(request: web.Request) -> web.Response:
    """Create `count` people in `groups` groups, `groups_per_person` for each. Responds when it is done.

    Without `announced` (false) there are no events, as if they had expired.
    """
    store, directory = get_store(request), _get_directory(request)
    values = await parameters.parse_body(request)
    groups = parameters.parse_integer(values, "groups", default=0, least=0, most=parameters.MAX_USERS)
    steps = population.fill_directory(
        store,
        directory,
        count=parameters.parse_integer(values, "count", default=0, least=0, most=parameters.MAX_USERS),
        groups=groups,
        groups_per_person=parameters.parse_integer(
            values, "groups_per_person", default=0, least=0, most=min(groups, population.MAX_GROUPS)
        ),
        announced=parameters.parse_boolean(values, "announced", default=False),
    )
    for _ in steps:
        if store.state_file:
            store.state_file.flush()
        # Other requests are answered meanwhile.
        await asyncio.sleep(0)
    return web.json_response(directories.serialize_directory(store, directory), status=201)


@control_routes.post("/_sandbox/directories/{id}/groups/add")
async def add_group_view(request: web.Request) -> web.Response:
    """Create a group: `name`, and the customer's own `id`. Raises 422 if the id is taken."""
    values = await parameters.parse_body(request)
    group = directory_groups.create_group(
        get_store(request),
        _get_directory(request),
        parameters.require_text(values, "name"),
        group_id=parameters.parse_optional_text(values, "id"),
    )
    return web.json_response(group.to_json(), status=201)


@control_routes.post("/_sandbox/directories/{id}/groups/{action:rename|remove|add_member|remove_member}")
async def change_group_view(request: web.Request) -> web.Response:
    """Change the group `group_id`: `rename` takes `name`, the actions for members `user_id` and `partial`.

    With `partial`, the person in the event has an id only.
    """
    store, directory = get_store(request), _get_directory(request)
    values = await parameters.parse_body(request)
    group = get_group(store, parameters.require_text(values, "group_id"), directory.id)
    return web.json_response(change_group(store, group, request.match_info["action"], values).to_json())


def change_group(store: Store, group: DirectoryGroup, action: str, values: dict[str, Any]) -> DirectoryGroup:
    """Apply an action of `change_group_view`. Returns the group afterwards; a removed one as it was."""
    if action == "rename":
        return directory_groups.rename_group(store, group, parameters.require_text(values, "name"))
    if action == "remove":
        directory_groups.delete_group(store, group)
        return group
    user = get_user(store, parameters.require_text(values, "user_id"), group.directory_id)
    partial = parameters.parse_boolean(values, "partial", default=False)
    change = (
        directory_groups.add_group_member if action == "add_member" else directory_groups.remove_group_member
    )
    change(store, group, user, partial=partial)
    return group
