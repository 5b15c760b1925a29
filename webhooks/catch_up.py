"""Catch up: read the Events API, record what no webhook delivered, and show that nothing is missing.

The rows are those of the webhooks, with the same ids, and the worker applies them. A receiver that was down
for a week loses nothing.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q

import gateway
from enterprises.models import Enterprise
from outbox import queue
from outbox.handlers import TaskFailed
from outbox.models import Task
from outbox.parallel import work_in_threads
from outbox.time_slices import work_for_a_while
from webhooks import conf
from webhooks.event_streams import FIRST_READ, Reading, Stream, StreamReport, read_stream
from webhooks.listed_events import MISSED_AFTER, Tally
from webhooks.models import EventCursor
from webhooks.pruning import find_pruned_before

# The outbox task of the worker.
CATCH_UP = "catch_up"
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Report:
    """What a run has read, by organization. `since` is None if it went on from the stored cursors."""

    since: datetime | None
    streams: Sequence[StreamReport]
    # How many organizations were not begun.
    left: int
    pruned_before: datetime | None

    @property
    def total(self) -> Tally:
        total = Tally()
        for one in self.streams:
            total.add(one.tally)
        return total

    @property
    def unreadable(self) -> list[str]:
        return [item for one in self.streams for item in one.unreadable]

    @property
    def failed(self) -> list[StreamReport]:
        return [one for one in self.streams if one.error]

    @property
    def is_complete(self) -> bool:
        """Whether everything was read, is an event, and is here."""
        total = self.total
        return not (self.failed or self.left or self.unreadable) and total.here == total.listed

    def as_json(self) -> dict[str, Any]:
        return {
            "since": self.since,
            "complete": self.is_complete,
            **vars(self.total),
            "unreadable": self.unreadable,
            "not_begun": self.left,
            "organizations": [
                {
                    "organization_id": one.stream.organization_id,
                    "name": one.stream.name,
                    **vars(one.tally),
                    "read_until": one.read_until,
                    "error": one.error,
                }
                for one in self.streams
            ],
        }


def catch_up(
    *,
    since: datetime | None,
    now: datetime,
    stop: threading.Event,
    report_progress: Callable[[StreamReport], None] = lambda _: None,
) -> Report:
    """Read each organization's events in order, several organizations at once.

    Once `stop` is set, and at Ctrl-C, it ends after the pages in hand. What was read is kept.
    """
    pruned_before = find_pruned_before(now)
    reading = Reading(since, pruned_before, now, stop, report_progress)
    streams = find_streams(now)
    reports: list[StreamReport] = []
    work_in_threads(
        streams,
        lambda stream: reports.append(read_stream(stream, reading)),
        threads=conf.catch_up_threads(),
        stop=stop,
    )
    reports.sort(key=lambda report: (report.stream.name, report.stream.organization_id))
    return Report(since, reports, len(streams) - len(reports), pruned_before)


def find_streams(now: datetime) -> list[Stream]:
    """One for each organization of ours in the environment of our key, and one for the new ones.

    Those come first that were read to their end longest ago, or never: the time may not suffice for all.

    What WorkOS said last of an organization that was deleted may still have to be read.
    """
    enterprises = (
        Enterprise.objects.filter(organization__isnull=False)
        .filter(environment__in=["", gateway.get_environment()])
        .filter(Q(organization__deleted_at=None) | Q(organization__deleted_at__gt=now - FIRST_READ))
        .order_by("pk")
        .values_list("organization_id", "name")
    )
    streams = [Stream(str(organization_id), name) for organization_id, name in enterprises]
    known = frozenset(stream.organization_id for stream in streams)
    caught_up = dict(EventCursor.objects.values_list("pk", "caught_up_at"))
    return sorted(
        [Stream("", "New organizations", known), *streams],
        key=lambda stream: caught_up.get(stream.organization_id) or _NEVER,
    )


def describe_report(report: Report, now: datetime) -> list[str]:
    """In words: what WorkOS lists, and whether it is all here."""
    total = report.total
    missing = total.listed - total.here
    span = f" for {_describe_span(now - report.since)}" if report.since else ""
    what = "" if report.since else "new "
    sentence = f"WorkOS lists {_count(total.listed, f'{what}event')} of the kinds we handle{span}"
    if missing:
        sentence += f"; {_count(missing, 'event')} could not be recorded (the log says why)"
    elif total.listed:
        sentence += "; all are here"
    if total.missed or report.since:
        sentence += f"; {total.missed:,} arrived only by catch-up"
    lines = [f"{sentence}."]
    if total.recorded:
        lines.append(f"{_count(total.recorded, 'event')} had not arrived before. The worker applies them.")
    if total.undelivered:
        lines.append(
            f"{_count(total.undelivered, 'event')} may still arrive by webhook: WorkOS repeats a delivery "
            f"for {MISSED_AFTER.days} days."
        )
    if total.missed:
        lines.append(
            "Webhooks were missed. Check the endpoint in the WorkOS Dashboard and "
            "`manage.py inspect_webhooks`."
        )
    if report.since and report.pruned_before and report.since < report.pruned_before:
        lines.append(
            f"Events before {report.pruned_before:%Y-%m-%d} may have been deleted here "
            "(WEBHOOK_EVENTS_KEPT_DAYS), so they are not compared."
        )
    lines += [f"Not an event: {item}" for item in report.unreadable]
    if report.unreadable:
        lines.append("Read it in the Django admin (Unreadable deliveries), and ask WorkOS about it.")
    lines += [f"{one.stream.name}: {one.error}" for one in report.failed]
    if report.left:
        lines.append(f"{_count(report.left, 'organization')} not begun.")
    if report.failed or report.left:
        lines.append("Run the same command again to go on. What was read is kept.")
    return lines


def _describe_span(span: timedelta) -> str:
    hours = round(span / timedelta(hours=1))
    return f"the last {hours // 24} days" if hours % 24 == 0 and hours > 24 else f"the last {hours} hours"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def enqueue_catch_up(now: datetime) -> int:
    """Have the worker catch up. Enqueued again before it has, it runs once."""
    queue.enqueue(CATCH_UP, queue.NO_SUBJECT, due_at=now)
    return 0


def run_catch_up(task: Task, now: datetime) -> None:
    """Read for a while, and fail with the reason if something is left: the task is then run again."""
    with work_for_a_while(task, now) as stop:
        report = catch_up(since=None, now=now, stop=stop)
    if not stop.is_set() and (failed := report.failed):
        raise TaskFailed(f"{failed[0].stream.name}: {failed[0].error} ({len(failed)} failed)")
