"""What happened in an enterprise, for good."""

from django.db import models


class Deed(models.TextChoices):
    # Not the column's choices: a new deed needs no migration, and an old one is still shown.
    PROVISIONED = "provisioned", "Provisioned"
    LINKED = "linked", "Linked to an organization"
    NEEDS_ATTENTION = "needs_attention", "Provisioning refused"
    RENAMED = "renamed", "Renamed"
    DOMAIN_ADDED = "domain_added", "Domain added"
    DOMAIN_REMOVED = "domain_removed", "Domain removed"
    PLAN_CHANGED = "plan_changed", "Plan changed"
    DEPROVISIONED = "deprovisioned", "Deprovisioned"
    INVITED = "invited", "Invited"
    INVITATION_RESENT = "invitation_resent", "Invitation sent again"
    INVITATION_REVOKED = "invitation_revoked", "Invitation revoked"
    ACCEPTED = "accepted", "Invitation accepted"
    ROLE_CHANGED = "role_changed", "Role changed"
    REMOVED = "removed", "Removed"
    DEACTIVATED = "deactivated", "Account deactivated"
    PORTAL_OPENED = "portal_opened", "Admin Portal opened"
    PORTAL_FINISHED = "portal_finished", "Admin Portal finished"
    LINK_REVOKED = "link_revoked", "Portal links revoked"
    SETUP_LINK_SENT = "setup_link_sent", "Setup link sent"
    SETUP_LINK_REVOKED = "setup_link_revoked", "Setup link revoked"
    CONNECTION_ACTIVATED = "connection_activated", "Connection activated"
    CONNECTION_DEACTIVATED = "connection_deactivated", "Connection deactivated"
    CONNECTION_REMOVED = "connection_removed", "Connection removed"
    DIRECTORY_ACTIVATED = "directory_activated", "Directory activated"
    DIRECTORY_DEACTIVATED = "directory_deactivated", "Directory deactivated"
    DIRECTORY_REMOVED = "directory_removed", "Directory removed"
    DOMAIN_VERIFIED = "domain_verified", "Domain verified"
    DOMAIN_FAILED = "domain_failed", "Domain verification failed"


class HistoryEntry(models.Model):
    """Plain copies, and no foreign keys: people and enterprises go, what they did stays.

    The database refuses UPDATE, DELETE and TRUNCATE (see the migration): write through `enterprises.history`.
    """

    at = models.DateTimeField()
    # The enterprise's external_id, which outlives its name, its slug and its row.
    enterprise_id = models.UUIDField()
    enterprise_name = models.CharField(max_length=150)
    deed = models.CharField(max_length=40)
    who = models.CharField(max_length=420)
    for_whom = models.CharField(max_length=420, blank=True)
    client_address = models.GenericIPAddressField(null=True)
    outcome = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "history entries"
        indexes = [
            # Serves history.of, the enterprise's page and its export: newest first.
            models.Index(fields=["enterprise_id", "-at", "-id"], name="history_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} · {self.who} · {self.deed}"

    @property
    def word(self) -> str:
        return Deed(self.deed).label if self.deed in Deed else self.deed.replace("_", " ").capitalize()
