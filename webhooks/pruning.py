"""Delete old events, with the personal data in them.

Ordering does not need them: each mirrored object keeps its own time and its tombstone (`mirror.upsert`).
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection, models, transaction

from webhooks import conf
from webhooks.models import LateDelivery, PruningMark, UnreadableDelivery, WebhookEvent

Status = WebhookEvent.Status
_FINISHED = [Status.APPLIED, Status.STALE, Status.IGNORED]


def prune_expired_events(now: datetime) -> int:
    """Delete the events that are older than WEBHOOK_EVENTS_KEPT_DAYS. Returns how many.

    Unreadable deliveries of that age go, too.
    """
    days = conf.kept_days()
    if not days:
        return 0
    UnreadableDelivery.objects.filter(received_at__lt=now - timedelta(days=days)).delete()
    return prune_events(days=days, now=now)


def prune_events(
    *, days: int, now: datetime, size: int = 1000, report_progress: Callable[[int], None] | None = None
) -> int:
    """Delete old events in small transactions. Returns how many. May run twice, or twice at once.

    `report_progress` is called with the number so far while there are more.
    """
    _mark_pruned(now - timedelta(days=days))
    total = 0
    while True:
        with transaction.atomic():
            batch = dict(
                old_events(days=days, now=now)
                .select_for_update(skip_locked=True)
                .values_list("pk", "event_id")[:size]
            )
            LateDelivery.objects.filter(event_id__in=batch.values()).delete()
            WebhookEvent.objects.filter(pk__in=batch).delete()
        total += len(batch)
        if len(batch) < size:
            return total
        if report_progress:
            report_progress(total)


def _mark_pruned(before: datetime) -> None:
    """Remember it before anything is deleted, so that catch-up never takes a deleted event for a new one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO webhooks_pruningmark AS stored (id, pruned_before) VALUES (1, %s)"
            " ON CONFLICT (id) DO UPDATE SET pruned_before = EXCLUDED.pruned_before"
            " WHERE stored.pruned_before < EXCLUDED.pruned_before",
            [before],
        )


def find_pruned_before(now: datetime) -> datetime | None:
    """Events that were received before this may have been deleted; None if none ever was."""
    marks = list(PruningMark.objects.values_list("pruned_before", flat=True))
    if days := conf.kept_days():
        marks.append(now - timedelta(days=days))
    return max(marks, default=None)


def old_events(*, days: int, now: datetime) -> "models.QuerySet[WebhookEvent]":
    """Finished events that were received more than `days` ago. Waiting and failed events are never old."""
    events: models.QuerySet[WebhookEvent] = WebhookEvent.objects.filter(
        status__in=_FINISHED, received_at__lt=now - timedelta(days=days)
    )
    return events.order_by("received_at")
