"""Read the people, groups and memberships of a directory from the API, and compare or write them.

People first, groups and memberships after. Each page is one transaction with our place in the lists, so that
a process that is killed is continued by the next one. One process at a time reads a directory: WorkOS allows
four requests a second for its people.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.db import transaction

import gateway
from mirror.membership_reading import MembershipReader
from mirror.models import Directory
from mirror.people_differences import (
    Listing,
    compare_listed,
    count_held,
    end_unlisted,
    forget_listed,
    write_held_back,
)
from mirror.people_reading_models import PeopleReading, ReadingStep
from mirror.prefetching import prefetch
from mirror.reading_place import (
    HOW_TO_ACCEPT,
    LIST_READ,
    PAGES_AHEAD,
    PLACE_IS_GONE,
    Fetched,
)

# An unfinished reading that is older is begun again.
_LONGEST_READING = timedelta(hours=24)


class PeopleReader(MembershipReader):
    """One reading of one directory, in this process."""

    def read(self) -> PeopleReading:
        """Begin, or go on where a reading of the same kind was interrupted, and finish it.

        Raises HeldElsewhere, Stopped, gateway.Refused or gateway.Unavailable; then it can be continued.
        """
        self._take()
        try:
            if not self._can_continue():
                self._begin()
            while self._reading.step != ReadingStep.DONE:
                step = {
                    ReadingStep.PEOPLE.value: self._read_people,
                    ReadingStep.GROUPS.value: self._read_groups,
                    ReadingStep.MEMBERSHIPS.value: self.read_memberships,
                }[self._reading.step]
                step()
        finally:
            self._own_rows().update(holder=None, held_until=None)
        return self._reading

    def _can_continue(self) -> bool:
        reading = self._reading
        return bool(
            reading.step != ReadingStep.DONE
            and reading.writes == self._writes
            and reading.started_at
            and self._clock() - reading.started_at < _LONGEST_READING
        )

    # --- Steps ---------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        now = self._clock()
        size = gateway.get_directory_size(self._directory.directory_id)
        held = count_held("directory_user", self._directory)
        with transaction.atomic():
            forget_listed(self._directory)
            fresh = PeopleReading(
                directory=self._directory,
                writes=self._writes,
                step=ReadingStep.PEOPLE,
                started_at=now,
                held_people=held,
                counted=vars(size),
                requests=1,
                completed_at=self._reading.completed_at,
            )
            self._reading = fresh
            if size.active is not None and self._is_suspicious(size.active, held):
                self._give_up(f"WorkOS counts {size.active:,} active people, and we have {held:,}")
            else:
                self._save(list_started_at=now)
                self._store_size(size)

    def _store_size(self, size: gateway.DirectorySize) -> None:
        if self._writes and size.active is not None and size.inactive is not None:
            Directory.objects.filter(pk=self._directory.pk).update(
                listed_people=size.active + size.inactive, listed_groups=size.groups
            )

    def _give_up(self, reason: str) -> None:
        """Change nothing: a list that is suspiciously short is a fault, and not the truth."""
        self._add_problems(
            [
                f"{reason}: suspiciously few, so nothing was changed. Catch up first: the events may say "
                f"who left. {HOW_TO_ACCEPT}"
            ]
        )
        forget_listed(self._directory)
        self._save(step=ReadingStep.DONE, completed_at=self._clock())

    def _read_people(self) -> None:
        self._read_list("directory_user", gateway.list_people, holds_back=self._reading.held_people > 0)
        reading = self._reading
        if self._is_suspicious(reading.listed_active, reading.held_people):
            self._give_up(
                f"WorkOS lists {reading.listed_active:,} active people, and we have {reading.held_people:,}"
            )
            return
        size = gateway.get_directory_size(self._directory.directory_id)
        reading.requests += 1
        problem = _find_disagreement(reading, size)
        self._finish_list("directory_user", problem)
        with transaction.atomic():
            self._store_size(size)
            self._start_list(ReadingStep.GROUPS, counted=vars(size))

    def _read_groups(self) -> None:
        held = count_held("directory_group", self._directory)
        self._read_list("directory_group", gateway.list_groups, holds_back=held > 0)
        reading = self._reading
        counted = reading.counted.get("groups")
        problem = hint = ""
        if self._is_suspicious(reading.listed_groups, held):
            problem = f"WorkOS lists {reading.listed_groups:,} groups, and we have {held:,}"
            hint = HOW_TO_ACCEPT
        elif counted is None or counted != reading.listed_groups:
            problem = f"WorkOS lists {reading.listed_groups:,} groups and counts {_format_count(counted)}"
        self._finish_list("directory_group", problem, hint)
        self._start_list(ReadingStep.MEMBERSHIPS)

    def _start_list(self, step: ReadingStep, **changes: Any) -> None:
        self._save(step=step, after="", group_id="", list_started_at=self._clock(), **changes)

    def _read_list(self, kind_name: str, list_page: Callable[..., gateway.Page], *, holds_back: bool) -> None:
        def fetch(after: str) -> Iterator[Fetched]:
            while True:
                requested_at = self._clock()
                page = list_page(self._directory.directory_id, after=after)
                yield Fetched(page.items, page.after, requested_at)
                if not page.after:
                    return
                after = page.after

        if self._reading.after == LIST_READ:
            return
        try:
            for fetched in prefetch(fetch(self._reading.after), ahead=PAGES_AHEAD):
                self._write_page(kind_name, fetched, holds_back=holds_back)
        except gateway.Refused as refusal:
            if refusal.status not in PLACE_IS_GONE or not self._reading.after:
                raise
            # Our place is gone, with the object that it was: read the list from its beginning.
            with transaction.atomic():
                forget_listed(self._directory, kind_name)
                self._save(
                    after="",
                    listed_groups=0,
                    list_started_at=self._clock(),
                    **({"listed_active": 0, "listed_inactive": 0} if kind_name == "directory_user" else {}),
                )
            self._read_list(kind_name, list_page, holds_back=holds_back)

    def _write_page(self, kind_name: str, fetched: Fetched, *, holds_back: bool) -> None:
        reading = self._reading
        listing = Listing(self._directory, fetched.requested_at)
        with transaction.atomic():
            found = compare_listed(
                kind_name, fetched.items, listing, writes=self._writes, holds_back=holds_back
            )
            self._add_differences(found.texts)
            self._add_problems(found.problems)
            if kind_name == "directory_user":
                inactive = sum(_is_inactive(item) for item in fetched.items)
                reading.listed_inactive += inactive
                reading.listed_active += len(fetched.items) - inactive
                self.remember_inline_groups(fetched.items)
            else:
                reading.listed_groups += len(fetched.items)
            self._save(after=fetched.after or LIST_READ, requests=reading.requests + 1)
        self._pause_point()

    def _finish_list(self, kind_name: str, problem: str, hint: str = "") -> None:
        """Write what was held back, and end what is missing unless there is a `problem` with the list.

        `hint` says what to do about it.
        """
        listing = Listing(self._directory, self._reading.list_started_at or self._clock())
        if self._writes:
            write_held_back(kind_name, listing)
        if problem:
            self._add_problems([f"{problem}, so what it does not list was kept. {hint}".rstrip()])
            return
        self._add_differences(list(end_unlisted(kind_name, listing, writes=self._writes)))


def _find_disagreement(reading: PeopleReading, size: gateway.DirectorySize) -> str:
    """Why the list of people cannot be complete, or a blank.

    People may come and go while it is read: it agrees with a count of before, of after, or of between.
    """
    listed = {"active": reading.listed_active, "inactive": reading.listed_inactive}
    for state, number in listed.items():
        counts = [reading.counted.get(state), getattr(size, state)]
        if None in counts:
            return "WorkOS does not count the people of the directory"
        # A list of the active people only proves who is active, too.
        if state == "inactive" and number == 0:
            continue
        if not min(counts) <= number <= max(counts):
            return f"WorkOS lists {number:,} {state} people and counts {counts[1]:,}"
    return ""


def _is_inactive(item: Any) -> bool:
    return isinstance(item, dict) and item.get("state") in ("inactive", "suspended")


def _format_count(count: int | None) -> str:
    return "none" if count is None else f"{count:,}"
