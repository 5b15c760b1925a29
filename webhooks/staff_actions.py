"""Replay and retry events as a person: the audit log of their customers says who did it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import models, transaction

from audit.actions import Action
from audit.actor import Actor
from audit.log import append_audit_entries, build_audit_entry
from outbox.queue import NO_SUBJECT
from webhooks.event_list import build_rows
from webhooks.models import EVENT_ORGANIZATION_ID, WebhookEvent
from webhooks.replay import Report, replay_events
from webhooks.retry import retry_events


@dataclass(frozen=True)
class NoCustomer:
    """The subject of entries about events that belong to no customer of ours."""

    external_id: UUID = NO_SUBJECT
    name: str = ""


def replay_as(events: "models.QuerySet[WebhookEvent]", actor: Actor, now: datetime) -> Report:
    """Replay the events, and append an audit entry for each with its outcome."""
    report = replay_events(events, now=now)
    outcomes = {one.event_id: f"{one.before} → {one.after}" for one in report.events}
    _append_entries(Action.EVENT_REPLAYED, outcomes, actor, now)
    return report


@transaction.atomic
def retry_as(events: "models.QuerySet[WebhookEvent]", actor: Actor, now: datetime) -> int:
    """Have the worker retry those that failed, and append an audit entry for each. Returns how many."""
    keys = retry_events(events, now=now)
    retried = WebhookEvent.objects.filter(pk__in=keys).values_list("event_id", flat=True)
    _append_entries(Action.EVENT_RETRIED, dict.fromkeys(retried, ""), actor, now)
    return len(keys)


def _append_entries(action: Action, outcomes: Mapping[str, str], actor: Actor, now: datetime) -> None:
    """`outcomes` by event id."""
    events = WebhookEvent.objects.filter(event_id__in=outcomes).annotate(organization=EVENT_ORGANIZATION_ID)
    append_audit_entries(
        build_audit_entry(
            row.enterprise or NoCustomer(),
            action,
            actor,
            now,
            target=f"{row.event.event} {row.event.event_id}"[:420],
            outcome=outcomes[row.event.event_id],
        )
        for row in build_rows(events.defer("payload").order_by("pk"))
    )
