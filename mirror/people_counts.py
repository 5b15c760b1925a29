"""How many people and groups a directory has: kept with each write, never counted when a page is read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection
from django.db.models import Max, Sum

from mirror.models import Directory, DirectoryState
from mirror.people_models import (
    DirectoryCount,
    DirectoryGroup,
    DirectoryGroupState,
    DirectoryUser,
    DirectoryUserState,
)

# Active people, deactivated people, groups.
Counted = tuple[int, int, int]

NOTHING: Counted = (0, 0, 0)
_MERGED_AT_ONCE = 10_000
# A first sync of a million people takes hours. It pauses, too.
_FIRST_SYNC_WITHIN = timedelta(days=1)
_ARRIVES_AGAIN_WITHIN = timedelta(minutes=15)
_ARRIVES_WITHIN = timedelta(seconds=60)


class CountChange(NamedTuple):
    """What an announced row counted before, and counts now."""

    directory_pk: int
    before: Counted
    after: Counted
    observed_at: datetime


@dataclass(frozen=True)
class Counts:
    """What a directory holds, and when that changed last; None if nothing was ever said of it."""

    active_people: int = 0
    inactive_people: int = 0
    groups: int = 0
    changed_at: datetime | None = None


_COUNTED: Mapping[type, Mapping[str, Counted]] = {
    DirectoryUser: {DirectoryUserState.ACTIVE.value: (1, 0, 0), DirectoryUserState.INACTIVE.value: (0, 1, 0)},
    DirectoryGroup: {DirectoryGroupState.ACTIVE.value: (0, 0, 1)},
}


def count_row(model: type[DirectoryUser | DirectoryGroup], state: str, is_announced: bool) -> Counted:
    """What a row adds to its directory's counts."""
    return _COUNTED[model].get(state, NOTHING) if is_announced else NOTHING


def add_counts(changes: Sequence[CountChange]) -> None:
    """Add what the changes make of the counts, in the transaction that makes them.

    It adds rows and locks none: no worker waits for another here.
    """
    sums: dict[int, list[int]] = {}
    changed_at: dict[int, datetime] = {}
    for directory, before, after, observed_at in changes:
        total = sums.setdefault(directory, [0, 0, 0])
        if before != after:
            for place in range(3):
                total[place] += after[place] - before[place]
        if directory not in changed_at or observed_at > changed_at[directory]:
            changed_at[directory] = observed_at
    DirectoryCount.objects.bulk_create(
        DirectoryCount(
            directory_id=directory,
            active_people=total[0],
            inactive_people=total[1],
            groups=total[2],
            changed_at=changed_at[directory],
        )
        for directory, total in sorted(sums.items())
    )


def read_counts(directory_pks: Iterable[int]) -> dict[int, Counts]:
    """The counts of directories, by primary key; a directory without people and groups is missing."""
    rows = (
        DirectoryCount.objects.filter(directory__in=list(directory_pks))
        .values("directory_id")
        .annotate(
            active=Sum("active_people"),
            inactive=Sum("inactive_people"),
            all_groups=Sum("groups"),
            last=Max("changed_at"),
        )
        .order_by()
    )
    return {
        row["directory_id"]: Counts(row["active"], row["inactive"], row["all_groups"], row["last"])
        for row in rows
    }


@dataclass(frozen=True)
class Arrival:
    """A first sync that is arriving: how many people are here, of how many (None: WorkOS has not said)."""

    people: int
    expected: int | None


def find_arrival(directory: Directory, counts: Counts, now: datetime) -> Arrival | None:
    """The first sync, while people of a new directory arrive; None when it is over."""
    people = counts.active_people + counts.inactive_people
    if counts.changed_at is None or directory.state == DirectoryState.DELETED:
        return None
    if directory.state_since < now - _FIRST_SYNC_WITHIN and directory.state == DirectoryState.ACTIVE:
        return None
    if directory.listed_people is None:
        quiet = _ARRIVES_WITHIN
    elif people < directory.listed_people:
        quiet = _ARRIVES_AGAIN_WITHIN
    else:
        return None
    return Arrival(people, directory.listed_people) if counts.changed_at > now - quiet else None


def merge_counts(now: datetime) -> int:
    """Replace rows of a directory by their sum, so that there are few to add up. Returns how many are left.

    Rows that another worker is merging are left to it, and rows that are added meanwhile to the next time.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH merged AS (DELETE FROM mirror_directorycount WHERE id IN"
            " (SELECT id FROM mirror_directorycount ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)"
            " RETURNING *)"
            " INSERT INTO mirror_directorycount"
            " (directory_id, active_people, inactive_people, groups, changed_at)"
            " SELECT directory_id, sum(active_people), sum(inactive_people), sum(groups), max(changed_at)"
            " FROM merged GROUP BY directory_id",
            [_MERGED_AT_ONCE],
        )
        return int(cursor.rowcount)
