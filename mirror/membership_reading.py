"""Read who is in which group of a directory: group by group, or from the people of older teams."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import transaction

import gateway
from mirror.people_differences import (
    Listing,
    compare_members,
    end_members,
    find_unlisted_members,
    forget_listed,
    list_remembered,
    remember_members,
)
from mirror.people_reading_models import ReadingStep
from mirror.prefetching import prefetch
from mirror.reading_place import (
    HOW_TO_ACCEPT,
    LIST_READ,
    PAGES_AHEAD,
    PLACE_IS_GONE,
    Fetched,
    ReadingPlace,
)


class MembershipReader(ReadingPlace):
    """The step after people and groups."""

    def remember_inline_groups(self, items: Sequence[Any]) -> None:
        """Older teams: people are listed with their groups."""
        pairs = {
            (group["id"], item["id"])
            for item in items
            if isinstance(item, dict) and isinstance(item.get("id"), str)
            for group in (item["groups"] if isinstance(item.get("groups"), list) else ())
            if isinstance(group, dict) and isinstance(group.get("id"), str)
        }
        for group_id in {group_id for group_id, _ in pairs}:
            remember_members(self._directory, group_id, [one for group, one in pairs if group == group_id])
        self._reading.has_inline_groups = self._reading.has_inline_groups or bool(pairs)

    def read_memberships(self) -> None:
        reading = self._reading
        groups = list_remembered(self._directory, "directory_group")
        left = [
            one
            for one in groups
            if one > reading.group_id or (one == reading.group_id and reading.after != LIST_READ)
        ]
        if reading.has_inline_groups:
            for group_id in left:
                members = list_remembered(self._directory, "membership", group_id=group_id)
                self._write_members(
                    Fetched(
                        [{"id": one} for one in members],
                        "",
                        reading.list_started_at or self._clock(),
                        group_id,
                    )
                )
        else:
            after = reading.after if left and left[0] == reading.group_id else ""
            for fetched in prefetch(self._fetch_members(left, after), ahead=PAGES_AHEAD):
                reading.requests += 1
                self._write_members(fetched)
        with transaction.atomic():
            forget_listed(self._directory)
            self._save(step=ReadingStep.DONE, completed_at=self._clock())

    def _fetch_members(self, group_ids: Sequence[str], after: str) -> Iterator[Fetched]:
        """The pages of each group, one group after the other."""
        for group_id in group_ids:
            while True:
                requested_at = self._clock()
                try:
                    page = gateway.list_group_members(self._directory.directory_id, group_id, after=after)
                except gateway.Refused as refusal:
                    if after and refusal.status in PLACE_IS_GONE:
                        after = ""
                        continue
                    if refusal.status != 404:
                        raise
                    page = None
                yield Fetched(
                    page.items if page else (),
                    page.after if page else "",
                    requested_at,
                    group_id,
                    is_missing=page is None,
                )
                after = page.after if page else ""
                if not after:
                    break

    def _write_members(self, fetched: Fetched) -> None:
        reading = self._reading
        group_id = fetched.group_id
        with transaction.atomic():
            if group_id != reading.group_id:
                reading.list_started_at = fetched.requested_at
            listing = Listing(self._directory, fetched.requested_at)
            self._add_differences(compare_members(group_id, fetched.ids, listing, writes=self._writes))
            if not fetched.after:
                self._finish_group(fetched)
            self._save(group_id=group_id, after=fetched.after or LIST_READ)
        self._pause_point()

    def _finish_group(self, fetched: Fetched) -> None:
        """End the memberships that the complete list of a group lacks."""
        group_id = fetched.group_id
        listing = Listing(self._directory, self._reading.list_started_at or fetched.requested_at)
        unlisted, held = find_unlisted_members(group_id, listing)
        if fetched.is_missing:
            self._add_problems([f"WorkOS does not have the group {group_id} any longer: not compared."])
        elif self._is_suspicious(held - len(unlisted), held):
            self._add_problems(
                [
                    f"WorkOS lists {held - len(unlisted):,} of our {held:,} members of the group {group_id}: "
                    f"suspiciously few, so none was removed. {HOW_TO_ACCEPT}"
                ]
            )
        else:
            self._add_differences([f"membership of {one} in {group_id}: not listed" for one in unlisted])
            if self._writes:
                end_members(group_id, unlisted, listing)
        forget_listed(self._directory, "membership", group_id=group_id)
