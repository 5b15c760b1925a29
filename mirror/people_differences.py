"""Compare people, groups and memberships with what the API lists, and write what differs.

What is listed is compared by the rules of `mirror.people`: only news is a difference. What is not listed ends
only when the list has proved to be complete; see `mirror.people_reading`.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from mirror.models import Directory
from mirror.parsing import InvalidObject
from mirror.people import upsert_memberships, upsert_people
from mirror.people_merge import PEOPLE_KINDS, Row, build_row, merge
from mirror.people_models import (
    DirectoryGroup,
    DirectoryGroupState,
    DirectoryMembership,
    DirectoryUser,
    DirectoryUserState,
)
from mirror.people_parsing import (
    ObservedRow,
    Said,
    build_membership,
    parse_group,
    parse_removed_group,
    parse_removed_user,
    parse_user,
)
from mirror.people_reading_models import ListedObject
from mirror.text import replace_unstorable, replace_unstorable_in

BATCH_SIZE = 500

_PARSERS = {"directory_user": parse_user, "directory_group": parse_group}
_REMOVED_PARSERS = {"directory_user": parse_removed_user, "directory_group": parse_removed_group}
_ENDED = {
    "directory_user": DirectoryUserState.INACTIVE.value,
    "directory_group": DirectoryGroupState.DELETED.value,
}
# What people call a difference; times and sort keys differ, and no one notices.
_COMPARED = ("state", "name", "email", "idp_id")


@dataclass
class Differences:
    """What differs, in words without personal data, and what could not be used."""

    texts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Listing:
    """Which directory was asked, and when."""

    directory: Directory
    at: datetime

    def build_said(self) -> Said:
        return Said(
            self.at,
            self.at,
            is_from_api=True,
            directory_id=self.directory.directory_id,
            organization_id=self.directory.organization_id,
        )


def compare_listed(
    kind_name: str, items: Sequence[Any], listing: Listing, *, writes: bool, holds_back: bool
) -> Differences:
    """Compare a page of people (`directory_user`) or groups (`directory_group`), and remember its ids.

    What differs is written at once, or held back until `write_held_back`.
    """
    found = Differences()
    observed: dict[str, tuple[ObservedRow, Any]] = {}
    listed_ids = set()
    for item in items:
        if isinstance(item, dict) and isinstance(item.get("id"), str):
            # Also what cannot be read is not missing.
            listed_ids.add(replace_unstorable(item["id"])[:255])
        try:
            one = _parse(kind_name, item, listing)
        except InvalidObject as error:
            found.problems.append(f"Left out: {error}")
            continue
        found.problems += one.problems
        observed[one.object_id] = one, item
    news = _find_news(kind_name, [one for one, _ in observed.values()], listing.directory, found)
    is_held = writes and holds_back
    _remember(
        listing.directory,
        kind_name,
        {
            one: replace_unstorable_in(observed[one][1]) if is_held and one in news else None
            for one in listed_ids
        },
    )
    if writes and not holds_back:
        upsert_people(kind_name, [observed[one][0] for one in sorted(news)])
    return found


def write_held_back(kind_name: str, listing: Listing) -> None:
    """Write what was held back, in batches; one that was written is not written again."""
    held = ListedObject.objects.filter(directory=listing.directory, kind=kind_name, data__isnull=False)
    while batch := list(held.order_by("id")[:BATCH_SIZE]):
        upsert_people(kind_name, [_parse(kind_name, one.data, listing) for one in batch])
        ListedObject.objects.filter(pk__in=[one.pk for one in batch]).update(data=None)


def count_held(kind_name: str, directory: Directory) -> int:
    """How many of them we have that have not ended."""
    return _current_rows(kind_name, directory).count()


def end_unlisted(kind_name: str, listing: Listing, *, writes: bool) -> Iterator[str]:
    """End what was not listed and not learned since the list was begun. Yields the differences."""
    kind = PEOPLE_KINDS[kind_name]
    listed = ListedObject.objects.filter(
        directory=listing.directory, kind=kind_name, object_id=OuterRef(kind.id_field)
    )
    unlisted = _current_rows(kind_name, listing.directory).filter(~Exists(listed), observed_at__lt=listing.at)
    ids = list(unlisted.order_by(kind.id_field).values_list(kind.id_field, flat=True))
    for batch in _split(ids):
        if writes:
            removed = [
                _REMOVED_PARSERS[kind_name]({"id": object_id}, listing.build_said()) for object_id in batch
            ]
            upsert_people(kind_name, removed)
        for object_id in batch:
            yield f"{kind_name} {object_id}: not listed, {_ENDED[kind_name]}"


def compare_members(group_id: str, user_ids: Collection[str], listing: Listing, *, writes: bool) -> list[str]:
    """Compare the listed members of a group, and remember their ids. Returns the differences."""
    directory = listing.directory
    remember_members(directory, group_id, user_ids)
    known = set(
        DirectoryMembership.objects.not_ended()
        .filter(
            group__directory=directory,
            group__group_id=group_id,
            user__directory=directory,
            user__user_id__in=list(user_ids),
        )
        .values_list("user__user_id", flat=True)
    )
    new = sorted(set(user_ids) - known)
    if writes and new:
        said = listing.build_said()
        upsert_memberships(
            [
                build_membership(directory.directory_id, user_id, group_id, said, is_member=True)
                for user_id in new
            ]
        )
    return [f"membership of {user_id} in {group_id}: new" for user_id in new]


def find_unlisted_members(group_id: str, listing: Listing) -> tuple[list[str], int]:
    """The active members of ours that the group's list lacks, and how many active members we have.

    The memberships of a deactivated person stay: they are not announced again.
    """
    listed = ListedObject.objects.filter(
        directory=listing.directory, kind="membership", group_id=group_id, object_id=OuterRef("user__user_id")
    )
    ours = DirectoryMembership.objects.not_ended().filter(
        as_of__lt=listing.at,
        group__directory=listing.directory,
        group__group_id=group_id,
        user__state=DirectoryUserState.ACTIVE,
    )
    unlisted = ours.filter(~Exists(listed)).order_by("user__user_id")
    return list(unlisted.values_list("user__user_id", flat=True)), ours.count()


def end_members(group_id: str, user_ids: Sequence[str], listing: Listing) -> None:
    said = listing.build_said()
    for batch in _split(user_ids):
        upsert_memberships(
            [
                build_membership(listing.directory.directory_id, user_id, group_id, said, is_member=False)
                for user_id in batch
            ]
        )


def remember_members(directory: Directory, group_id: str, user_ids: Collection[str]) -> None:
    _remember(directory, "membership", dict.fromkeys(user_ids), group_id=group_id)


def list_remembered(directory: Directory, kind_name: str, *, group_id: str = "") -> list[str]:
    """The ids of what was listed, sorted."""
    listed = ListedObject.objects.filter(directory=directory, kind=kind_name, group_id=group_id)
    return list(listed.order_by("object_id").values_list("object_id", flat=True))


def forget_listed(directory: Directory, kind_name: str = "", *, group_id: str = "") -> None:
    """Forget what was listed: of a directory, of one kind, or of one group."""
    listed = ListedObject.objects.filter(directory=directory)
    if kind_name:
        listed = listed.filter(kind=kind_name)
    if group_id:
        listed = listed.filter(group_id=group_id)
    listed.delete()


def _current_rows(kind_name: str, directory: Directory) -> QuerySet[Any]:
    rows = PEOPLE_KINDS[kind_name].model._default_manager.filter(directory=directory, is_announced=True)
    return rows.exclude(state=_ENDED[kind_name])


def _parse(kind_name: str, item: Any, listing: Listing) -> ObservedRow:
    # We know which directory we asked for.
    data = {**item, "directory_id": listing.directory.directory_id} if isinstance(item, dict) else item
    return _PARSERS[kind_name](data, listing.build_said())


def _find_news(
    kind_name: str, observed: Sequence[ObservedRow], directory: Directory, found: Differences
) -> set[str]:
    """The ids of those that say something new, whether or not anyone would notice."""
    kind = PEOPLE_KINDS[kind_name]
    rows: dict[str, Row] = {
        getattr(row, kind.id_field): row
        for row in kind.model._default_manager.filter(
            directory=directory, **{f"{kind.id_field}__in": [one.object_id for one in observed]}
        )
    }
    news = set()
    for one in observed:
        row = rows.get(one.object_id)
        is_new = row is None or not row.is_announced
        row = row or build_row(kind, (directory.pk, one.object_id))
        before = _read_compared(row)
        if not merge(row, one, kind.fields):
            continue
        news.add(one.object_id)
        changes = _describe_changes(before, _read_compared(row))
        if is_new:
            found.texts.append(f"{kind_name} {one.object_id}: new, {row.state or 'no state'}")
        elif changes:
            found.texts.append(f"{kind_name} {one.object_id}: {changes}")
    return news


def _read_compared(row: DirectoryUser | DirectoryGroup) -> dict[str, str]:
    return {name: getattr(row, name) for name in _COMPARED if hasattr(row, name)}


def _describe_changes(before: dict[str, str], after: dict[str, str]) -> str:
    changed = [name for name in after if before[name] != after[name]]
    return ", ".join(
        # Of a name or an address only that it changed.
        f"state {before[name]} → {after[name]}" if name == "state" else f"{name} changed"
        for name in changed
    )


def _remember(directory: Directory, kind_name: str, objects: dict[str, Any], *, group_id: str = "") -> None:
    ListedObject.objects.bulk_create(
        [
            ListedObject(
                directory=directory, kind=kind_name, group_id=group_id, object_id=object_id, data=data
            )
            for object_id, data in sorted(objects.items())
        ],
        ignore_conflicts=True,
    )


def _split(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + BATCH_SIZE] for start in range(0, len(ids), BATCH_SIZE))
