"""Who opened the Admin Portal, for what, and with which outcome. The link itself is never stored."""

import uuid

from django.conf import settings
from django.db import models

from enterprises.intents import Intent
from enterprises.models import Enterprise, Failure
from mirror.models import is_one_of
from portal.setup_links.models import SetupLink

__all__ = ["PortalSession", "PortalSessionOutcome", "SetupLink"]


class PortalSessionOutcome(models.TextChoices):
    # Written before WorkOS is called.
    REQUESTED = "requested", "Requested"
    # The process was killed before WorkOS answered: nobody knows whether a link was minted.
    INTERRUPTED = "interrupted", "Interrupted before WorkOS answered"
    OPENED = "opened", "Opened"
    REFUSED = "refused", "Refused"
    UNAVAILABLE = "unavailable", "WorkOS not reachable"


class PortalSession(models.Model):
    """One launch of the Admin Portal by one person. A button pressed twice is one portal session."""

    Outcome = PortalSessionOutcome

    # In the return addresses and in the form of the button: it identifies the session and is no proof.
    nonce = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    enterprise = models.ForeignKey(Enterprise, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    intent = models.CharField(max_length=32, choices=Intent)
    outcome = models.CharField(max_length=16, choices=Outcome, default=Outcome.REQUESTED)
    # Of the newest failure, as the person was shown it. It outlives the row with the cause.
    reference = models.CharField(max_length=8, blank=True)
    failure = models.ForeignKey(Failure, on_delete=models.SET_NULL, null=True, related_name="+")
    client_ip = models.GenericIPAddressField("IP address", null=True)
    launched_at = models.DateTimeField()
    links = models.PositiveSmallIntegerField(
        default=0, help_text="How many Portal Links WorkOS gave: a button pressed twice gives two."
    )
    returned_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True, help_text="WorkOS sent them to the success address.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=is_one_of("outcome", PortalSessionOutcome.values),
                name="portal_session_outcome_is_known",
            ),
        ]
        indexes = [
            # Serves page.sessions.shown_sessions, and the rate limits in launches.
            models.Index(fields=["enterprise", "-launched_at"], name="portal_session_newest"),
            # Serves launches.end_interrupted_launches.
            models.Index(
                fields=["launched_at"],
                condition=models.Q(outcome=PortalSessionOutcome.REQUESTED),
                name="portal_session_requested",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.enterprise} · {self.intent} · {self.launched_at:%Y-%m-%d %H:%M}"
