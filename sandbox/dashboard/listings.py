"""Pages of long lists: `?page=2` is the second hundred."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

ROWS_PER_PAGE = 100
MAX_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list. `number` counts from 1; `newer` and `older` are URLs, or None at the ends."""

    rows: list[Any]
    number: int
    newer: str | None
    older: str | None

    @property
    def first(self) -> int:
        return (self.number - 1) * ROWS_PER_PAGE + 1

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1

    @property
    def is_paged(self) -> bool:
        return bool(self.newer or self.older)


def list_rows(request: web.Request, rows: Iterable[Any], *, parameter: str = "page") -> Listing:
    """The page of `rows` that the query's `parameter` asks for; the first one if that is no number."""
    text = request.query.get(parameter, "")
    number = max(1, int(text)) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else 1
    start = (number - 1) * ROWS_PER_PAGE
    found = list(islice(rows, start, start + ROWS_PER_PAGE + 1))
    return Listing(
        found[:ROWS_PER_PAGE],
        number,
        newer=_build_url(request, parameter, number - 1) if number > 1 else None,
        older=_build_url(request, parameter, number + 1) if len(found) > ROWS_PER_PAGE else None,
    )


def _build_url(request: web.Request, parameter: str, number: int) -> str:
    """The URL of another page of this list, with the filters of this one."""
    query = {key: value for key, value in request.query.items() if key not in {parameter, "message"}}
    return f"?{urlencode(query | {parameter: str(number)})}"
