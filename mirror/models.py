"""Our copy of what WorkOS says. Rows are written through `mirror.upsert`, and only if they are newer."""

from collections.abc import Iterable

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy

from audit.fields import OneLineCharField, OneLineTextField

DELETED = "deleted"


def is_one_of(field: str, values: Iterable[str]) -> Q:
    """The condition of a constraint that follows a TextChoices."""
    return Q(**{f"{field}__in": list(values)})


class Organization(models.Model):
    """A WorkOS Organization that belongs to an enterprise of ours. A deleted one keeps its row."""

    organization_id = models.CharField(max_length=64, primary_key=True)
    name = OneLineTextField(blank=True)
    as_of = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)
    # When its connections, directories and domains were last read from the API.
    reconciled_at = models.DateTimeField(null=True)
    reconcile_problems = models.TextField(
        blank=True,
        default="",
        db_default="",
        help_text="What the API said then that could not be stored or used.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(organization_id=""), name="organization_id_is_not_empty"),
        ]

    def __str__(self) -> str:
        return self.name or self.organization_id


class MirroredRow(models.Model):
    """One object of WorkOS, and which version of it.

    The row keeps the state before the last write: the upsert reports changes from it, correctly with several
    workers.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    previous_state = models.CharField(max_length=20, blank=True)
    # The object's own time, and the event that reported it (empty when it was read from the API).
    as_of = models.DateTimeField()
    as_of_event = models.CharField(max_length=255, blank=True)
    # `as_of` is a substitute for the object's own time. The API's next answer replaces the row whatever its
    # time.
    as_of_is_estimated = models.BooleanField(default=False, db_default=False)
    # When we learned it.
    observed_at = models.DateTimeField(default=timezone.now)
    # When it entered its state: `as_of` also moves when only the name changes.
    state_since = models.DateTimeField()
    # A subclass sets the choices.
    state = models.CharField(max_length=20)

    class Meta:
        abstract = True


class ConnectionState(models.TextChoices):
    REQUIRES_TYPE = "requires_type", gettext_lazy("Started")
    DRAFT = "draft", gettext_lazy("Started")
    VALIDATING = "validating", gettext_lazy("Validating")
    ACTIVE = "active", gettext_lazy("Active")
    INACTIVE = "inactive", gettext_lazy("Deactivated")
    DELETING = "deleting", gettext_lazy("Being removed")
    DELETED = DELETED, gettext_lazy("Removed")


class Connection(MirroredRow):
    """A Single Sign-On connection. A deleted one keeps its row, so that a late event cannot revive it."""

    State = ConnectionState

    connection_id = models.CharField(max_length=64, unique=True)
    name = OneLineTextField(blank=True)
    connection_type = OneLineCharField(max_length=64, blank=True)
    state = models.CharField(max_length=20, choices=State)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=is_one_of("state", ConnectionState.values), name="connection_state_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.connection_id} ({self.get_state_display()})"


class CertificateState(models.TextChoices):
    RENEWAL_REQUIRED = "renewal_required", gettext_lazy("Renewal required")
    RENEWED = "renewed", gettext_lazy("Renewed")


class Certificate(MirroredRow):
    """A SAML certificate of a connection, one of each type. A reminder does not age the connection."""

    State = CertificateState

    # `conn_…/ResponseSigning`: WorkOS gives certificates no ids.
    key = models.CharField(max_length=130, unique=True)
    # No foreign key: a reminder may arrive before its connection.
    connection_id = models.CharField(max_length=64)
    certificate_type = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=20, choices=State)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=is_one_of("state", CertificateState.values), name="certificate_state_is_known"
            ),
        ]
        indexes = [
            # Serves description.describe_objects, which looks rows up by WorkOS ids.
            models.Index(fields=["connection_id"], name="certificate_connection"),
        ]

    def __str__(self) -> str:
        return f"Certificate of {self.key}"

    @staticmethod
    def build_key(connection_id: str, certificate_type: str) -> str:
        return f"{connection_id}/{certificate_type}"


class DirectoryState(models.TextChoices):
    VALIDATING = "validating", gettext_lazy("Validating")
    # The API says linked and unlinked where events say active and inactive.
    ACTIVE = "active", gettext_lazy("Active")
    INACTIVE = "inactive", gettext_lazy("Deactivated")
    INVALID_CREDENTIALS = "invalid_credentials", gettext_lazy("Credentials refused")
    DELETING = "deleting", gettext_lazy("Being removed")
    DELETED = DELETED, gettext_lazy("Removed")


class Directory(MirroredRow):
    """A directory, such as SCIM. A deleted one keeps its row."""

    State = DirectoryState

    directory_id = models.CharField(max_length=64, unique=True)
    name = OneLineTextField(blank=True)
    directory_type = OneLineCharField(max_length=64, blank=True)
    state = models.CharField(max_length=20, choices=State)
    # How many people and groups WorkOS says it has. Only the API says so.
    listed_people = models.PositiveIntegerField(null=True)
    listed_groups = models.PositiveIntegerField(null=True)

    class Meta:
        verbose_name_plural = "directories"
        constraints = [
            models.CheckConstraint(
                condition=is_one_of("state", DirectoryState.values), name="directory_state_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.directory_id} ({self.get_state_display()})"


class OrganizationDomainState(models.TextChoices):
    PENDING = "pending", gettext_lazy("Not verified yet")
    VERIFIED = "verified", gettext_lazy("Verified")
    FAILED = "failed", gettext_lazy("Verification failed")
    DELETED = DELETED, gettext_lazy("Removed")


class OrganizationDomain(MirroredRow):
    """A domain of an Organization. A deleted one keeps its row."""

    State = OrganizationDomainState

    domain_id = models.CharField(max_length=64, unique=True)
    domain = models.CharField(max_length=253)
    state = models.CharField(max_length=20, choices=State)
    reason = OneLineTextField(blank=True, help_text="Why verification failed, in WorkOS's words.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=is_one_of("state", OrganizationDomainState.values),
                name="organization_domain_state_is_known",
            ),
            # A pending domain claims nothing: anyone may have typed it.
            models.UniqueConstraint(
                fields=["domain"],
                condition=Q(state="verified"),
                name="organization_domain_verified_has_one_owner",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.domain} ({self.get_state_display()})"


# Django finds an app's models through this module.
import mirror.people_models  # noqa: E402
import mirror.people_reading_models  # noqa: E402, F401
