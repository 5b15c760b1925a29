"""People and groups of directories, and who is in which group. Rows are written by `mirror.people`."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy

from audit.fields import OneLineTextField
from mirror.models import DELETED, Directory, DirectoryState, is_one_of


class DirectoryRow(models.Model):
    """A person or a group of a directory, written by `mirror.people`.

    No row is ever deleted, and none is final: newer news revives it. A membership or a removal may name
    a person whom no event has announced yet. Such a row only remembers that: it is not `is_announced`, and
    nothing shows or counts it.
    """

    # Served by the unique constraint, so without an index of its own.
    directory = models.ForeignKey(Directory, on_delete=models.CASCADE, db_index=False)
    is_announced = models.BooleanField(default=False)
    # The newest version of its object, as in MirroredRow.
    as_of = models.DateTimeField()
    as_of_event = models.CharField(max_length=255, blank=True)
    as_of_is_estimated = models.BooleanField(default=False)
    # The fields that the newest version did not mention, each with the version that did: [time, event].
    older_fields = models.JSONField(null=True)
    observed_at = models.DateTimeField()
    # When it entered its state, and when WorkOS first knew it. None: never said.
    state_since = models.DateTimeField(null=True)
    created_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class DirectoryUserState(models.TextChoices):
    # Blank in the row of a person whose state is not known.
    ACTIVE = "active", gettext_lazy("Active")
    INACTIVE = "inactive", gettext_lazy("Deactivated")


class DirectoryUser(DirectoryRow):
    """A person in a directory. The id is unique in the directory only: it may be the customer's own.

    A tenth of each page of the table is kept free, so that an update that changes no indexed column, such as
    one of a title, writes no index (migration 0005).
    """

    State = DirectoryUserState

    user_id = models.CharField(max_length=255)
    # The person's id at the identity provider: someone who returns may have it in a row with a new `user_id`.
    idp_id = models.CharField(max_length=255, blank=True)
    state = models.CharField(max_length=20, choices=State, blank=True)
    name = OneLineTextField(blank=True)
    email = models.CharField(max_length=320, blank=True)
    # What people are sorted and searched by: folded, compared byte by byte.
    name_key = models.CharField(max_length=200, blank=True, db_collation="C")
    last_name_key = models.CharField(max_length=200, blank=True, db_collation="C")
    email_key = models.CharField(max_length=320, blank=True, db_collation="C")

    class Meta:
        constraints = [
            # Serves mirror.people, which looks rows up by the ids of events and of the API.
            models.UniqueConstraint(fields=["directory", "user_id"], name="directory_user_is_unique"),
            models.CheckConstraint(
                condition=is_one_of("state", ["", *DirectoryUserState.values]),
                name="directory_user_state_is_known",
            ),
        ]
        indexes = [
            # Serves the recognition of a person who returned with a new id.
            models.Index(fields=["directory", "idp_id"], name="directory_user_idp_id"),
            # Serves the list of people, and the search for the beginning of a name.
            models.Index(
                fields=["directory", "state", "name_key", "id"],
                condition=Q(is_announced=True),
                name="directory_user_name",
            ),
            # These two serve the search for the beginning of a last name, and of an address.
            models.Index(
                fields=["directory", "state", "last_name_key", "id"],
                condition=Q(is_announced=True) & ~Q(last_name_key=""),
                name="directory_user_last_name",
            ),
            models.Index(
                fields=["directory", "state", "email_key", "id"],
                condition=Q(is_announced=True) & ~Q(email_key=""),
                name="directory_user_email",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email or self.user_id


class DirectoryGroupState(models.TextChoices):
    ACTIVE = "active", gettext_lazy("Active")
    DELETED = DELETED, gettext_lazy("Removed")


class DirectoryGroup(DirectoryRow):
    """A group of a directory. Its id is what a rename leaves alone."""

    State = DirectoryGroupState

    group_id = models.CharField(max_length=255)
    state = models.CharField(max_length=20, choices=State, blank=True)
    name = OneLineTextField(blank=True)
    name_key = models.CharField(max_length=200, blank=True, db_collation="C")
    # Its newest deletion. Memberships that are older ended with it, also if the group returned since.
    deleted_at = models.DateTimeField(null=True)
    deleted_event = models.CharField(max_length=255, blank=True, db_collation="C")

    class Meta:
        constraints = [
            # Serves mirror.people, which looks rows up by the ids of events and of the API.
            models.UniqueConstraint(fields=["directory", "group_id"], name="directory_group_is_unique"),
            models.CheckConstraint(
                condition=is_one_of("state", ["", *DirectoryGroupState.values]),
                name="directory_group_state_is_known",
            ),
        ]
        indexes = [
            # Serves the list of groups, and the search for the beginning of a name.
            models.Index(
                fields=["directory", "state", "name_key", "id"],
                condition=Q(is_announced=True),
                name="directory_group_name",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.group_id


def _is_newer_than(deleted_at: datetime | F, deleted_event: str | F) -> Q:
    """Whether a membership is newer than the deletion of its group, which ended all older ones."""
    return Q(as_of__gt=deleted_at) | Q(as_of=deleted_at, as_of_event__gt=deleted_event)


class DirectoryMembershipQuerySet(models.QuerySet["DirectoryMembership"]):
    def not_ended(self) -> "DirectoryMembershipQuerySet":
        """Memberships that neither a removal nor a deletion of the group has ended."""
        return self.filter(
            Q(group__deleted_at=None) | _is_newer_than(F("group__deleted_at"), F("group__deleted_event")),
            is_member=True,
        )

    def of_existing_groups(self) -> "DirectoryMembershipQuerySet":
        """Memberships in a group and a directory that exist, also of people who are deactivated."""
        existing = self.not_ended().filter(group__is_announced=True, group__state=DirectoryGroupState.ACTIVE)
        return existing.exclude(group__directory__state=DirectoryState.DELETED)

    def of_group(self, group: DirectoryGroup) -> "DirectoryMembershipQuerySet":
        """The memberships of `of_existing_groups` in one group, which is not looked up with each."""
        if group.state != DirectoryGroupState.ACTIVE or group.directory.state == DirectoryState.DELETED:
            return self.none()
        found = self.filter(group=group, is_member=True)
        if group.deleted_at is None:
            return found
        return found.filter(_is_newer_than(group.deleted_at, group.deleted_event))

    def current(self) -> "DirectoryMembershipQuerySet":
        """The memberships that count: those of active people.

        They are kept as they are when their person is deactivated, because WorkOS announces none of them
        again when the person returns.
        """
        return self.of_existing_groups().filter(
            user__is_announced=True, user__state=DirectoryUserState.ACTIVE
        )


class DirectoryMembership(models.Model):
    """Whether a person was last said to be in a group, and when. `current` says which ones count."""

    pk = models.CompositePrimaryKey("user_id", "group_id")
    # Served by the primary key, so without an index of its own.
    user = models.ForeignKey(
        DirectoryUser, on_delete=models.CASCADE, db_index=False, related_name="memberships"
    )
    group = models.ForeignKey(
        DirectoryGroup, on_delete=models.CASCADE, db_index=False, related_name="memberships"
    )
    is_member = models.BooleanField()
    # A membership has no time of its own: this is the event's.
    as_of = models.DateTimeField()
    as_of_event = models.CharField(max_length=255, blank=True, db_collation="C")

    objects: ClassVar = DirectoryMembershipQuerySet.as_manager()

    class Meta:
        indexes = [
            # Serves the list of a group's members, which reads only the index.
            models.Index(
                fields=["group", "user"], include=["is_member"], name="directory_membership_members"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.group_id}"


class DirectoryCount(models.Model):
    """A change of how many people and groups a directory has. The sum of its rows is how many there are.

    A writer adds a row and changes none, so that workers do not wait for each other; `mirror.people_counts`
    adds the rows up and merges them now and then.
    """

    # Served by the index, so without one of its own.
    directory = models.ForeignKey(Directory, on_delete=models.CASCADE, db_index=False)
    active_people = models.IntegerField()
    inactive_people = models.IntegerField()
    groups = models.IntegerField()
    changed_at = models.DateTimeField()

    class Meta:
        indexes = [
            # Serves the sums of a directory, and the merging of its rows.
            models.Index(fields=["directory", "id"], name="directory_count_directory"),
        ]

    def __str__(self) -> str:
        return f"{self.active_people:+} active people, {self.groups:+} groups"
