"""Directory users and groups, as the API lists them."""

from typing import Any

from aiohttp import web

from sandbox import directories, errors, pagination
from sandbox.app_keys import routes, world_of
from sandbox.models import DirectoryGroup, DirectoryUser
from sandbox.store import World


def _need_one(request: web.Request, *names: str) -> None:
    if not any(name in request.query for name in names):
        raise errors.invalid(names[0], "required", f"One of {' or '.join(names)} is required.")


def _user_with_groups(world: World, user: DirectoryUser) -> dict[str, Any]:
    return user.as_json() | {"groups": [group.as_json() for group in directories.groups_of(world, user)]}


@routes.get("/directory_users")
async def users_view(request: web.Request) -> web.Response:
    world = world_of(request)
    query = request.query
    _need_one(request, "directory", "group")
    for name in ("idp_id", "email"):
        if name in query and "directory" not in query:
            raise errors.invalid("directory", "required", f"{name} requires directory.")
    if "directory" in query:
        directories.find(world, query["directory"])
    members = None
    if "group" in query:
        members = set(_find_group(world, query["group"]).user_ids)

    def keep(row: DirectoryUser) -> bool:
        return (
            ("directory" not in query or row.directory_id == query["directory"])
            and (members is None or row.id in members)
            and ("idp_id" not in query or row.idp_id == query["idp_id"])
            and ("email" not in query or row.email == query["email"])
        )

    return pagination.page(request, world.users, keep=keep, show=lambda row: _user_with_groups(world, row))


@routes.get("/directory_users/{id}")
async def user_view(request: web.Request) -> web.Response:
    world = world_of(request)
    user = world.users.get(request.match_info["id"])
    if user is None:
        raise errors.not_found("Directory user", request.match_info["id"])
    return web.json_response(_user_with_groups(world, user))


def _find_group(world: World, group_id: str) -> DirectoryGroup:
    group = world.groups.get(group_id)
    if group is None:
        raise errors.not_found("Directory group", group_id)
    return group


@routes.get("/directory_groups")
async def groups_view(request: web.Request) -> web.Response:
    world = world_of(request)
    query = request.query
    _need_one(request, "directory", "user")
    if "directory" in query:
        directories.find(world, query["directory"])
    if "user" in query and world.users.get(query["user"]) is None:
        raise errors.not_found("Directory user", query["user"])

    def keep(row: DirectoryGroup) -> bool:
        return ("directory" not in query or row.directory_id == query["directory"]) and (
            "user" not in query or query["user"] in row.user_ids
        )

    return pagination.page(request, world.groups, keep=keep, show=DirectoryGroup.as_json)


@routes.get("/directory_groups/{id}")
async def group_view(request: web.Request) -> web.Response:
    return web.json_response(_find_group(world_of(request), request.match_info["id"]).as_json())
