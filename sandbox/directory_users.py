"""Directory users and groups, as the API lists them."""

from typing import Any

from aiohttp import web

from sandbox import directories, errors, pagination
from sandbox.app_keys import get_store, routes
from sandbox.models import DirectoryGroup, DirectoryUser
from sandbox.store import Store


def _require_one_of(request: web.Request, *names: str) -> None:
    if not any(name in request.query for name in names):
        raise errors.invalid_parameter(names[0], "required", f"One of {' or '.join(names)} is required.")


def _serialize_user(store: Store, user: DirectoryUser) -> dict[str, Any]:
    return user.to_json() | {
        "groups": [group.to_json() for group in directories.list_user_groups(store, user)]
    }


@routes.get("/directory_users")
async def list_users_view(request: web.Request) -> web.Response:
    store = get_store(request)
    query = request.query
    _require_one_of(request, "directory", "group")
    for name in ("idp_id", "email"):
        if name in query and "directory" not in query:
            raise errors.invalid_parameter("directory", "required", f"{name} requires directory.")
    if "directory" in query:
        directories.get_directory(store, query["directory"])
    members = None
    if "group" in query:
        members = set(_get_group(store, query["group"]).user_ids)

    def keep(row: DirectoryUser) -> bool:
        return (
            ("directory" not in query or row.directory_id == query["directory"])
            and (members is None or row.id in members)
            and ("idp_id" not in query or row.idp_id == query["idp_id"])
            and ("email" not in query or row.email == query["email"])
        )

    return pagination.paginate(request, store.users, keep=keep, show=lambda row: _serialize_user(store, row))


@routes.get("/directory_users/{id}")
async def get_user_view(request: web.Request) -> web.Response:
    store = get_store(request)
    user = store.users.get(request.match_info["id"])
    if user is None:
        raise errors.not_found("Directory user", request.match_info["id"])
    return web.json_response(_serialize_user(store, user))


def _get_group(store: Store, group_id: str) -> DirectoryGroup:
    group = store.groups.get(group_id)
    if group is None:
        raise errors.not_found("Directory group", group_id)
    return group


@routes.get("/directory_groups")
async def list_groups_view(request: web.Request) -> web.Response:
    store = get_store(request)
    query = request.query
    _require_one_of(request, "directory", "user")
    if "directory" in query:
        directories.get_directory(store, query["directory"])
    if "user" in query and store.users.get(query["user"]) is None:
        raise errors.not_found("Directory user", query["user"])

    def keep(row: DirectoryGroup) -> bool:
        return ("directory" not in query or row.directory_id == query["directory"]) and (
            "user" not in query or query["user"] in row.user_ids
        )

    return pagination.paginate(request, store.groups, keep=keep, show=DirectoryGroup.to_json)


@routes.get("/directory_groups/{id}")
async def get_group_view(request: web.Request) -> web.Response:
    return web.json_response(_get_group(get_store(request), request.match_info["id"]).to_json())
