"""WorkOS's list responses: `limit`, `order`, and the cursors `before` and `after`."""

import re
from collections.abc import Callable, Hashable, Iterator
from itertools import islice
from typing import Any, TypeVar

from aiohttp import web

from sandbox import errors
from sandbox.app_keys import get_store
from sandbox.models import Model
from sandbox.tables import Table

ModelT = TypeVar("ModelT", bound=Model)


def parse_limit(request: web.Request) -> int:
    value = request.query.get("limit", "10")
    if not re.fullmatch(r"[0-9]{1,3}", value) or not 1 <= int(value) <= 100:
        raise errors.invalid_parameter("limit", "invalid", "limit must be an integer between 1 and 100.")
    return int(value)


def parse_order(request: web.Request, *, default: str) -> str:
    order = request.query.get("order", default)
    if order not in {"asc", "desc", "normal"}:
        raise errors.invalid_parameter("order", "invalid", "order must be one of normal, desc, asc.")
    return order


def paginate(
    request: web.Request,
    table: Table[ModelT],
    *,
    serialize: Callable[[ModelT], dict[str, Any]],
    matches: Callable[[ModelT], bool] = lambda row: True,
    within: tuple[str, Hashable] | None = None,
    get_key: Callable[[str], str] = str,
) -> web.Response:
    """Respond with a page of the rows that `matches`. Raises 422 for an invalid limit, order or cursor.

    `within` is an index of the table and a key of it. `get_key` turns the id in a cursor into a key.
    """
    size = parse_limit(request)
    order = parse_order(request, default="desc" if get_store(request).switches.newest_first else "asc")
    after, before = request.query.get("after"), request.query.get("before")
    if order == "normal":
        after, before = before, after

    newest_first = order != "asc"

    def iterate(cursor: str | None, name: str, *, backwards: bool) -> Iterator[ModelT]:
        key = None if cursor is None else get_key(cursor)
        if key is not None and not table.has_position(key):
            raise errors.invalid_parameter(
                name, "invalid", f"{name} is not the id of an object in this list."
            )
        return filter(matches, table.iterate(after=key, backwards=backwards, within=within))

    if before is not None:
        rows = list(islice(iterate(before, "before", backwards=not newest_first), size + 1))
        more_before, more_after = len(rows) > size, True
        rows = rows[:size][::-1]
    else:
        rows = list(islice(iterate(after, "after", backwards=newest_first), size + 1))
        more_before, more_after = after is not None, len(rows) > size
        rows = rows[:size]

    first = rows[0].id if rows and more_before else None
    last = rows[-1].id if rows and more_after else None
    if order == "normal":
        first, last = last, first
    return web.json_response(
        {
            "object": "list",
            "data": [serialize(row) for row in rows],
            "list_metadata": {"before": first, "after": last},
        }
    )
