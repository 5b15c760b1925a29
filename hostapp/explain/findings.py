"""What is known of one person, object or event: the answer of the command `explain`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from enterprises.models import Enterprise
from webhooks.models import WebhookEvent

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class EventReport:
    """An event and what became of it. `source` is `webhook`, or `api` if it was read from the Events API."""

    event_id: str
    event: str
    status: str
    reason: str
    data_problems: str
    happened_at: datetime
    received_at: datetime
    applied_at: datetime | None
    source: str

    @classmethod
    def from_row(cls, row: WebhookEvent) -> "EventReport":
        return cls(
            event_id=row.event_id,
            event=row.event,
            status=row.status,
            reason=row.reason,
            data_problems=row.data_problems,
            happened_at=row.created_at or row.issued_at,
            received_at=row.received_at,
            applied_at=row.applied_at,
            source="webhook" if row.secret_name else "api",
        )


@dataclass(frozen=True)
class Finding:
    """One thing that the query names."""

    # `user`, `enterprise`, `event`, or a kind of the mirror such as `connection`.
    kind: str
    id: str
    title: str
    enterprise: str = ""
    state: str = ""
    since: datetime | None = None
    facts: Facts = field(default_factory=dict)
    # The event that set the facts, or where they come from; and fields that another event set.
    set_by: str = ""
    set_by_field: Mapping[str, str] = field(default_factory=dict)
    # About it, the newest first.
    events: Sequence[EventReport] = ()
    # There are more events of its organization than were searched.
    events_are_cut: bool = False
    # Lists of rows, by title.
    related: Mapping[str, Sequence[Facts]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def name_enterprise(enterprise: Enterprise | None) -> str:
    return enterprise.slug if enterprise else ""
