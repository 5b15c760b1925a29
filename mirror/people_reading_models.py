"""How far the people of a directory have been read from the API: rows, so that a killed process goes on."""

from django.db import models
from django.db.models import Q

from mirror.models import Directory, is_one_of


class ReadingStep(models.TextChoices):
    PEOPLE = "people"
    GROUPS = "groups"
    MEMBERSHIPS = "memberships"
    DONE = "done"


class PeopleReading(models.Model):
    """The last reading of a directory's people, groups and memberships, and its place in them."""

    Step = ReadingStep

    directory = models.OneToOneField(Directory, on_delete=models.CASCADE, primary_key=True)
    # Whether it writes what it finds, or only compares.
    writes = models.BooleanField(default=False)
    step = models.CharField(max_length=16, choices=ReadingStep, default=ReadingStep.DONE)
    started_at = models.DateTimeField(null=True)
    # When the list that is being read was begun: what is newer than that is not in it.
    list_started_at = models.DateTimeField(null=True)
    # The last object that was read of the list, and the group whose members are listed.
    after = models.CharField(max_length=255, blank=True)
    group_id = models.CharField(max_length=255, blank=True)
    # How many we had, how many WorkOS said that there are, and how many it has listed.
    held_people = models.PositiveIntegerField(default=0)
    counted = models.JSONField(default=dict)
    listed_active = models.PositiveIntegerField(default=0)
    listed_inactive = models.PositiveIntegerField(default=0)
    listed_groups = models.PositiveIntegerField(default=0)
    # Older teams: people are listed with their groups, so no group is listed with its people.
    has_inline_groups = models.BooleanField(default=False)
    requests = models.PositiveIntegerField(default=0)
    difference_count = models.PositiveIntegerField(default=0)
    # The first of the differences, and what was left alone, in words.
    differences = models.JSONField(default=list)
    problems = models.JSONField(default=list)
    # The process that reads it, and until when it may be silent.
    holder = models.UUIDField(null=True)
    held_until = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=is_one_of("step", ReadingStep.values), name="people_reading_step_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.directory_id}: {self.step}"


class ListedObject(models.Model):
    """An object that a reading has found. What is not among them at the end is gone."""

    directory = models.ForeignKey(Directory, on_delete=models.CASCADE, db_index=False)
    # `directory_user`, `directory_group` or `membership` (then with its group).
    kind = models.CharField(max_length=16)
    group_id = models.CharField(max_length=255, blank=True, db_collation="C")
    object_id = models.CharField(max_length=255, db_collation="C")
    # What differs from ours, as it was listed, until the list has proved to be complete.
    data = models.JSONField(null=True)

    class Meta:
        constraints = [
            # Serves the search for what was not listed.
            models.UniqueConstraint(
                fields=["directory", "kind", "group_id", "object_id"], name="listed_object_once"
            ),
        ]
        indexes = [
            # Serves the writing of what was held back.
            models.Index(
                fields=["directory", "kind", "id"], condition=Q(data__isnull=False), name="listed_object_held"
            ),
        ]

    def __str__(self) -> str:
        return self.object_id
