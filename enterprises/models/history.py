"""What happened in an enterprise, for good."""

from django.db import models


class HistoryEntry(models.Model):
    """Plain copies, and no foreign keys: people and enterprises go, what they did stays.

    The database refuses UPDATE, DELETE and TRUNCATE (see the migration): write through `enterprises.history`.
    """

    at = models.DateTimeField()
    # The enterprise's external_id, which outlives its name, its slug and its row.
    enterprise_id = models.UUIDField()
    enterprise_name = models.CharField(max_length=150)
    deed = models.CharField(max_length=40)
    who = models.CharField(max_length=420)
    for_whom = models.CharField(max_length=420, blank=True)
    client_address = models.GenericIPAddressField(null=True)
    outcome = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "history entries"
        indexes = [
            # Serves history.of, the enterprise's page and its export: newest first.
            models.Index(fields=["enterprise_id", "-at", "-id"], name="history_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} · {self.who} · {self.deed}"
