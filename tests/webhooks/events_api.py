"""A stub of WorkOS's Events API: the events that a test puts into it, and the requests that it got."""

import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import responses

from mirror.times import parse_time
from tests.conftest import ACME_ORGANIZATION
from tests.deliveries import payload
from tests.gateway.test_gateway import API


def iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class EventsAPI:
    """Oldest first; a range excludes both of its ends and is at most 30 days long."""

    def __init__(self, api: responses.RequestsMock) -> None:
        self.items: list[Any] = []
        self.requests: list[dict[str, str]] = []
        self.forgotten: set[str] = set()
        self.unknown_names: set[str] = set()
        self.page_size = 100
        api.add_callback("GET", f"{API}/events", self._answer)

    def add(self, event: str, *, at: datetime, event_id: str = "", **data: Any) -> dict[str, Any]:
        item = payload(event, event_id=event_id or f"event_{len(self.items):04}", created_at=iso(at), **data)
        self.items.append(item)
        return item

    def ranges(self) -> list[tuple[datetime, datetime | None]]:
        """The ranges that Acme's events were asked for in."""
        return [
            (start, parse_time(one.get("range_end")))
            for one in self.requests
            if "organization_id" in one and (start := parse_time(one.get("range_start")))
        ]

    def _answer(self, request: Any) -> tuple[int, dict[str, str], str]:
        query = {name: value[0] for name, value in parse_qs(urlsplit(request.url).query).items()}
        self.requests.append(query)
        start, end = parse_time(query.get("range_start")), parse_time(query.get("range_end"))
        names = set(query["events"].split(","))
        if names & self.unknown_names:
            return 422, {}, json.dumps({"message": "Validation failed"})
        if query.get("after") in self.forgotten or (start and "after" in query):
            return 400, {}, json.dumps({"message": "Invalid cursor"})
        if start and end and end - start > timedelta(days=30):
            return 400, {}, json.dumps({"message": "The range is too long"})
        found = [one for one in self.items if self._matches(one, query, names, start, end)]
        if "after" in query:
            ids = [one.get("id") for one in self.items if isinstance(one, dict)]
            later = self.items[ids.index(query["after"]) + 1 :]
            found = [one for one in found if one in later]
        more = len(found) > self.page_size
        page = found[: self.page_size]
        body = {"data": page, "list_metadata": {"after": page[-1]["id"] if more else None}}
        return 200, {}, json.dumps(body)

    @staticmethod
    def _matches(
        item: Any, query: dict[str, str], names: set[str], start: datetime | None, end: datetime | None
    ) -> bool:
        if not isinstance(item, dict) or not isinstance(item.get("data"), dict):
            # Malformed: WorkOS lists it with everything.
            return query.get("organization_id", "") == ACME_ORGANIZATION
        at = parse_time(item.get("created_at"))
        organization_id = item["data"].get("organization_id") or item["data"].get("id")
        return (
            item.get("event") in names
            and query.get("organization_id", organization_id) == organization_id
            and not (at and start and at <= start)
            and not (at and end and at >= end)
        )
