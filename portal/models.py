"""Who opened the Admin Portal, for what, and what came of it. Never the link."""

import uuid

from django.conf import settings
from django.db import models

from enterprises.intents import Intent
from enterprises.models import Enterprise


class PortalSession(models.Model):
    class Outcome(models.TextChoices):
        # Written before WorkOS is asked.
        ASKED = "asked", "Asked WorkOS"
        # What stayed so: the process was killed meanwhile, and nobody knows whether a link was minted.
        CUT_OFF = "cut_off", "Cut off before WorkOS had answered"
        OPENED = "opened", "Opened"
        REFUSED = "refused", "Refused"
        UNAVAILABLE = "unavailable", "WorkOS not reachable"

    # In the addresses that lead back, and in the form that opens: it says which visit, and proves nothing.
    nonce = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    enterprise = models.ForeignKey(Enterprise, on_delete=models.CASCADE)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    intent = models.CharField(max_length=32, choices=Intent)
    outcome = models.CharField(max_length=16, choices=Outcome, default=Outcome.ASKED)
    # What a person is told when it fails, and what finds it in the log.
    reference = models.CharField(max_length=8, blank=True)
    client_address = models.GenericIPAddressField(null=True)
    launched_at = models.DateTimeField()
    presses = models.PositiveSmallIntegerField(default=1, help_text="How often its button was pressed.")
    returned_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True, help_text="WorkOS sent them to the success address.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(outcome__in=["asked", "cut_off", "opened", "refused", "unavailable"]),
                name="portal_session_outcome_is_known",
            ),
        ]
        indexes = [
            # Serves the newest visits on the enterprise's page, and the limits of all its people and of one.
            models.Index(fields=["enterprise", "-launched_at"], name="portal_session_recent"),
            # Serves launching.end_cut_off, which looks often.
            models.Index(
                fields=["launched_at"], condition=models.Q(outcome="asked"), name="portal_session_asked"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.enterprise} · {self.intent} · {self.launched_at:%Y-%m-%d %H:%M}"
