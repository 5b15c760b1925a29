"""People and groups of directories, as WorkOS lists them: a page at a time, oldest first."""

from dataclasses import dataclass
from typing import Any

from gateway import client
from gateway.pacing import Page, get_directory_limit, request_page, request_patiently

PAGE_SIZE = 100


@dataclass(frozen=True)
class DirectorySize:
    """How many people and groups WorkOS says a directory has. None: it does not say."""

    active: int | None
    inactive: int | None
    groups: int | None


# https://workos.com/docs/reference/directory-sync/directory/get
def get_directory_size(directory_id: str) -> DirectorySize:
    """Raises Refused with `status=404` when WorkOS does not have the directory."""
    answer = request_patiently("get directory", ("directories", directory_id))
    if not isinstance(answer, dict) or answer.get("id") != directory_id:
        raise client.Unavailable("WorkOS gave an empty answer.")
    metadata = _read_object(answer, "metadata")
    users = _read_object(metadata, "users")
    return DirectorySize(
        active=_read_count(users, "active"),
        inactive=_read_count(users, "inactive"),
        groups=_read_count(metadata, "groups"),
    )


# https://workos.com/docs/reference/directory-sync/directory-user/list (4 requests a second per directory)
def list_people(directory_id: str, *, after: str = "") -> Page:
    return _request_people({"directory": directory_id}, directory_id, after)


def list_group_members(directory_id: str, group_id: str, *, after: str = "") -> Page:
    """The people of a group. Their own `groups` are empty for newer teams.

    A group's id may be the customer's own, and unique in its directory only.
    """
    return _request_people({"directory": directory_id, "group": group_id}, directory_id, after)


# https://workos.com/docs/reference/directory-sync/directory-group/list
def list_groups(directory_id: str, *, after: str = "") -> Page:
    params = {"directory": directory_id, "limit": PAGE_SIZE, "order": "asc"}
    return request_page("list directory groups", "directory_groups", _add_cursor(params, after))


def _request_people(params: dict[str, Any], directory_id: str, after: str) -> Page:
    return request_page(
        "list directory users",
        "directory_users",
        _add_cursor({**params, "limit": PAGE_SIZE, "order": "asc"}, after),
        limit=get_directory_limit(directory_id),
    )


def _add_cursor(params: dict[str, Any], after: str) -> dict[str, Any]:
    return {**params, "after": after} if after else params


def _read_object(parent: dict[str, Any], name: str) -> dict[str, Any]:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def _read_count(parent: dict[str, Any], name: str) -> int | None:
    value = parent.get(name)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    return value if is_count else None
