"""WorkOS's Events API."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway import client
from gateway.pacing import Page, request_page

# A range is at most this long.
LONGEST_RANGE = timedelta(days=30)
_PAGE_SIZE = 100


class CursorForgotten(client.Refused):
    """WorkOS does not know this cursor, or does not know it any longer. Read a range instead."""


# https://workos.com/docs/reference/events/list
def list_events(
    names: Sequence[str],
    *,
    organization_id: str = "",
    after: str = "",
    range_start: datetime | None = None,
    range_end: datetime | None = None,
) -> Page:
    """A page of events, oldest first, after the cursor `after` or within a range of at most LONGEST_RANGE.

    Raises CursorForgotten, Refused (400 also for an organization that WorkOS does not have) or Unavailable.
    """
    params: dict[str, Any] = {"events": ",".join(names), "limit": _PAGE_SIZE, "order": "asc"}
    if organization_id:
        params["organization_id"] = organization_id
    if after:
        params["after"] = after
    elif range_start:
        params["range_start"] = _format_time(range_start)
        if range_end:
            params["range_end"] = _format_time(range_end)
    try:
        return request_page("list events", "events", params)
    except client.Refused as refusal:
        if after and refusal.status == 400:
            raise CursorForgotten(
                "WorkOS does not know our place in the events any longer.",
                status=400,
                request_id=refusal.request_id,
            ) from None
        raise


def _format_time(at: datetime) -> str:
    """WorkOS refuses a time that does not end in Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
