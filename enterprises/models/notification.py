"""Which notifications the IT admins of an enterprise were sent."""

from typing import ClassVar

from django.db import models

from enterprises.models.customers import Enterprise


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
