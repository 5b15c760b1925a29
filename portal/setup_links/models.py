"""Who outside the app was sent a setup link."""

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from enterprises.intents import Intent
from enterprises.models.customers import Enterprise


class SetupLink(models.Model):
    """A link good for 30 days that WorkOS mailed to somebody outside the app. We never see it."""

    class State(models.TextChoices):
        # Written before WorkOS is asked: what stays so was cut off, and may have been sent.
        ASKED = "asked", "Asked WorkOS"
        SENT = "sent", "Sent"
        FAILED = "failed", "Not sent"
        REVOKED = "revoked", "Revoked"

    enterprise = models.ForeignKey(Enterprise, on_delete=models.CASCADE)
    contact_id = models.CharField(max_length=64, blank=True)
    email = models.EmailField()
    intents = ArrayField(models.CharField(max_length=32, choices=Intent))
    state = models.CharField(max_length=16, choices=State, default=State.ASKED)
    sent_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["asked", "sent", "failed", "revoked"]),
                name="setup_link_state_is_known",
            ),
        ]
        indexes = [
            # Serves the setup links of the enterprise's page.
            models.Index(fields=["enterprise", "-asked_at"], name="setup_link_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.enterprise} · {self.email} · {self.get_state_display()}"

    @property
    def intent_labels(self) -> list[str]:
        return [Intent(intent).label for intent in self.intents]

    def is_good(self, *, now: datetime) -> bool:
        """Whether it may still open something."""
        return self.state in (self.State.ASKED, self.State.SENT) and self.expires_at > now
