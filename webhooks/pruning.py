"""Forget old events, with the personal data in them.

What order needs is not here: each mirrored object keeps its own time and its tombstone (`enterprises.facts`).
"""

import logging
from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Q

from webhooks.models import WebhookEvent

logger = logging.getLogger(__name__)

# WorkOS repeats a delivery for three days: what is forgotten earlier would be taken for new.
LEAST_DAYS = 7
FORGOTTEN = Q(status="applied") | Q(status="stale") | Q(status="ignored")


def old_events(*, days: int, now: datetime) -> "models.QuerySet[WebhookEvent]":
    """Those that are done with: never waiting or failed ones."""
    old: models.QuerySet[WebhookEvent] = WebhookEvent.objects.filter(
        FORGOTTEN, received_at__lt=now - timedelta(days=days)
    )
    return old.order_by("received_at")


def prune(*, days: int, now: datetime, size: int = 1000) -> int:
    """Delete them in small transactions, and say how many. Safe to run twice, or twice at once."""
    total = 0
    while True:
        with transaction.atomic():
            some = list(
                old_events(days=days, now=now)
                .select_for_update(skip_locked=True)
                .values_list("pk", flat=True)[:size]
            )
            WebhookEvent.objects.filter(pk__in=some).delete()
        total += len(some)
        if len(some) < size:
            return total
