"""Have the worker retry failed events now."""

from datetime import datetime

from django.db import models

from webhooks.models import WebhookEvent
from webhooks.wake_up import wake_workers_after_commit

# How many one call makes due, so that it stays short.
MAX_RETRIED = 1000


def retry_events(events: "models.QuerySet[WebhookEvent]", *, now: datetime) -> list[int]:
    """Make those of `events` due that failed or are quarantined. Returns their primary keys.

    Unlike a replay, a worker applies them: an event that kills its process does not take a web server with
    it. One that a worker has in hand is left to it.
    """
    failed = events.filter(status=WebhookEvent.Status.FAILED, unfinished_attempts=0).order_by("pk")
    keys = list(failed.select_for_update(skip_locked=True).values_list("pk", flat=True)[:MAX_RETRIED])
    WebhookEvent.objects.filter(pk__in=keys).update(due_at=now)
    wake_workers_after_commit()
    return keys
