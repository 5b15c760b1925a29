"""Have the worker retry failed events now."""

from dataclasses import dataclass
from datetime import datetime

from django.db import models

from webhooks.models import WebhookEvent
from webhooks.wake_up import wake_workers_after_commit

# How many one call makes due, so that it stays short. What fails again comes after the others.
MAX_RETRIED = 1000
_ORDER = ("attempts", "pk")


@dataclass(frozen=True)
class RetryPreview:
    """What `retry_events` would make due: how many of each event name, most first."""

    counts: list[tuple[str, int]]
    # Whether more failed than one call takes.
    is_cut: bool

    @property
    def total(self) -> int:
        return sum(count for _, count in self.counts)


def preview_retry(events: "models.QuerySet[WebhookEvent]") -> RetryPreview:
    """Count those of `events` that `retry_events` would make due, and change nothing."""
    failed = _select_failed(events)
    first = WebhookEvent.objects.filter(pk__in=failed.order_by(*_ORDER).values("pk")[:MAX_RETRIED])
    counted = first.values("event").annotate(count=models.Count("pk")).order_by("-count", "event")
    counts = list(counted.values_list("event", "count"))
    is_full = sum(count for _, count in counts) == MAX_RETRIED
    return RetryPreview(counts, is_full and failed[MAX_RETRIED : MAX_RETRIED + 1].exists())


def retry_events(events: "models.QuerySet[WebhookEvent]", *, now: datetime) -> list[int]:
    """Make those of `events` due that failed or are quarantined. Returns their primary keys.

    Unlike a replay, a worker applies them: an event that kills its process does not take a web server with
    it. One that a worker has in hand is left to it.
    """
    failed = _select_failed(events).order_by(*_ORDER).select_for_update(skip_locked=True)
    keys = list(failed.values_list("pk", flat=True)[:MAX_RETRIED])
    WebhookEvent.objects.filter(pk__in=keys).update(due_at=now)
    wake_workers_after_commit()
    return keys


def _select_failed(events: "models.QuerySet[WebhookEvent]") -> "models.QuerySet[WebhookEvent]":
    return events.filter(status=WebhookEvent.Status.FAILED, unfinished_attempts=0)
