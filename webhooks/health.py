"""The health of the webhooks at a glance, in a few short queries."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from outbox.models import WorkerHeartbeat
from webhooks.claims import find_oldest_due_at
from webhooks.inspection import LATE_AFTER, RefusalReport, build_refusal_reports
from webhooks.models import WebhookEvent

# Counting stops here: nobody needs the difference, and a flood must not slow the page.
_MAX_COUNT = 10_000

Status = WebhookEvent.Status
State = WebhookEvent.State


@dataclass(frozen=True)
class BoundedCount:
    """A number up to 10,000; `is_more` if there are more."""

    number: int
    is_more: bool


@dataclass(frozen=True)
class Health:
    accepted: BoundedCount
    newest_received_at: datetime | None
    refused_last_hour: int
    # Of the last three days.
    refusals: list[RefusalReport]
    due: BoundedCount
    oldest_due_at: datetime | None
    is_late: bool
    # Wait for an organization that we do not know yet.
    held: BoundedCount
    # The worker retries them.
    retried: BoundedCount
    # These two wait for a person.
    failed: BoundedCount
    quarantined: BoundedCount
    workers: list[WorkerHeartbeat]

    @property
    def refused(self) -> int:
        return sum(report.last_days for report in self.refusals)


def read_health(now: datetime) -> Health:
    events = WebhookEvent.objects.all()
    waiting = events.filter(status=Status.WAITING)
    oldest_due_at = find_oldest_due_at(now)
    newest = events.order_by("-pk").values_list("received_at", flat=True).first()
    refusals = [report for report in build_refusal_reports(now) if report.last_days]
    failed = WebhookEvent.objects.in_state(State.FAILED)
    return Health(
        accepted=_count(events.filter(received_at__gt=now - timedelta(hours=1))),
        newest_received_at=newest,
        refused_last_hour=sum(report.last_hour for report in refusals),
        refusals=refusals,
        due=_count(waiting.filter(due_at__lte=now)),
        oldest_due_at=oldest_due_at,
        is_late=oldest_due_at is not None and now - oldest_due_at > LATE_AFTER,
        held=_count(waiting.exclude(awaited_organization_id="")),
        retried=_count(failed.filter(due_at__isnull=False)),
        failed=_count(failed.filter(due_at=None)),
        quarantined=_count(WebhookEvent.objects.in_state(State.QUARANTINED)),
        workers=[one for one in WorkerHeartbeat.objects.order_by("started_at") if one.is_alive(now=now)],
    )


def _count(events: "QuerySet[Any]") -> BoundedCount:
    found = events.order_by()[: _MAX_COUNT + 1].count()
    return BoundedCount(min(found, _MAX_COUNT), found > _MAX_COUNT)
