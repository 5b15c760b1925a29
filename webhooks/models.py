"""Signed events, written down once and applied in their own time."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from django.db import connection, models
from django.db.models import F, Q

from enterprises.objects import time
from webhooks.receiving import Received


class WebhookEventQuerySet(models.QuerySet["WebhookEvent"]):
    def record(self, received: Received, *, received_at: datetime) -> None:
        """Write the event down unless it is there. The unique constraint decides, not a look before."""
        # Django's own bulk_create would cost a savepoint and two round trips more.
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO webhooks_webhookevent (event_id, event, issued_at, created_at, received_at,"
                " payload, status, error, attempts, due_at, organization_id)"
                " VALUES (%s, %s, %s, %s, %s, %s::jsonb, 'waiting', '', 0, %s, '')"
                " ON CONFLICT (event_id) DO NOTHING",
                [
                    received.event_id,
                    received.event,
                    received.issued_at,
                    time(received.payload.get("created_at")),
                    received_at,
                    json.dumps(received.payload),
                    received_at,
                ],
            )

    def due(self, now: datetime) -> "WebhookEventQuerySet":
        return self.filter(due_at__lte=now).order_by("due_at", "id")

    def claim(self, now: datetime, size: int) -> Sequence[int]:
        """Count an attempt for up to `size` due events that nobody else is at, and say which.

        Committed before the work, so that an event that kills its worker is counted too.
        """
        claimed = list(self.due(now).select_for_update(skip_locked=True).values_list("pk", flat=True)[:size])
        self.filter(pk__in=claimed).update(attempts=F("attempts") + 1)
        return claimed


class WebhookEvent(models.Model):
    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        APPLIED = "applied", "Applied"
        STALE = "stale", "Stale: older than what we know"
        IGNORED = "ignored", "Ignored"
        FAILED = "failed", "Failed"

    event_id = models.CharField(max_length=255, unique=True)
    event = models.CharField(max_length=255)
    # Three clocks: when the delivery was signed, when the fact came about, when we got it.
    issued_at = models.DateTimeField()
    created_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    payload = models.JSONField()
    status = models.CharField(max_length=16, choices=Status, default=Status.WAITING)
    error = models.TextField(blank=True, help_text="Why it failed, was ignored or still waits.")
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(
        null=True, help_text="When the worker takes it next; empty when it will not."
    )
    organization_id = models.CharField(
        max_length=64, blank=True, help_text="The organization it waits for, which we do not know yet."
    )
    applied_at = models.DateTimeField(null=True)

    objects: ClassVar = WebhookEventQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "applied", "stale", "ignored", "failed"]),
                name="webhook_event_status_is_known",
            ),
        ]
        indexes = [
            # Serves due(), and only that: finished events are not in it.
            models.Index(
                fields=["due_at", "id"], condition=Q(due_at__isnull=False), name="webhook_event_due"
            ),
            # Serves the release of events whose organization has become known.
            models.Index(
                fields=["organization_id"], condition=~Q(organization_id=""), name="webhook_event_waits_for"
            ),
            # Serves the admin's list, newest first.
            models.Index(fields=["-received_at"], name="webhook_event_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.event_id}"
