"""Recorded events with their outcomes, and counts and samples of refused deliveries."""

from datetime import datetime
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, Left
from django.utils.translation import gettext_lazy

from mirror.models import is_one_of
from webhooks.receive.reasons import Reason
from webhooks.receive.refusals import RING_MINUTES

_REASON_CHOICES = [(reason.value, reason.label) for reason in Reason]


class WebhookEventStatus(models.TextChoices):
    WAITING = "waiting", gettext_lazy("Waiting")
    APPLIED = "applied", gettext_lazy("Applied")
    STALE = "stale", gettext_lazy("Stale: older than what we have")
    IGNORED = "ignored", gettext_lazy("Ignored")
    FAILED = "failed", gettext_lazy("Failed")


class WebhookEventState(models.TextChoices):
    """What staff are shown: the status, with quarantined events apart from those that failed."""

    WAITING = "waiting", gettext_lazy("Waiting")
    APPLIED = "applied", gettext_lazy("Applied")
    STALE = "stale", gettext_lazy("Stale")
    IGNORED = "ignored", gettext_lazy("Ignored")
    FAILED = "failed", gettext_lazy("Failed")
    QUARANTINED = "quarantined", gettext_lazy("Quarantined")


# How the reason of an event begins that killed its workers.
QUARANTINED_PREFIX = "Quarantined:"
_IS_QUARANTINED = Q(status=WebhookEventStatus.FAILED, reason__startswith=QUARANTINED_PREFIX)

# The organization of an event, whatever its kind. Cut, because an index cannot hold whatever is sent.
EVENT_ORGANIZATION_ID = Left(
    Coalesce(
        KT("payload__data__organization_id"),
        KT("payload__data__connection__organization_id"),
        KT("payload__data__group__organization_id"),
        KT("payload__data__organization_domain__organization_id"),
        KT("payload__data__sso__organization_id"),
        # Of an organization itself. Other objects have other ids, which no organization has.
        KT("payload__data__id"),
    ),
    64,
)


class EventSource(models.TextChoices):
    WEBHOOK = "webhook", gettext_lazy("Webhook")
    EVENTS_API = "events_api", gettext_lazy("Catch-up")


class WebhookEventQuerySet(models.QuerySet["WebhookEvent"]):
    def due(self, now: datetime) -> "WebhookEventQuerySet":
        return self.filter(due_at__lte=now).order_by("due_at", "id")

    def in_state(self, state: "WebhookEventState | str") -> "WebhookEventQuerySet":
        """Events whose `state` is `state`."""
        if state == WebhookEventState.QUARANTINED:
            return self.filter(_IS_QUARANTINED)
        if state == WebhookEventState.FAILED:
            return self.filter(status=state).exclude(_IS_QUARANTINED)
        return self.filter(status=state)


class WebhookEvent(models.Model):
    """A signed event, recorded once however often it is delivered. `webhooks.inbox` applies it."""

    Status = WebhookEventStatus
    State = WebhookEventState
    Source = EventSource

    event_id = models.CharField(max_length=255)
    event = models.CharField(max_length=255)
    # Three clocks: when the delivery was signed, when the event happened, when we got it. What catch-up read
    # was not signed: its `issued_at` is when it happened.
    issued_at = models.DateTimeField()
    created_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    payload = models.JSONField()
    secret_name = models.CharField(
        max_length=32,
        blank=True,
        help_text="The secret that verified it. Blank if it was read from the API.",
    )
    status = models.CharField(max_length=16, choices=Status, default=Status.WAITING)
    reason = models.TextField(blank=True, help_text="Why it failed, was ignored or is still waiting.")
    data_problems = models.TextField(
        blank=True, default="", db_default="", help_text="What in its data could not be used as it was sent."
    )
    attempts = models.PositiveIntegerField(default=0)
    unfinished_attempts = models.PositiveIntegerField(
        default=0,
        help_text="Attempts since the last outcome in which the worker died.",
    )
    due_at = models.DateTimeField(null=True, help_text="When a worker applies it. Empty when none will.")
    # The events of one queue are applied in the order in which they are due. See `receive.queues`. Events of
    # before there were queues share the blank one.
    is_urgent = models.BooleanField(
        default=False, db_default=False, help_text="Whether it goes before what a first sync sends."
    )
    queue = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="Its organization or directory: a worker takes a share of each.",
    )
    awaited_organization_id = models.CharField(
        "awaited organization or directory",
        max_length=64,
        blank=True,
        help_text="The organization or directory that it waits for, which we do not know yet.",
    )
    applied_at = models.DateTimeField(null=True)

    objects: ClassVar = WebhookEventQuerySet.as_manager()

    class Meta:
        constraints = [
            # Serves the INSERT's ON CONFLICT, the admin's search and replay --id.
            models.UniqueConstraint(fields=["event_id"], name="webhook_event_is_recorded_once"),
            models.CheckConstraint(
                condition=is_one_of("status", WebhookEventStatus.values),
                name="webhook_event_status_is_known",
            ),
        ]
        indexes = [
            # Serves the claim of a share of each queue, and due(). Finished events are not in it.
            models.Index(
                fields=["is_urgent", "queue", "due_at", "id"],
                condition=Q(due_at__isnull=False),
                name="webhook_event_queue",
            ),
            # Serves the claim of the few suspects among the due events.
            models.Index(
                fields=["due_at", "id"],
                condition=Q(due_at__isnull=False, unfinished_attempts__gt=0),
                name="webhook_event_suspect",
            ),
            # Serves the release of events whose organization has become known.
            models.Index(
                fields=["awaited_organization_id"],
                condition=~Q(awaited_organization_id=""),
                name="webhook_event_awaits",
            ),
            # Serves the admin's filter, inspect_webhooks and replay --failed. Applied events are not in it.
            models.Index(
                fields=["status", "id"],
                condition=~Q(status=WebhookEventStatus.APPLIED),
                name="webhook_event_status",
            ),
            # Serves inspect_webhooks: the few events whose data could not be used as it was sent.
            models.Index(
                fields=["received_at"], condition=~Q(data_problems=""), name="webhook_event_data_problems"
            ),
            # Serves the admin's filter by name and replay --event.
            models.Index(fields=["event", "id"], name="webhook_event_event"),
            # Serves pruning, replay --since and the last day's outcomes of inspect_webhooks.
            models.Index(fields=["received_at"], name="webhook_event_received"),
            # Serves the staff's filter by customer.
            models.Index(EVENT_ORGANIZATION_ID, F("id"), name="webhook_event_organization"),
            # Serves the admin's filter by source: the few events that only catch-up has brought.
            models.Index(fields=["id"], condition=Q(secret_name=""), name="webhook_event_catch_up"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.event_id}"

    @property
    def state(self) -> WebhookEventState:
        if self.status == WebhookEventStatus.FAILED and self.reason.startswith(QUARANTINED_PREFIX):
            return WebhookEventState.QUARANTINED
        return WebhookEventState(self.status)

    @property
    def source(self) -> EventSource:
        """How it first arrived: a delivery has the name of the secret that verified it."""
        return EventSource.WEBHOOK if self.secret_name else EventSource.EVENTS_API


class EventBatch(models.Model):
    """Events of one name that a worker has claimed, committed before it applies them.

    The worker locks the row while it works, and deletes it in the commit of the work. A row that is
    neither locked nor leased belongs to a worker that died with its events. See `webhooks.claims`.
    """

    event = models.CharField(max_length=255)
    event_keys = ArrayField(models.BigIntegerField(), help_text="Primary keys of the events.")
    claimed_at = models.DateTimeField()
    leased_until = models.DateTimeField()

    class Meta:
        verbose_name_plural = "event batches"

    def __str__(self) -> str:
        return f"{len(self.event_keys)} × {self.event}"


class LateDelivery(models.Model):
    """The first delivery of an event that catch-up had recorded before: its webhook was not missed.

    A row of its own, because the receiver must not wait for a worker that has locked the event's.
    """

    event_id = models.CharField(max_length=255, primary_key=True)
    received_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "late deliveries"

    def __str__(self) -> str:
        return self.event_id


class EventCursor(models.Model):
    """Our place in the Events API, for one organization.

    A blank `organization_id` is the place in the events that tell of organizations, of all of them: one may
    be new to us.
    """

    organization_id = models.CharField(max_length=64, primary_key=True)
    # The newest event that was read, and when it happened: a range goes on there if WorkOS has forgotten it.
    after = models.CharField(max_length=255, blank=True)
    read_until = models.DateTimeField(null=True)
    names = ArrayField(
        models.CharField(max_length=255),
        default=list,
        help_text="Names of the events that were read. When one is added, the past is read again.",
    )
    caught_up_at = models.DateTimeField(null=True, help_text="When nothing newer was left.")
    error = models.TextField(blank=True, help_text="Why it could not be read to the end last time.")

    def __str__(self) -> str:
        return self.organization_id or "All organizations"


class PruningMark(models.Model):
    """One row: events that were received before this time may have been deleted here."""

    pruned_before = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.pruned_before:%Y-%m-%d %H:%M}"


class UnreadableDelivery(models.Model):
    """What is not an event: signed deliveries, and items of the Events API. The newest, up to a size each.

    WorkOS does not send a delivery again, because it was answered 200. See `receive.record`.
    """

    Source = EventSource

    received_at = models.DateTimeField()
    issued_at = models.DateTimeField(help_text="When it was signed.")
    secret_name = models.CharField(
        max_length=32,
        blank=True,
        help_text="The secret that verified it. Blank if it was read from the API.",
    )
    detail = models.CharField(max_length=100, help_text="Why it is not an event, in our words.")
    body_length = models.PositiveBigIntegerField(help_text="Bytes that were sent.")
    body = models.TextField(blank=True, help_text="The beginning of its body.")

    class Meta:
        verbose_name_plural = "unreadable deliveries"
        indexes = [
            # Serves pruning, inspect_webhooks and the bound on their number.
            models.Index(fields=["received_at", "id"], name="unreadable_delivery_received"),
        ]

    def __str__(self) -> str:
        return f"{self.detail} ({self.received_at:%Y-%m-%d %H:%M})"

    @property
    def source(self) -> EventSource:
        return EventSource.WEBHOOK if self.secret_name else EventSource.EVENTS_API


class Secret(models.Model):
    """When a secret last verified a delivery. Only its name: the secret itself stays in the settings."""

    name = models.CharField(max_length=32, primary_key=True)
    last_used_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class RefusalCount(models.Model):
    """How many deliveries were refused for a reason in a minute. `slot` is the minute's place in the ring.

    No one can fill this table: each pair of a known reason and a slot of the ring exists once.
    """

    reason = models.CharField(max_length=32, choices=_REASON_CHOICES)
    slot = models.PositiveSmallIntegerField()
    minute = models.DateTimeField()
    count = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            # Serves the tally's ON CONFLICT.
            models.UniqueConstraint(fields=["reason", "slot"], name="refusal_count_once_per_reason_and_slot"),
            models.CheckConstraint(
                condition=is_one_of("reason", [reason.value for reason in Reason]),
                name="refusal_count_reason_is_known",
            ),
            models.CheckConstraint(
                condition=Q(slot__gte=0, slot__lt=RING_MINUTES), name="refusal_count_slot_is_in_the_ring"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} × {self.reason} at {self.minute:%Y-%m-%d %H:%M}"


class RefusalSample(models.Model):
    """The newest refusal of each reason: times and lengths, and nothing that was sent."""

    reason = models.CharField(max_length=32, choices=_REASON_CHOICES, primary_key=True)
    refused_at = models.DateTimeField()
    issued_at = models.DateTimeField(null=True, help_text="When it was signed, if the signature was valid.")
    header_length = models.PositiveIntegerField(null=True)
    body_length = models.PositiveBigIntegerField(null=True, help_text="Bytes announced or read.")
    detail = models.CharField(max_length=100, blank=True, help_text="What was wrong, in our words.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=is_one_of("reason", [reason.value for reason in Reason]),
                name="refusal_sample_reason_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.get_reason_display()
