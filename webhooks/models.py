"""Signed events, written down once and applied in their own time; and what was refused."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from webhooks.receive.reasons import Reason

# A claimed event is another worker's again after this, doubled each time: the worker that had it is gone, or
# stands between its two transactions for as long.
_CLAIMED_FOR = timedelta(seconds=5)
# Minutes that refusals are counted for: WorkOS repeats a delivery for three days.
RING_MINUTES = 3 * 24 * 60
_REASONS = [(reason.value, reason.label) for reason in Reason]
_REASON_IS_KNOWN = Q(reason__in=[reason.value for reason in Reason])


class WebhookEventQuerySet(models.QuerySet["WebhookEvent"]):
    def due(self, now: datetime) -> "WebhookEventQuerySet":
        return self.filter(due_at__lte=now).order_by("due_at", "id")

    def claim(self, now: datetime, size: int, *, suspect: bool = False) -> dict[int, int]:
        """Count an attempt for up to `size` due events that nobody else is at: their keys and counts.

        Committed before the work, so that an event that kills its worker is counted too. A suspect is one
        that was claimed before without an outcome: those are claimed on their own, one at a time.
        """
        due = self.due(now).select_for_update(skip_locked=True)
        due = due.filter(unfinished__gt=0)[:1] if suspect else due.filter(unfinished=0)[:size]
        claimed = list(due.values_list("pk", "attempts", "unfinished"))
        if claimed:
            self.filter(pk__in=[pk for pk, _, _ in claimed]).update(
                attempts=F("attempts") + 1,
                unfinished=F("unfinished") + 1,
                due_at=now + _CLAIMED_FOR * 2 ** min(claimed[0][2], 10),
            )
        return {pk: attempts + 1 for pk, attempts, _ in claimed}

    def claimed(self, claimed: dict[int, int]) -> list["WebhookEvent"]:
        """Those of `claimed` that are still ours, locked until the transaction ends."""
        # Not skipping what is locked: another worker's look at what is due may hold them for a moment.
        rows = self.filter(pk__in=claimed, unfinished__gt=0).select_for_update()
        return [event for event in rows.order_by("id") if event.attempts == claimed[event.pk]]


class WebhookEventStatus(models.TextChoices):
    WAITING = "waiting", "Waiting"
    APPLIED = "applied", "Applied"
    STALE = "stale", "Stale: older than what we know"
    IGNORED = "ignored", "Ignored"
    FAILED = "failed", "Failed"


class WebhookEvent(models.Model):
    Status = WebhookEventStatus

    event_id = models.CharField(max_length=255, unique=True)
    event = models.CharField(max_length=255)
    # Three clocks: when the delivery was signed, when the fact came about, when we got it.
    issued_at = models.DateTimeField()
    created_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    payload = models.JSONField()
    secret_name = models.CharField(
        max_length=32,
        blank=True,
        help_text="Which secret verified it; empty if it was read from the API.",
    )
    status = models.CharField(max_length=16, choices=Status, default=Status.WAITING)
    error = models.TextField(blank=True, help_text="Why it failed, was ignored or still waits.")
    attempts = models.PositiveIntegerField(default=0)
    unfinished = models.PositiveIntegerField(
        default=0,
        help_text="Attempts since the last outcome: a worker has it in hand, or ended with it.",
    )
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
                condition=Q(status__in=WebhookEventStatus.values),
                name="webhook_event_status_is_known",
            ),
        ]
        indexes = [
            # Serves due(), and only that: finished events are not in it.
            models.Index(
                fields=["due_at", "id"], condition=Q(due_at__isnull=False), name="webhook_event_due"
            ),
            # Serves claim() where a worker was killed: the suspects among the due ones.
            models.Index(
                fields=["due_at", "id"],
                condition=Q(due_at__isnull=False, unfinished__gt=0),
                name="webhook_event_suspect",
            ),
            # Serves the release of events whose organization has become known.
            models.Index(
                fields=["organization_id"], condition=~Q(organization_id=""), name="webhook_event_waits_for"
            ),
            # Serves the admin's filter, inspect_webhooks and replay --failed. Applied ones are not in it.
            models.Index(
                fields=["status", "id"], condition=~Q(status=WebhookEventStatus.APPLIED), name="webhook_event_status"
            ),
            # Serves the admin's filter by name and replay --event.
            models.Index(fields=["event", "id"], name="webhook_event_event"),
            # Serves pruning, replay --since and what inspect_webhooks says of the last days.
            models.Index(fields=["received_at"], name="webhook_event_received"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.event_id}"


class Secret(models.Model):
    """When a secret last verified a delivery. Its name only: the secret itself stays in the settings."""

    name = models.CharField(max_length=32, primary_key=True)
    last_used_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class RefusalCount(models.Model):
    """How many were refused for this reason in this minute. `slot` is the minute's place in the ring."""

    reason = models.CharField(max_length=32, choices=_REASONS)
    slot = models.PositiveSmallIntegerField()
    minute = models.DateTimeField()
    count = models.PositiveBigIntegerField()

    class Meta:
        # Nobody can fill this table: a reason of the list, a slot of the ring, and each pair once.
        constraints = [
            models.UniqueConstraint(fields=["reason", "slot"], name="refusal_count_once_per_reason_and_slot"),
            models.CheckConstraint(
                condition=_REASON_IS_KNOWN, name="refusal_count_reason_is_known"
            ),
            models.CheckConstraint(
                condition=Q(slot__gte=0, slot__lt=RING_MINUTES), name="refusal_count_slot_is_in_the_ring"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} × {self.reason} at {self.minute:%Y-%m-%d %H:%M}"


class RefusalSample(models.Model):
    """The newest refusal of each reason: lengths and times, nothing that was sent."""

    reason = models.CharField(max_length=32, choices=_REASONS, primary_key=True)
    refused_at = models.DateTimeField()
    issued_at = models.DateTimeField(null=True, help_text="When it was signed, where the signature was good.")
    header_length = models.PositiveIntegerField(null=True)
    body_length = models.PositiveBigIntegerField(null=True, help_text="Bytes announced or read.")
    detail = models.CharField(max_length=100, blank=True, help_text="What was wrong, in our words.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=_REASON_IS_KNOWN, name="refusal_sample_reason_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.get_reason_display()
