"""The append-only audit log."""

from collections.abc import Iterator
from datetime import date
from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Q

from audit.actions import Action


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def for_subject(self, subject: UUID) -> "AuditEntryQuerySet":
        """Newest first."""
        return self.filter(subject=subject).order_by("-at", "-id")

    def matching(
        self,
        *,
        action: str = "",
        person: str = "",
        since: date | None = None,
        until: date | None = None,
    ) -> "AuditEntryQuerySet":
        """Entries with this action, with this person as actor or target, from the first day to the last
        (UTC).
        """
        entries = self
        if action:
            entries = entries.filter(action=action)
        if person:
            entries = entries.filter(Q(actor__icontains=person) | Q(target__icontains=person))
        if since:
            entries = entries.filter(at__date__gte=since)
        if until:
            entries = entries.filter(at__date__lte=until)
        return entries

    def read_in_pages(self, page_size: int = 2000) -> Iterator["AuditEntry"]:
        """Every entry, newest first, in many short queries: no cursor stays open, so none can be lost."""
        entries = self.order_by("-at", "-id")
        page = list(entries[:page_size])
        while page:
            yield from page
            last = page[-1]
            older = Q(at__lt=last.at) | Q(at=last.at, id__lt=last.pk)
            page = list(entries.filter(older, at__lte=last.at)[:page_size])


class AuditEntry(models.Model):
    """One action, as plain copies without foreign keys: entries outlive the people and enterprises they name.

    The database refuses UPDATE, DELETE and TRUNCATE (see the migration). Write through `audit.log`.
    """

    at = models.DateTimeField()
    # The external_id of the enterprise, which outlives its name, its slug and its row.
    subject = models.UUIDField()
    subject_name = models.CharField(max_length=150)
    action = models.CharField(max_length=40)
    actor = models.CharField(max_length=420)
    target = models.CharField(max_length=420, blank=True)
    outcome = models.TextField(blank=True)
    client_ip = models.GenericIPAddressField("IP address", null=True)

    objects: ClassVar = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            # Serves for_subject, the activity page and its export: newest first.
            models.Index(fields=["subject", "-at", "-id"], name="audit_entry_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} · {self.actor} · {self.action}"

    @property
    def action_label(self) -> str:
        known = self.action in Action
        return Action(self.action).label if known else self.action.replace("_", " ").capitalize()
