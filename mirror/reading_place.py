"""Our place in the lists of a directory's people: who reads it, how far, and what was found."""

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Q

from mirror.models import Directory
from mirror.people_reading_models import PeopleReading
from mirror.text import replace_unstorable

# How long a process may be silent before another one takes over.
LEASE = timedelta(seconds=20)
# How many pages are read before they are wanted.
PAGES_AHEAD = 6
# How many differences and problems are kept in words.
MAX_TEXTS = 200
# A list that is shorter than what we have by more than both of these is a fault, and not the truth.
_SHORT_SHARE = 0.2
_SHORT_LEAST = 10
# What a person does about such a list.
HOW_TO_ACCEPT = "If it is right, accept the short list (`manage.py reconcile --help`)."
# In place of a cursor: the list was read to its end.
LIST_READ = "(read)"
# What WorkOS answers for a cursor that it does not know.
PLACE_IS_GONE = (400, 422)


class HeldElsewhere(Exception):
    """Another process reads this directory, or has taken it over."""


class Stopped(Exception):
    """It was told to stop. The next reading goes on there."""


@dataclass(frozen=True)
class Fetched:
    """A page of a list, and when it was requested. `is_missing`: WorkOS no longer has the group."""

    items: Sequence[Any]
    after: str
    requested_at: datetime
    group_id: str = ""
    is_missing: bool = False

    @property
    def ids(self) -> list[str]:
        ids = (item.get("id") for item in self.items if isinstance(item, dict))
        # What no column holds has no row of ours.
        return [one for one in ids if isinstance(one, str) and one and one == replace_unstorable(one)[:255]]


def is_suspiciously_short(listed: int, held: int) -> bool:
    """More than 20 % and at least ten fewer than we have."""
    missing = held - listed
    return missing >= _SHORT_LEAST and missing > _SHORT_SHARE * held


class ReadingPlace:
    """One reading of one directory, in this process."""

    def __init__(
        self,
        directory: Directory,
        *,
        writes: bool,
        clock: Callable[[], datetime],
        stop: threading.Event,
        accepts_short: bool = False,
        report_progress: Callable[[PeopleReading], None] = lambda _: None,
    ) -> None:
        """With `accepts_short`, a list may be suspiciously short: a person says that it is right."""
        self._directory = directory
        self._writes = writes
        self._clock = clock
        self._stop = stop
        self._accepts_short = accepts_short
        self._report_progress = report_progress
        self._token = uuid.uuid4()
        self._reading = PeopleReading(directory=directory)

    # --- One process at a time ---------------------------------------------------------------------------

    def _own_rows(self) -> "models.QuerySet[PeopleReading]":
        return PeopleReading.objects.filter(directory=self._directory, holder=self._token)

    def _take(self) -> None:
        PeopleReading.objects.get_or_create(directory=self._directory)
        now = self._clock()
        free = PeopleReading.objects.filter(
            Q(held_until=None) | Q(held_until__lt=now), directory=self._directory
        )
        if not free.update(holder=self._token, held_until=now + LEASE):
            until = PeopleReading.objects.values_list("held_until", flat=True).get(directory=self._directory)
            raise HeldElsewhere(
                f"Another process reads {self._directory.directory_id}. If it has ended, its turn ends "
                f"at {until or now:%H:%M:%S} UTC."
            )
        self._reading = PeopleReading.objects.get(directory=self._directory)

    def _save(self, **changes: Any) -> None:
        """Save our place, in the transaction of what was written. Raises HeldElsewhere."""
        for name, value in changes.items():
            setattr(self._reading, name, value)
        values = {
            one.attname: getattr(self._reading, one.attname)
            for one in PeopleReading._meta.concrete_fields
            if one.name not in ("directory", "holder", "held_until")
        }
        if not self._own_rows().update(**values, held_until=self._clock() + LEASE):
            raise HeldElsewhere(f"Another process has taken over {self._directory.directory_id}.")

    def _is_suspicious(self, listed: int, held: int) -> bool:
        return not self._accepts_short and is_suspiciously_short(listed, held)

    # --- The report ----------------------------------------------------------------------------------------

    def _add_differences(self, texts: Sequence[str]) -> None:
        reading = self._reading
        reading.difference_count += len(texts)
        reading.differences += texts[: max(0, MAX_TEXTS - len(reading.differences))]

    def _add_problems(self, texts: Sequence[str]) -> None:
        reading = self._reading
        new = [replace_unstorable(one) for one in texts if one not in reading.problems]
        reading.problems += new[: max(0, MAX_TEXTS - len(reading.problems))]

    def _pause_point(self) -> None:
        self._report_progress(self._reading)
        if self._stop.is_set():
            raise Stopped
