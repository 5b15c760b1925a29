"""What WorkOS has told us about our customers."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from enterprises.models.customers import Enterprise


class Fact(models.Model):
    """Something WorkOS told us, and which version of it: see `enterprises.facts`."""

    enterprise = models.ForeignKey(Enterprise, on_delete=models.CASCADE)
    # The object's own time, and the event that told it (empty when it was read from the API).
    as_of = models.DateTimeField()
    as_of_event = models.CharField(max_length=64, blank=True)
    # When we heard of it.
    told_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True


class StatefulFact(Fact):
    # Since when it is in its state: `as_of` moves on when only the name changes.
    since = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Connection(StatefulFact):
    """A Single Sign-On connection. A deleted one keeps its row, so that late news cannot revive it."""

    class State(models.TextChoices):
        REQUIRES_TYPE = "requires_type", "Started"
        DRAFT = "draft", "Started"
        VALIDATING = "validating", "Validating"
        ACTIVE = "active", "Active"
        INACTIVE = "inactive", "Deactivated"
        DELETING = "deleting", "Being removed"
        DELETED = "deleted", "Removed"

    KEY: ClassVar = "connection_id"

    connection_id = models.CharField(max_length=64, unique=True)
    name = models.TextField(blank=True)
    connection_type = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=20, choices=State)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    state__in=[
                        "requires_type", "draft", "validating", "active", "inactive", "deleting", "deleted",
                    ]
                ),
                name="connection_state_is_known",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.name or self.connection_id} ({self.get_state_display()})"


class Certificate(Fact):
    """A SAML certificate of a connection, one of each type: facts that do not age the connection's state."""

    KEY: ClassVar = "key"

    # `conn_…/ResponseSigning`: WorkOS gives certificates no ids.
    key = models.CharField(max_length=130, unique=True)
    # No foreign key: a reminder may arrive before the connection it speaks of.
    connection_id = models.CharField(max_length=64, db_index=True)
    certificate_type = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField(null=True)
    renewal_required = models.BooleanField()

    def __str__(self) -> str:
        return f"Certificate of {self.key}"

    @staticmethod
    def key_of(connection_id: str, certificate_type: str) -> str:
        return f"{connection_id}/{certificate_type}"


class Directory(StatefulFact):
    """A directory (SCIM and the like). A deleted one keeps its row."""

    class State(models.TextChoices):
        VALIDATING = "validating", "Validating"
        # The API says linked and unlinked where events say active and inactive.
        ACTIVE = "active", "Active"
        INACTIVE = "inactive", "Deactivated"
        INVALID_CREDENTIALS = "invalid_credentials", "Credentials refused"
        DELETING = "deleting", "Being removed"
        DELETED = "deleted", "Removed"

    KEY: ClassVar = "directory_id"

    directory_id = models.CharField(max_length=64, unique=True)
    name = models.TextField(blank=True)
    directory_type = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=20, choices=State)

    class Meta:
        verbose_name_plural = "directories"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    state__in=[
                        "validating", "active", "inactive", "invalid_credentials", "deleting", "deleted",
                    ]
                ),
                name="directory_state_is_known",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.name or self.directory_id} ({self.get_state_display()})"


class OrganizationDomain(StatefulFact):
    """A domain as WorkOS knows it. A deleted one keeps its row."""

    class State(models.TextChoices):
        PENDING = "pending", "Not verified yet"
        VERIFIED = "verified", "Verified"
        FAILED = "failed", "Verification failed"
        DELETED = "deleted", "Removed"

    KEY: ClassVar = "domain_id"

    domain_id = models.CharField(max_length=64, unique=True)
    domain = models.CharField(max_length=253)
    state = models.CharField(max_length=20, choices=State)
    reason = models.TextField(blank=True, help_text="Why verification failed, in WorkOS's words.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["pending", "verified", "failed", "deleted"]),
                name="organization_domain_state_is_known",
            ),
            # A pending one claims nothing: anybody may have typed it.
            models.UniqueConstraint(
                fields=["domain"],
                condition=models.Q(state="verified"),
                name="organization_domain_verified_has_one_owner",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.domain} ({self.get_state_display()})"
