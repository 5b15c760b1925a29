"""WorkOS's Events API: the events of the retention period, oldest first."""

import re
from collections.abc import Iterator
from itertools import islice

from aiohttp import web

from sandbox import errors, pagination
from sandbox.app_keys import api_routes, get_store
from sandbox.clock import format_timestamp, parse_timestamp
from sandbox.ids import ULID_LENGTH
from sandbox.models import Event
from sandbox.store import Store

_DAY_MS = 86_400_000
MAX_RANGE_DAYS = 30
# `events=a,b`, `events=a&events=b`, `events[]=a` and `events[0]=a`.
_EVENTS_PARAMETER = re.compile(r"events(\[[0-9]*\])?")


@api_routes.get("/events")
async def list_events_view(request: web.Request) -> web.Response:
    """Raises 422 without `events`, and 400 for a range or a cursor that WorkOS refuses."""
    store = get_store(request)
    query = request.query
    size = pagination.parse_limit(request)
    newest_first = pagination.parse_order(request, default="asc") != "asc"
    types = _parse_types(request)
    if "after" in query and "range_start" in query:
        raise errors.bad_request("after and range_start cannot be used together.")
    start, end = _parse_range(request)
    rows = _iterate_events(
        store,
        types,
        organization_id=query.get("organization_id"),
        cursor=query.get("after"),
        start=start,
        end=end,
        newest_first=newest_first,
    )
    found = list(islice(rows, size + 1))
    more, found = len(found) > size, found[:size]
    return web.json_response(
        {
            "object": "list",
            "data": [event.to_json() for event in found],
            "list_metadata": {"after": found[-1].id if more else None},
        }
    )


def _parse_types(request: web.Request) -> set[str]:
    """The event types of the query, in any of the spellings that WorkOS's SDKs use."""
    values = [value for name, value in request.query.items() if _EVENTS_PARAMETER.fullmatch(name)]
    types = {name.strip() for value in values for name in value.split(",") if name.strip()}
    if not types:
        raise errors.invalid_parameter("events", "required", "events is required.")
    return types


def _parse_range(request: web.Request) -> tuple[str | None, str | None]:
    """The times of `range_start` and `range_end`. Raises 400 if they are more than 30 days apart."""
    start, end = (_parse_time(request.query.get(name)) for name in ("range_start", "range_end"))
    if start is not None and end is not None and not 0 <= end - start <= MAX_RANGE_DAYS * _DAY_MS:
        raise errors.bad_request(f"range_end must be at most {MAX_RANGE_DAYS} days after range_start.")
    return (
        None if start is None else format_timestamp(start),
        None if end is None else format_timestamp(end),
    )


def _parse_time(text: str | None) -> int | None:
    if text is None:
        return None
    message = f"'{text}' is not an ISO 8601 UTC timestamp that ends in Z."
    if not text.endswith("Z"):
        raise errors.bad_request(message)
    try:
        milliseconds = parse_timestamp(text)
        format_timestamp(milliseconds)
    except (ValueError, OverflowError, OSError) as error:
        raise errors.bad_request(message) from error
    return milliseconds


def _iterate_events(
    store: Store,
    types: set[str],
    *,
    organization_id: str | None,
    cursor: str | None,
    start: str | None,
    end: str | None,
    newest_first: bool,
) -> Iterator[Event]:
    """The events of these types after the cursor, within the range and the retention period."""
    table = store.events
    oldest = _find_oldest_time(store)
    first, last = 0, len(table)
    if table.in_time_order:
        begin = oldest if start is None else max(start, oldest)
        first = table.find_first_position(lambda row: row.created_at >= begin)
        if end is not None:
            last = table.find_first_position(lambda row: row.created_at >= end)
    if cursor is not None:
        position = _find_cursor(store, cursor, oldest)
        first, last = (first, min(last, position)) if newest_first else (max(first, position), last)
    within = [
        ("event", name) if organization_id is None else ("organization_event", (organization_id, name))
        for name in sorted(types)
    ]
    for event in table.iterate_span(within, first=first, end=last, backwards=newest_first):
        is_in_range = (start is None or event.created_at > start) and (end is None or event.created_at < end)
        if is_in_range and event.created_at >= oldest and event.id != cursor:
            yield event


def _find_oldest_time(store: Store) -> str:
    return format_timestamp(max(0, store.clock.now_ms() - store.switches.retention_days * _DAY_MS))


def _find_cursor(store: Store, cursor: str, oldest: str) -> int:
    """The position of the cursor's event, or of the one that came next. Raises 400."""
    if not cursor.startswith("event_") or len(cursor) != len("event_") + ULID_LENGTH:
        raise errors.bad_request(f"'{cursor}' is not the id of an event.")
    event = store.events.get(cursor)
    if store.switches.forget_cursors and (event is None or event.created_at < oldest):
        raise errors.bad_request(f"The cursor '{cursor}' is unknown. List a range instead.")
    position = store.events.find_position(cursor)
    # Ids sort by time, so they tell which events came later.
    return store.events.find_first_position(lambda row: row.id > cursor) if position is None else position
