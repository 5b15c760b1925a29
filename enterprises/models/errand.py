"""What must still be told to WorkOS, or done because of it."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import connection, models
from django.utils import timezone

from enterprises.models.customers import Enterprise

# Longer than any errand takes. A killed worker's errand is taken up again after it.
LEASE = timedelta(minutes=5)


class ErrandManager(models.Manager["Errand"]):
    def record(
        self,
        kind: "Errand.Kind",
        *,
        enterprise: Enterprise,
        key: str = "",
        arguments: dict[str, Any] | None = None,
        due_at: datetime | None = None,
    ) -> None:
        """Write down that it must be done: call it in the transaction of the change that asks for it.

        While one of this `kind`, `enterprise` and `key` is not done, it is the same errand: it takes the new
        `arguments`, is due at the earlier of the two times and begins to count its attempts anew. Due at once
        by default. `arguments` are JSON, and no secrets: they are shown to staff.
        """
        self.record_all(
            [
                self.model(
                    kind=kind,
                    enterprise=enterprise,
                    key=key,
                    arguments=arguments or {},
                    due_at=due_at or timezone.now(),
                )
            ]
        )

    def record_all(self, asked: Iterable["Errand"]) -> None:
        """As `record`, many in one statement; of two alike the last counts."""
        alike = {(errand.kind, errand.enterprise_id, errand.key): errand for errand in asked}
        # In one order in every worker, so that two of them cannot wait for each other.
        rows = [alike[key] for key in sorted(alike)]
        if not rows:
            return
        now = timezone.now()
        with connection.cursor() as cursor:
            # The constraint decides whether it is new; two at once end as one.
            cursor.execute(
                "INSERT INTO enterprises_errand AS held"
                " (kind, enterprise_id, key, arguments, due_at, asked, attempts, error, recorded_at)"
                " SELECT kind, enterprise_id, key, arguments::jsonb, due_at, 1, 0, '', %s"
                " FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::timestamptz[])"
                " AS new (kind, enterprise_id, key, arguments, due_at)"
                " ON CONFLICT (kind, enterprise_id, key) DO UPDATE"
                " SET arguments = EXCLUDED.arguments, due_at = LEAST(held.due_at, EXCLUDED.due_at),"
                " asked = held.asked + 1, attempts = 0, error = ''",
                [
                    now,
                    [errand.kind for errand in rows],
                    [errand.enterprise_id for errand in rows],
                    [errand.key for errand in rows],
                    [json.dumps(errand.arguments) for errand in rows],
                    [errand.due_at for errand in rows],
                ],
            )

    def ensure(self, kind: "Errand.Kind", *, enterprise: Enterprise, key: str = "", due_at: datetime) -> None:
        """Like `record`, but one that is held stays as it is, with its attempts and its time."""
        errand = self.model(kind=kind, enterprise=enterprise, key=key, due_at=due_at)
        self.bulk_create([errand], ignore_conflicts=True)

    def claim(self, now: datetime) -> "Errand | None":
        """Take the one that has been due longest, for as long as LEASE. Nobody else gets it meanwhile."""
        rows = self.raw(
            "UPDATE enterprises_errand SET attempts = attempts + 1, claimed_until = %(lease)s WHERE id = ("
            "SELECT id FROM enterprises_errand "
            "WHERE due_at <= %(now)s AND (claimed_until IS NULL OR claimed_until <= %(now)s) "
            "ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *",
            {"now": now, "lease": now + LEASE},
        )
        return next(iter(rows), None)

    def done(self, errand: "Errand") -> None:
        # What was asked for again while it was being done stays, and is done again.
        if not self.filter(pk=errand.pk, asked=errand.asked).delete()[0]:
            self.filter(pk=errand.pk, claimed_until=errand.claimed_until).update(claimed_until=None)

    def put_off(self, errand: "Errand", reason: str, *, until: datetime) -> None:
        claimed = self.filter(pk=errand.pk, claimed_until=errand.claimed_until)
        if not claimed.filter(asked=errand.asked).update(error=reason, due_at=until, claimed_until=None):
            claimed.update(error=reason, claimed_until=None)


class Errand(models.Model):
    """One that is not done: what is done leaves no row. See `enterprises.errands` for the table of deeds."""

    class Kind(models.TextChoices):
        # Not the column's choices: a new kind needs no migration, and a test holds this and ERRANDS together.
        PROVISION = "provision", "Provision"
        REFRESH = "refresh", "Read from WorkOS"
        NOTICE = "notice", "Tell the IT admins"
        REMINDER = "reminder", "Remind of a certificate"
        REVOKE_SETUP_LINK = "revoke_setup_link", "Revoke a setup link"
        AFTER_PROVISIONING = "after_provisioning", "Run the hook after provisioning"
        RENAME = "rename", "Push the name"
        PUSH_DOMAIN = "push_domain", "Push a domain"
        DELETE_ORGANIZATION = "delete_organization", "Delete the organization"
        REVOKE_LINKS = "revoke_links", "Revoke portal links"
        MAIL_INVITATION = "mail_invitation", "Send an invitation"

    kind = models.CharField(max_length=40)
    enterprise = models.ForeignKey(Enterprise, on_delete=models.PROTECT, related_name="errands")
    key = models.CharField(max_length=200, blank=True, help_text="Tells errands of one kind apart.")
    arguments = models.JSONField(default=dict)
    # How often it was asked for: what is asked for again while it is being done is done again.
    asked = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, help_text="Why the last attempt did not succeed.")
    due_at = models.DateTimeField()
    # A time and not a state: nothing can stay claimed for ever.
    claimed_until = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[ErrandManager] = ErrandManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "enterprise", "key"], name="errand_once"),
        ]
        indexes = [
            # Serves ErrandManager.claim.
            models.Index(fields=["due_at", "id"], name="errand_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} · {self.enterprise}"

    @property
    def word(self) -> str:
        return self.Kind(self.kind).label if self.kind in self.Kind else self.kind
