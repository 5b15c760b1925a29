"""Calls to WorkOS that failed, each with its cause and the reference that a person was shown."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext, gettext_lazy

from enterprises.models.customers import Enterprise
from mirror.models import is_one_of


class FailureActivity(models.TextChoices):
    """What was being done."""

    PROVISIONING = "provisioning", gettext_lazy("Provision the organization")
    PORTAL_LAUNCH = "portal_launch", gettext_lazy("Open the Admin Portal")
    SETUP_LINK = "setup_link", gettext_lazy("Send a setup link")
    SETUP_LINK_REVOCATION = "setup_link_revocation", gettext_lazy("Revoke a setup link")


class FailureKind(models.TextChoices):
    # A person must act: trying again does not help.
    REFUSED = "refused", gettext_lazy("Refused")
    # It passes: trying again may help.
    UNAVAILABLE = "unavailable", gettext_lazy("WorkOS unavailable")


class Failure(models.Model):
    """One failed call. Written by `enterprises.failures.record_failure`, and kept for 90 days."""

    Activity = FailureActivity
    Kind = FailureKind

    # Also in the log. Not unique: it is short, so that a person can read it out.
    reference = models.CharField(max_length=8)
    at = models.DateTimeField()
    enterprise = models.ForeignKey(Enterprise, on_delete=models.CASCADE, related_name="failures")
    activity = models.CharField(max_length=32, choices=Activity)
    target = models.CharField(max_length=420, blank=True, help_text="Such as the address of a setup link.")
    # A copy, as in the audit log.
    actor = models.CharField(max_length=420, blank=True)
    kind = models.CharField(max_length=16, choices=Kind)
    message = models.TextField(help_text="For staff. Customers are shown other words.")
    status = models.PositiveSmallIntegerField(
        "HTTP status", null=True, help_text="WorkOS’s answer. Empty if there was none."
    )
    code = models.CharField(max_length=100, blank=True, help_text="WorkOS’s code of the error.")
    request_id = models.CharField("request ID", max_length=100, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=is_one_of("activity", FailureActivity.values), name="failure_activity_is_known"
            ),
            models.CheckConstraint(
                condition=is_one_of("kind", FailureKind.values), name="failure_kind_is_known"
            ),
        ]
        indexes = [
            # Serves failures.find_failures.
            models.Index(fields=["reference"], name="failure_reference"),
            models.Index(fields=["request_id"], condition=~Q(request_id=""), name="failure_request_id"),
            # Serves failures.newest_failures.
            models.Index(fields=["enterprise", "-at"], name="failure_newest"),
            # Serves failures.prune_failures.
            models.Index(fields=["at"], name="failure_age"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} · {self.enterprise} · {self.get_activity_display()}"

    @property
    def cause(self) -> str:
        """What WorkOS answered: status, code and request id."""
        if self.status is None:
            return gettext("WorkOS sent no answer.") if self.kind == FailureKind.UNAVAILABLE else ""
        parts = [gettext("WorkOS answered %(status)s") % {"status": self.status}]
        if self.code:
            parts.append(gettext("code %(code)s") % {"code": self.code})
        if self.request_id:
            parts.append(gettext("request %(id)s") % {"id": self.request_id})
        return ", ".join(parts)
