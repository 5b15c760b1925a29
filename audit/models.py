"""The append-only audit log."""

from collections.abc import Iterator
from datetime import date
from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext

from audit import conf
from audit.actions import Action

_SYSTEM = {"System", "this application"}
_SUPPORT = {"Support (command line)", "staff (command line)"}


def _describe_support() -> str:
    return gettext("Support (%(product)s)") % {"product": conf.product_name()}


def _actors_shown_as(text: str) -> set[str]:
    """The stored names of the actors that are no people and are shown with this text."""
    shown = ((gettext("System"), _SYSTEM), (_describe_support(), _SUPPORT))
    return {name for label, names in shown if text.casefold() in label.casefold() for name in names}


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
            is_named = Q(actor__icontains=person) | Q(target__icontains=person)
            entries = entries.filter(is_named | Q(actor__in=_actors_shown_as(person)))
        if since:
            entries = entries.filter(at__date__gte=since)
        if until:
            entries = entries.filter(at__date__lte=until)
        return entries

    def fold_sessions(self) -> "AuditEntryQuerySet":
        """Of each portal session, only the newest of these entries: `entries_by_session` finds the others.

        Newest among these: a session may have ended after the last day that a filter names.
        """
        newer = (
            self.order_by()
            # Also said of the inner entries, so that the planner may use the index of sessions.
            .exclude(session="")
            .filter(subject=OuterRef("subject"), session=OuterRef("session"))
            .filter(Q(at__gt=OuterRef("at")) | Q(at=OuterRef("at"), id__gt=OuterRef("id")))
        )
        return self.filter(Q(session="") | ~Exists(newer))

    def read_in_pages(self, page_size: int = 2000) -> Iterator["AuditEntry"]:
        """Every entry, newest first, in many short queries: no cursor stays open, so none can be lost."""
        entries = self.order_by("-at", "-id")
        page = list(entries[:page_size])
        while page:
            yield from page
            page = list(entries.older_than(page[-1])[:page_size])

    def older_than(self, entry: "AuditEntry") -> "AuditEntryQuerySet":
        older = Q(at__lt=entry.at) | Q(at=entry.at, id__lt=entry.pk)
        # Said twice, so that an index can serve it.
        return self.filter(older, at__lte=entry.at)

    def newer_than(self, entry: "AuditEntry") -> "AuditEntryQuerySet":
        newer = Q(at__gt=entry.at) | Q(at=entry.at, id__gt=entry.pk)
        return self.filter(newer, at__gte=entry.at)


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
    # The portal session to which it belongs: its opening, return and end are shown as one.
    session = models.CharField(max_length=36, blank=True, default="", db_default="")

    objects: ClassVar = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            # Serves for_subject, the activity page and its export: newest first.
            models.Index(fields=["subject", "-at", "-id"], name="audit_entry_newest"),
            # Serves fold_sessions and entries_by_session.
            models.Index(fields=["session", "at"], condition=~Q(session=""), name="audit_entry_session"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} · {self.actor} · {self.action}"

    @property
    def actor_label(self) -> str:
        """The actor; entries of older versions name this application and its staff in other words."""
        if self.actor in _SYSTEM:
            return gettext("System")
        return _describe_support() if self.actor in _SUPPORT else self.actor

    @property
    def action_label(self) -> str:
        known = self.action in Action
        return str(Action(self.action).label) if known else self.action.replace("_", " ").capitalize()
