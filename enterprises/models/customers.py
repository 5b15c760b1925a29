"""The customers and their people."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.urls import reverse

from enterprises.intents import Intent, included_by_default, sold


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
    intents = ArrayField(
        models.CharField(max_length=32, choices=Intent),
        default=included_by_default,
        blank=True,
        help_text="What its plan includes. See enterprises.intents.",
    )
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
            models.CheckConstraint(
                condition=models.Q(intents__contained_by=sold()), name="enterprise_intents_are_known"
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
