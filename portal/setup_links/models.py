"""The setup links that were sent, with their senders and recipients."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy

from enterprises.intents import Intent
from enterprises.models import Enterprise, Failure
from mirror.models import is_one_of


class SetupLinkState(models.TextChoices):
    # Written before WorkOS is called: a link that stays in this state may have been mailed.
    REQUESTED = "requested", gettext_lazy("Requested")
    SENT = "sent", gettext_lazy("Sent")
    FAILED = "failed", gettext_lazy("Not sent")
    REVOKED = "revoked", gettext_lazy("Revoked")


_ACTIVE_STATES = (SetupLinkState.REQUESTED, SetupLinkState.SENT)


class SetupLinkQuerySet(models.QuerySet["SetupLink"]):
    def active(self, *, now: datetime) -> "SetupLinkQuerySet":
        """Links that may still open the Admin Portal."""
        return self.filter(state__in=_ACTIVE_STATES, expires_at__gt=now)


class SetupLink(models.Model):
    """A link that is valid for 30 days and that WorkOS mailed to an IT contact. We never see the link."""

    State = SetupLinkState

    enterprise = models.ForeignKey(Enterprise, on_delete=models.CASCADE, related_name="+")
    # WorkOS's id of the IT contact; blank until WorkOS has answered.
    contact_id = models.CharField(max_length=64, blank=True)
    email = models.EmailField()
    intents = ArrayField(models.CharField(max_length=32, choices=Intent))
    state = models.CharField(max_length=16, choices=State, default=State.REQUESTED)
    sent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    # Why it was not sent, or not revoked: the newest failure.
    failure = models.ForeignKey(Failure, on_delete=models.SET_NULL, null=True, related_name="+")
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    objects: ClassVar = SetupLinkQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=is_one_of("state", SetupLinkState.values), name="setup_link_state_is_known"
            ),
        ]
        indexes = [
            # Serves the page of setup links, active_setup_links and the rate limits.
            models.Index(fields=["enterprise", "-requested_at"], name="setup_link_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.enterprise} · {self.email} · {self.get_state_display()}"

    @property
    def intent_labels(self) -> list[str]:
        return [str(Intent(intent).label) for intent in self.intents]

    def is_active(self, *, now: datetime) -> bool:
        """Whether it may still open the Admin Portal."""
        return self.state in _ACTIVE_STATES and self.expires_at > now
