"""WorkOS's IT contacts, and for what we created them."""

from django.db import models
from django.utils.translation import gettext_lazy

from enterprises.models.customers import Enterprise
from mirror.models import is_one_of


class ITContactPurpose(models.TextChoices):
    # The address of an IT admin: WorkOS mails it its alerts.
    ALERTS = "alerts", gettext_lazy("Alerts")
    SETUP_LINK = "setup_link", gettext_lazy("Setup link")
    # Created elsewhere, such as in the WorkOS Dashboard. It is shown and never changed.
    OTHER = "other", gettext_lazy("Added in WorkOS")


class ITContact(models.Model):
    """One purpose of an IT contact at WorkOS. Written through `enterprises.it_contacts`.

    A contact that we created has a row for each purpose, saved before WorkOS is called, and is deleted at
    WorkOS when its last purpose ends.
    """

    Purpose = ITContactPurpose

    enterprise = models.ForeignKey(Enterprise, on_delete=models.CASCADE, related_name="it_contacts")
    # In the spelling of normalize_email.
    email = models.CharField(max_length=254)
    purpose = models.CharField(max_length=16, choices=ITContactPurpose)
    # Blank until WorkOS has answered.
    contact_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # When a setup link ended. The purpose of alerts ends with the role.
    ended_at = models.DateTimeField(null=True)
    # Since when WorkOS is asked to delete it: until that is settled no setup link is sent to the address.
    removal_started_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "IT contact"
        constraints = [
            # Serves it_contacts, which finds the rows of an enterprise and those of an address.
            models.UniqueConstraint(
                fields=["enterprise", "email", "purpose"], name="it_contact_once_per_purpose"
            ),
            models.CheckConstraint(
                condition=is_one_of("purpose", ITContactPurpose.values), name="it_contact_purpose_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} · {self.enterprise} · {self.get_purpose_display()}"
