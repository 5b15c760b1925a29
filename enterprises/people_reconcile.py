"""Compare the people, groups and memberships of directories with the API, and write what is newer there: the
worker's task and `manage.py reconcile`.
"""

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

import gateway
from enterprises import conf
from enterprises.reconcile import find_reconcilable
from mirror.models import Directory, DirectoryState
from mirror.people_reading import PeopleReader
from mirror.people_reading_models import PeopleReading
from mirror.reading_place import HeldElsewhere, Stopped
from outbox import queue
from outbox.handlers import TaskFailed
from outbox.models import Task
from outbox.parallel import work_in_threads
from outbox.time_slices import work_for_a_while

logger = logging.getLogger(__name__)

# The outbox task of the worker.
RECONCILE_PEOPLE = "reconcile_people"
# In a directory that is not active, nothing changes.
_READABLE = (DirectoryState.ACTIVE, DirectoryState.INVALID_CREDENTIALS, DirectoryState.INACTIVE)


@dataclass(frozen=True)
class PeopleReport:
    """What reading a directory came to. With an `error` it is unfinished, and goes on the next time."""

    directory: Directory
    reading: PeopleReading | None
    error: str = ""


def find_directories(organization_ids: Sequence[str]) -> "QuerySet[Directory]":
    return Directory.objects.filter(organization__in=organization_ids, state__in=_READABLE).order_by(
        "organization_id", "directory_id"
    )


def reconcile_people(
    directories: Sequence[Directory],
    *,
    writes: bool,
    stop: threading.Event,
    accepted_organization_ids: Collection[str] = (),
    report_progress: Callable[[Directory, PeopleReading], None] = lambda *_: None,
) -> list[PeopleReport]:
    """Read several directories at once, each within its rate limit.

    Of `accepted_organization_ids` a person says that lists may be much shorter than what we have.

    Once `stop` is set, and at Ctrl-C, it ends after the page in hand; the next reading goes on there.
    """
    reports: list[PeopleReport] = []

    def read(directory: Directory) -> None:
        reader = PeopleReader(
            directory,
            writes=writes,
            clock=timezone.now,
            stop=stop,
            accepts_short=directory.organization_id in accepted_organization_ids,
            report_progress=lambda reading: report_progress(directory, reading),
        )
        try:
            reports.append(PeopleReport(directory, reader.read()))
        except Stopped:
            reports.append(PeopleReport(directory, None, "Stopped before the end."))
        except (HeldElsewhere, gateway.GatewayError) as error:
            reports.append(PeopleReport(directory, None, str(error)))

    work_in_threads(directories, read, threads=conf.reconcile_threads(), stop=stop)
    return sorted(reports, key=lambda report: report.directory.directory_id)


def enqueue_people_reconcile(now: datetime) -> int:
    """Have the worker read the directories that are due."""
    if not _find_due(now).exists():
        return 0
    queue.enqueue(RECONCILE_PEOPLE, queue.NO_SUBJECT, due_at=now)
    return 1


def run_people_reconcile(task: Task, now: datetime) -> None:
    """Read for a while, and enqueue the rest. Fails with the reason if a directory cannot be read."""
    with work_for_a_while(task, now) as stop:
        reports = reconcile_people(list(_find_due(now)), writes=True, stop=stop)
    for report in reports:
        for problem in report.reading.problems if report.reading else ():
            logger.warning("People of %s: %s", report.directory.directory_id, problem)
    if not stop.is_set() and (failed := [one for one in reports if one.error]):
        raise TaskFailed(f"{failed[0].directory.directory_id}: {failed[0].error} ({len(failed)} failed)")


def _find_due(now: datetime) -> "QuerySet[Directory]":
    """The directories that were not read to the end for an interval."""
    organizations = list(find_reconcilable().values_list("organization_id", flat=True))
    before = now - timedelta(seconds=conf.reconcile_interval())
    unfinished = Q(peoplereading=None) | Q(peoplereading__completed_at=None)
    return find_directories([str(one) for one in organizations if one]).filter(
        unfinished | Q(peoplereading__completed_at__lt=before)
    )
