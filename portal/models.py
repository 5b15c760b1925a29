"""Who opened the Admin Portal, for what, and what came of it; and who was sent a setup link. Never a link."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from enterprises.intents import Intent
from enterprises.models import Enterprise


class PortalSession(models.Model):
    class Outcome(models.TextChoices):
        # Written before WorkOS is asked: what stays so was cut off.
        ASKED = "asked", "Asked WorkOS"
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
                condition=models.Q(outcome__in=["asked", "opened", "refused", "unavailable"]),
                name="portal_session_outcome_is_known",
            ),
        ]
        indexes = [
            # Serves the newest visit for each intent on the enterprise's page.
            models.Index(fields=["enterprise", "intent", "-launched_at"], name="portal_session_newest"),
            # Serves the limits of an enterprise and of a person in it.
            models.Index(fields=["enterprise", "-launched_at"], name="portal_session_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.enterprise} · {self.intent} · {self.launched_at:%Y-%m-%d %H:%M}"


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


class Notice(models.Model):
    """That the IT admins of an enterprise were told of something, so that they are told once."""

    ABOUT_MAX: ClassVar[int] = 120

    enterprise = models.ForeignKey(Enterprise, on_delete=models.CASCADE)
    # `conn_… active 2026-05-03T…`: the object, what of it, and as of when.
    about = models.CharField(max_length=ABOUT_MAX)
    told_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["enterprise", "about"], name="notice_is_given_once")]

    def __str__(self) -> str:
        return self.about
