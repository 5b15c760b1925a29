"""Which notifications the IT admins of an enterprise were sent, and which ones a person does not want."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from enterprises.models.customers import Enterprise
from mirror.models import is_one_of


class NotificationKind(models.TextChoices):
    """The mails that a person can turn off. All others are about security, and always go."""

    CERTIFICATE_EARLY = "certificate_early", _("A certificate expires in 60 or 30 days")
    DIRECTORY_ACTIVE = "directory_active", _("Directory sync becomes active")
    INVITATION_ACCEPTED = "invitation_accepted", _("A member accepts your invitation")

    @property
    def explanation(self) -> str:
        """One line for the person who chooses."""
        explanations = {
            "certificate_early": _("Reminders in the last 14 days are always sent."),
            "directory_active": _("Directory sync was set up, or works again."),
            "invitation_accepted": _("When an IT admin joins, all IT admins are emailed."),
        }
        return str(explanations[self.value])


class Notification(models.Model):
    """One notification whose mails are enqueued, so that it is not sent twice."""

    ABOUT_MAX_LENGTH: ClassVar[int] = 120

    enterprise = models.ForeignKey(Enterprise, on_delete=models.CASCADE)
    # `conn_… active 2026-05-03T…`: the object, its state, and the time of the change.
    about = models.CharField(max_length=ABOUT_MAX_LENGTH)
    sent_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["enterprise", "about"], name="notification_is_sent_once")
        ]

    def __str__(self) -> str:
        return self.about


class NotificationOptOut(models.Model):
    """A kind of mail that a person has turned off, for all their enterprises."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=32, choices=NotificationKind)

    class Meta:
        constraints = [
            # Serves preferences.wants_notification.
            models.UniqueConstraint(fields=["user", "kind"], name="notification_opt_out_once_per_kind"),
            models.CheckConstraint(
                condition=is_one_of("kind", NotificationKind.values),
                name="notification_opt_out_kind_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_kind_display()}"
