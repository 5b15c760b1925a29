"""Enterprises and their people."""

import uuid
from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy, gettext_noop

from audit.fields import OneLineCharField
from enterprises import conf
from enterprises.intents import Intent, default_intents, plan_intents
from mirror.models import Organization, is_one_of


class ProvisioningState(models.TextChoices):
    NOT_PROVISIONED = "not_provisioned", gettext_lazy("Not provisioned")
    PROVISIONING = "provisioning", gettext_lazy("Provisioning")
    READY = "ready", gettext_lazy("Ready")
    NEEDS_ATTENTION = "needs_attention", gettext_lazy("Needs attention")
    REMOVED = "removed", gettext_lazy("Removed in WorkOS")
    DEPROVISIONED = "deprovisioned", gettext_lazy("Deprovisioned")


class Environment(models.TextChoices):
    TEST = "test", gettext_lazy("Staging (sk_test_…)")
    LIVE = "live", gettext_lazy("Production (sk_live_…)")


def parse_external_id(text: str) -> uuid.UUID | None:
    """The UUID in `text`, or None: WorkOS sends whatever external id an Organization has."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


class EnterpriseQuerySet(models.QuerySet["Enterprise"]):
    def in_state(self, state: "ProvisioningState | str") -> "EnterpriseQuerySet":
        """Enterprises whose `provisioning` is `state`."""
        conditions = {
            ProvisioningState.DEPROVISIONED: Q(deprovisioned_at__isnull=False),
            ProvisioningState.REMOVED: Q(organization__deleted_at__isnull=False),
            ProvisioningState.READY: Q(organization__isnull=False),
            ProvisioningState.NEEDS_ATTENTION: ~Q(attention=""),
            ProvisioningState.PROVISIONING: Q(provisioning_since__isnull=False),
            ProvisioningState.NOT_PROVISIONED: Q(),
        }
        enterprises = self
        for earlier, condition in conditions.items():
            if earlier == state:
                return enterprises.filter(condition)
            enterprises = enterprises.exclude(condition)
        return self.none()


class Enterprise(models.Model):
    """Our customer company; `organization` is its counterpart at WorkOS."""

    Provisioning = ProvisioningState
    Environment = Environment

    name = OneLineCharField(max_length=150)
    slug = models.SlugField(max_length=60, unique=True)
    # Our own id. Committed before WorkOS is called, so that the Organization is found by it after a crash.
    external_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    organization = models.OneToOneField(
        Organization, on_delete=models.PROTECT, null=True, editable=False, related_name="enterprise"
    )
    # The WorkOS environment of the organization: a key of the other one is refused.
    environment = models.CharField(max_length=8, choices=Environment, blank=True, editable=False)
    # The domains that staff entered. Those that WorkOS has are in OrganizationDomain.
    requested_domains = ArrayField(models.CharField(max_length=253), default=list, blank=True)
    intents = ArrayField(
        models.CharField(max_length=32, choices=Intent),
        default=default_intents,
        blank=True,
        help_text="What its plan includes. See enterprises.intents.",
    )
    # Kept until it is provisioned or what we send changes: a passing error does not hide what a person must
    # do.
    attention = models.TextField(blank=True, editable=False, help_text="Why WorkOS refused to provision it.")
    refusal = models.ForeignKey(
        "enterprises.Failure",
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        help_text="The cause of `attention`.",
    )
    # When provisioning first called WorkOS.
    provisioning_since = models.DateTimeField(null=True, editable=False)
    deprovisioned_at = models.DateTimeField(null=True, editable=False)
    # When enterprises.it_contacts last compared its IT contacts with WorkOS.
    it_contacts_listed_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = EnterpriseQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        indexes = [
            # Serves the staff's list of customers, which continues from a name.
            models.Index(fields=["name", "id"], name="enterprise_by_name"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=is_one_of("environment", ["", *Environment.values]),
                name="enterprise_environment_is_known",
            ),
            models.CheckConstraint(
                condition=Q(intents__contained_by=plan_intents()), name="enterprise_intents_are_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse(conf.overview_url_name(), args=[self.slug])

    @property
    def organization_deleted_at(self) -> datetime | None:
        return self.organization.deleted_at if self.organization else None

    @property
    def reconciled_at(self) -> datetime | None:
        """When its connections, directories and domains were last read from the API."""
        return self.organization.reconciled_at if self.organization else None

    @property
    def provisioning(self) -> ProvisioningState:
        for state, is_in_state in _STATES.items():
            if is_in_state(self):
                return state
        return ProvisioningState.NOT_PROVISIONED

    @property
    def next_step(self) -> str:
        """What staff can do now, in words."""
        return gettext(_NEXT_STEPS[self.provisioning])


# The first one that holds. `EnterpriseQuerySet.in_state` is the same rule in SQL.
_STATES: dict[ProvisioningState, Callable[[Enterprise], bool]] = {
    ProvisioningState.DEPROVISIONED: lambda enterprise: enterprise.deprovisioned_at is not None,
    ProvisioningState.REMOVED: lambda enterprise: enterprise.organization_deleted_at is not None,
    ProvisioningState.READY: lambda enterprise: enterprise.organization_id is not None,
    ProvisioningState.NEEDS_ATTENTION: lambda enterprise: bool(enterprise.attention),
    ProvisioningState.PROVISIONING: lambda enterprise: enterprise.provisioning_since is not None,
}

_NEXT_STEPS = {
    ProvisioningState.NOT_PROVISIONED: gettext_noop(
        "Provision it, or link it to an organization. Otherwise the worker provisions it."
    ),
    ProvisioningState.PROVISIONING: gettext_noop("None. The worker retries until WorkOS answers."),
    ProvisioningState.READY: gettext_noop("None."),
    ProvisioningState.NEEDS_ATTENTION: gettext_noop(
        "Fix the cause, then provision it again. The worker retries, too."
    ),
    ProvisioningState.REMOVED: gettext_noop(
        "Its organization was deleted in WorkOS. Deprovision it, then provision it again."
    ),
    ProvisioningState.DEPROVISIONED: gettext_noop("None. The audit log is kept."),
}


class Role(models.TextChoices):
    IT_ADMIN = "it_admin", gettext_lazy("IT admin")
    MEMBER = "member", gettext_lazy("Member")

    @property
    def explanation(self) -> str:
        """One line for the person who chooses a role."""
        return {
            "it_admin": gettext("Can manage single sign-on, directory sync and members, and view activity."),
            "member": gettext("Can view the status of single sign-on."),
        }[self.value]


class Membership(models.Model):
    """A user's place in an enterprise."""

    Role = Role

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="enterprise_memberships"
    )
    enterprise = models.ForeignKey(Enterprise, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role, default=Role.MEMBER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "enterprise"], name="membership_once_per_enterprise"),
            models.CheckConstraint(condition=is_one_of("role", Role.values), name="membership_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.enterprise} · {self.get_role_display()}"

    @property
    def is_it_admin(self) -> bool:
        return self.role == Role.IT_ADMIN


class AccessGrant(models.Model):
    """The access that a membership gave at the last comparison; a blank role means none.

    It is compared with the memberships, so that the end of access is detected whatever ended it: an action
    here, the ORM, or SQL. No foreign key to the user, who may be deleted. See `enterprises.access_grants`.
    """

    enterprise = models.ForeignKey(Enterprise, on_delete=models.CASCADE, related_name="+")
    user_id = models.BigIntegerField()
    username = models.CharField(max_length=254)
    role = models.CharField(max_length=20, choices=Role, blank=True)

    class Meta:
        constraints = [
            # Serves access_grants.announce_access_ended, which locks one row.
            models.UniqueConstraint(fields=["enterprise", "user_id"], name="access_grant_once_per_user"),
            models.CheckConstraint(
                condition=is_one_of("role", ["", *Role.values]), name="access_grant_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.username} · {self.enterprise} · {self.role or 'no access'}"


class Invitation(models.Model):
    """A pending invitation: accepted and revoked ones leave no row, only audit entries."""

    enterprise = models.ForeignKey(Enterprise, on_delete=models.CASCADE, related_name="invitations")
    # In lower case, as people sign in.
    email = models.EmailField()
    role = models.CharField(max_length=20, choices=Role)
    # Of the link in the mail. A new link replaces it, and the old link stops working.
    token_hash = models.CharField(max_length=64, unique=True)
    # Null for the command line, and after the person was deleted.
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    invited_by_name = OneLineCharField(max_length=420)
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["enterprise", "email"], name="invitation_once_per_address"),
            models.CheckConstraint(condition=is_one_of("role", Role.values), name="invitation_role_is_known"),
            models.CheckConstraint(condition=Q(email=Lower("email")), name="invitation_email_is_lowercase"),
        ]

    def __str__(self) -> str:
        return f"{self.email} · {self.enterprise}"
