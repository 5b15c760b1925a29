"""Addresses that mail servers refused, and the counts of the rate limits."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower


class UndeliverableAddress(models.Model):
    """An address that a mail server refused permanently. Deleted when a mail to it is accepted."""

    # In lower case, as people sign in.
    email = models.EmailField(unique=True)
    # The mail server's code and message.
    reason = models.CharField(max_length=200)
    refused_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "undeliverable addresses"
        constraints = [
            models.CheckConstraint(
                condition=Q(email=Lower("email")), name="undeliverable_address_email_is_lowercase"
            ),
        ]

    def __str__(self) -> str:
        return self.email


class RateLimitCount(models.Model):
    """How often a rate-limited action was done since `started_at`. Written by `rate_limits.count_action`."""

    key = models.CharField(max_length=120, primary_key=True)
    count = models.PositiveIntegerField()
    started_at = models.DateTimeField()

    class Meta:
        indexes = [
            # Serves rate_limits.prune_counts.
            models.Index(fields=["started_at"], name="rate_limit_count_by_age"),
        ]

    def __str__(self) -> str:
        return self.key
