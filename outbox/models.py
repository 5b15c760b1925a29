"""Tasks that must still run, and the workers that run them."""

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext

from outbox import conf


class Task(models.Model):
    """One task that is not complete: a completed task leaves no row. Write through `outbox.queue`."""

    kind = models.CharField(max_length=40)
    # The external_id of the enterprise, or queue.NO_SUBJECT.
    subject = models.UUIDField()
    key = models.CharField(max_length=300, blank=True, help_text="Tells tasks of one kind apart.")
    arguments = models.JSONField(default=dict)
    # How often it was enqueued. If this changes while the task runs, the task runs again.
    requests = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, help_text="Why the last attempt failed.")
    due_at = models.DateTimeField()
    # A time and not a state: no task can stay claimed forever.
    claimed_until = models.DateTimeField(null=True)
    enqueued_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject", "key"], name="outbox_task_once_per_kind_subject_and_key"
            ),
        ]
        indexes = [
            # Serves claims.claim: the kinds that have tasks, and what is due of each.
            models.Index(fields=["kind", "due_at", "id"], name="outbox_task_due_by_kind"),
            # Serves claims.claim: whether another task of this kind and subject is running.
            models.Index(
                fields=["kind", "subject"],
                name="outbox_task_claimed",
                condition=models.Q(claimed_until__isnull=False),
            ),
            # Serves outbox.metrics: how many tasks of a kind fail.
            models.Index(fields=["kind"], name="outbox_task_failing", condition=~models.Q(error="")),
            # Serves the tasks on a customer's staff page, and the refusal to delete an enterprise.
            models.Index(fields=["subject"], name="outbox_task_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}".strip()

    @property
    def label(self) -> str:
        handler = conf.task_handlers().get(self.kind)
        return gettext(handler.label) if handler else self.kind


# A worker without a heartbeat for this long counts as dead.
ALIVE_WITHIN = timedelta(seconds=30)


class WorkerHeartbeat(models.Model):
    """One worker process. It updates its row every few seconds, and deletes it when it stops."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"

    def is_alive(self, *, now: datetime) -> bool:
        return now - self.last_seen_at < ALIVE_WITHIN
