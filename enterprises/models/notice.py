"""What the IT admins of an enterprise were told by mail."""

from typing import ClassVar

from django.db import models

from enterprises.models.customers import Enterprise


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
