"""The customers, and what WorkOS has told us about them."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.urls import reverse
from django.utils import timezone


class Enterprise(models.Model):
    """Our customer company; `organization_id` is its counterpart at WorkOS."""

    class Provisioning(models.TextChoices):
        NOT_PROVISIONED = "not_provisioned", "Not provisioned"
        NEEDS_ATTENTION = "needs_attention", "Needs attention"
        READY = "ready", "Ready"
        REMOVED = "removed", "Removed at WorkOS"

    name = models.CharField(max_length=150)
    slug = models.SlugField(max_length=60, unique=True)
    # Ours, written before WorkOS hears of us: it is how an Organization is found again after a crash.
    external_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    organization_id = models.CharField(max_length=64, unique=True, null=True, editable=False)
    # What staff typed; what WorkOS knows of them is in OrganizationDomain.
    requested_domains = ArrayField(models.CharField(max_length=253), default=list, blank=True)
    attention = models.TextField(blank=True, editable=False, help_text="Why provisioning did not succeed.")
    organization_deleted_at = models.DateTimeField(null=True, editable=False)
    # When its connections, directories and domains were last read from the API.
    checked_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(organization_id=""), name="enterprise_organization_id_is_null_or_set"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("enterprise", args=[self.slug])

    @property
    def provisioning(self) -> "Enterprise.Provisioning":
        if self.organization_deleted_at:
            return self.Provisioning.REMOVED
        if self.organization_id:
            return self.Provisioning.READY
        return self.Provisioning.NEEDS_ATTENTION if self.attention else self.Provisioning.NOT_PROVISIONED


class Membership(models.Model):
    """A person's place in an enterprise."""

    class Role(models.TextChoices):
        IT_ADMIN = "it_admin", "IT admin"
        MEMBER = "member", "Member"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    enterprise = models.ForeignKey(Enterprise, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role, default=Role.MEMBER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "enterprise"], name="membership_once_per_enterprise"),
            models.CheckConstraint(
                condition=models.Q(role__in=["it_admin", "member"]), name="membership_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.enterprise} · {self.get_role_display()}"

    @property
    def is_it_admin(self) -> bool:
        return self.role == self.Role.IT_ADMIN


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
    """The SAML certificate of a connection: a fact of its own, which does not age the connection's state."""

    KEY: ClassVar = "connection_id"

    # No foreign key: a reminder may arrive before the connection it speaks of.
    connection_id = models.CharField(max_length=64, unique=True)
    certificate_type = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField(null=True)
    renewal_required = models.BooleanField()

    def __str__(self) -> str:
        return f"Certificate of {self.connection_id}"


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
        ]

    def __str__(self) -> str:
        return f"{self.domain} ({self.get_state_display()})"
