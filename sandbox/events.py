"""WorkOS's Events API: the events of the retention period, oldest first."""

from collections.abc import Iterator

from aiohttp import web

from sandbox import errors, pagination
from sandbox.app_keys import api_routes, get_store
from sandbox.clock import format_timestamp, parse_timestamp
from sandbox.ids import ULID_LENGTH
from sandbox.models import Event
from sandbox.store import Store

_DAY_MS = 86_400_000


@api_routes.get("/events")
async def list_events_view(request: web.Request) -> web.Response:
    """Raises 422 without `events`; 400 for `after` with `range_start`, and for times that do not end in Z."""
    store = get_store(request)
    query = request.query
    size = pagination.parse_limit(request)
    types = {
        name.strip() for value in query.getall("events", []) for name in value.split(",") if name.strip()
    }
    if not types:
        raise errors.invalid_parameter("events", "required", "events is required.")
    if "after" in query and "range_start" in query:
        raise errors.bad_request("after and range_start cannot be used together.")
    start, end = _parse_time(query.get("range_start")), _parse_time(query.get("range_end"))

    found: list[Event] = []
    for event in _iterate_events(store, query.get("after")):
        if event.event not in types:
            continue
        if query.get("organization_id", event.organization_id) != event.organization_id:
            continue
        if start is not None and event.created_at <= start:
            continue
        if end is not None and event.created_at >= end:
            continue
        found.append(event)
        if len(found) > size:
            break
    more, found = len(found) > size, found[:size]
    return web.json_response(
        {
            "object": "list",
            "data": [event.to_json() for event in found],
            "list_metadata": {"after": found[-1].id if more else None},
        }
    )


def _parse_time(text: str | None) -> str | None:
    if text is None:
        return None
    message = f"'{text}' is not an ISO 8601 UTC timestamp that ends in Z."
    if not text.endswith("Z"):
        raise errors.bad_request(message)
    try:
        return format_timestamp(parse_timestamp(text))
    except ValueError as error:
        raise errors.bad_request(message) from error


def _iterate_events(store: Store, cursor: str | None) -> Iterator[Event]:
    """The events after the cursor that are within the retention period. Raises 400 for a malformed cursor."""
    oldest = format_timestamp(store.clock.now_ms() - store.switches.retention_days * _DAY_MS)
    rows: Iterator[Event]
    if cursor is not None and store.events.get(cursor) is None:
        # The event of this cursor is gone. Ids sort by time, so they tell which events came later.
        if not cursor.startswith("event_") or len(cursor) != len("event_") + ULID_LENGTH:
            raise errors.bad_request(f"'{cursor}' is not the id of an event.")
        rows = (event for event in store.events.iterate() if event.id > cursor)
    else:
        rows = store.events.iterate(after=cursor)
    return (event for event in rows if event.created_at >= oldest)
