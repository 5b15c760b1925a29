"""The customers and their people."""

import uuid
from collections.abc import Callable

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.urls import reverse

from enterprises.intents import Intent, included_by_default, sold


class EnterpriseQuerySet(models.QuerySet["Enterprise"]):
    def in_state(self, state: "Enterprise.Provisioning | str") -> "EnterpriseQuerySet":
        """Those whose `provisioning` is this."""
        so = {
            _State.DEPROVISIONED: Q(deprovisioned_at__isnull=False),
            _State.REMOVED: Q(organization_deleted_at__isnull=False),
            _State.READY: Q(organization_id__isnull=False),
            _State.NEEDS_ATTENTION: ~Q(attention=""),
            _State.PROVISIONING: Q(provisioning_since__isnull=False),
            _State.NOT_PROVISIONED: Q(),
        }
        found = self
        for earlier, condition in so.items():
            if earlier == state:
                return found.filter(condition)
            found = found.exclude(condition)
        return self.none()


class Enterprise(models.Model):
    """Our customer company; `organization_id` is its counterpart at WorkOS."""

    class Provisioning(models.TextChoices):
        NOT_PROVISIONED = "not_provisioned", "Not provisioned"
        PROVISIONING = "provisioning", "Provisioning"
        READY = "ready", "Ready"
        NEEDS_ATTENTION = "needs_attention", "Needs attention"
        REMOVED = "removed", "Removed at WorkOS"
        DEPROVISIONED = "deprovisioned", "Deprovisioned"

    class Environment(models.TextChoices):
        TEST = "test", "Staging (sk_test_…)"
        LIVE = "live", "Production (sk_live_…)"

    name = models.CharField(max_length=150)
    slug = models.SlugField(max_length=60, unique=True)
    # Ours, written before WorkOS hears of us: it is how an Organization is found again after a crash.
    external_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    organization_id = models.CharField(max_length=64, unique=True, null=True, editable=False)
    # Which of WorkOS's environments knows that id: the other one's key is refused.
    environment = models.CharField(max_length=8, choices=Environment, blank=True, editable=False)
    # What staff typed; what WorkOS knows of them is in OrganizationDomain.
    requested_domains = ArrayField(models.CharField(max_length=253), default=list, blank=True)
    intents = ArrayField(
        models.CharField(max_length=32, choices=Intent),
        default=included_by_default,
        blank=True,
        help_text="What its plan includes. See enterprises.intents.",
    )
    attention = models.TextField(blank=True, editable=False, help_text="Why provisioning did not succeed.")
    # When WorkOS was first asked.
    provisioning_since = models.DateTimeField(null=True, editable=False)
    deprovisioned_at = models.DateTimeField(null=True, editable=False)
    organization_deleted_at = models.DateTimeField(null=True, editable=False)
    # When its connections, directories and domains were last read from the API.
    checked_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = EnterpriseQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(organization_id=""), name="enterprise_organization_id_is_null_or_set"
            ),
            models.CheckConstraint(
                condition=models.Q(environment__in=["", "test", "live"]),
                name="enterprise_environment_is_known",
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
        for state, is_so in STATES.items():
            if is_so(self):
                return state
        return self.Provisioning.NOT_PROVISIONED

    @property
    def next_step(self) -> str:
        """What somebody of the staff can do now, in words."""
        return NEXT_STEPS[self.provisioning]


_State = Enterprise.Provisioning

# The first that is so. `in_state` says the same to the database.
STATES: dict[_State, Callable[[Enterprise], bool]] = {
    _State.DEPROVISIONED: lambda enterprise: enterprise.deprovisioned_at is not None,
    _State.REMOVED: lambda enterprise: enterprise.organization_deleted_at is not None,
    _State.READY: lambda enterprise: enterprise.organization_id is not None,
    _State.NEEDS_ATTENTION: lambda enterprise: bool(enterprise.attention),
    _State.PROVISIONING: lambda enterprise: enterprise.provisioning_since is not None,
}

NEXT_STEPS = {
    _State.NOT_PROVISIONED: "Provision it, or wait: the worker does it.",
    _State.PROVISIONING: "Nothing: the worker goes on until WorkOS has answered.",
    _State.READY: "Nothing.",
    _State.NEEDS_ATTENTION: "Mend what is named and provision it again; the worker tries, too, ever later.",
    _State.REMOVED: "Somebody deleted its organization at WorkOS. Deprovision it, and enroll it anew.",
    _State.DEPROVISIONED: "Nothing. Its history is kept.",
}


class Membership(models.Model):
    """A person's place in an enterprise."""

    class Role(models.TextChoices):
        IT_ADMIN = "it_admin", "IT admin"
        MEMBER = "member", "Member"

        @property
        def explanation(self) -> str:
            """A line for whoever chooses."""
            return {
                "it_admin": "Sets up sign-in at WorkOS, invites and removes people, sees the history.",
                "member": "Sees how sign-in is set up, and changes nothing.",
            }[self.value]

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


class Invitation(models.Model):
    """One that is pending: accepted and revoked ones leave no row, and stand in the history."""

    enterprise = models.ForeignKey(Enterprise, on_delete=models.CASCADE, related_name="invitations")
    # In lower case, as people sign in.
    email = models.EmailField()
    role = models.CharField(max_length=20, choices=Membership.Role)
    # Of the link in the mail. A new one makes the link before it worthless.
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.CharField(max_length=420)
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["enterprise", "email"], name="invitation_once_per_address"),
            models.CheckConstraint(
                condition=models.Q(role__in=["it_admin", "member"]), name="invitation_role_is_known"
            ),
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="invitation_is_lowercase"),
        ]

    def __str__(self) -> str:
        return f"{self.email} · {self.enterprise}"
