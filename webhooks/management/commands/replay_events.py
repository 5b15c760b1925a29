from argparse import ArgumentParser
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from outbox.management.base import Command as BaseCommand
from outbox.management.base import count_of
from outbox.management.progress import Progress
from webhooks.replay import Report, ReportProgress, preview_replay, replay_events, select_events


class Command(BaseCommand):
    help = """Apply events again, in the order in which they happened.

Shows what would change, and asks before it changes anything. Prints nothing when no event matches. Exits with
1 when an event fails, or when there is no event with a given id.

  manage.py replay_events --failed --dry-run
  manage.py replay_events --id event_01J9… --id event_01JA…
  manage.py replay_events --event connection.activated --since 2026-01-15 --yes
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--failed", action="store_true", help="events that failed")
        parser.add_argument(
            "--id", action="append", default=[], dest="ids", metavar="ID", help="this event (repeatable)"
        )
        parser.add_argument(
            "--event",
            action="append",
            default=[],
            dest="names",
            metavar="EVENT",
            help="events of this name (repeatable)",
        )
        parser.add_argument(
            "--since", type=_parse_since, help="received since this date or time (UTC if it has no offset)"
        )
        self.add_dry_run_argument(parser)
        self.add_yes_argument(parser)
        self.add_json_argument(parser)

    def handle(
        self, *, failed: bool, ids: list[str], names: list[str], since: datetime | None, **options: Any
    ) -> None:
        if not (failed or ids or names or since):
            raise CommandError("Select events with --failed, --id, --event or --since.", returncode=2)
        if options["json"] and not (options["dry_run"] or options["yes"]):
            raise CommandError("--json does not ask: add --dry-run or --yes.", returncode=2)
        events = select_events(failed=failed, event_ids=ids, names=names, since=since)
        now = timezone.now()
        found = events.filter(event_id__in=ids).values_list("event_id", flat=True)
        if missing := sorted(set(ids) - set(found)):
            raise CommandError(f"There is no event {', '.join(missing)}.")
        report = preview_replay(events, now=now, report_progress=self._show_progress("previewed"))
        if not report.events:
            self.write_report({"applied": False, **asdict(report)}, "", as_json=options["json"])
            return
        if not options["json"]:
            self._write_report_text(report, "would be replayed")
        is_applied = not options["dry_run"]
        if is_applied:
            self.confirm("Change this? [y/N]", yes=options["yes"])
            report = replay_events(events, now=now, report_progress=self._show_progress("replayed"))
        if options["json"]:
            self.write_report({"applied": is_applied, **asdict(report)}, "", as_json=True)
        elif is_applied:
            self._write_report_text(report, "replayed")
        if report.failures:
            raise CommandError("Events failed; each keeps its error.")

    def _show_progress(self, verb: str) -> ReportProgress:
        progress = Progress(self.stderr.write)
        return lambda done, total: progress.show(f"{done:,} of {total:,} events {verb}")

    def _write_report_text(self, report: Report, verb: str) -> None:
        for transition, count in report.count_transitions():
            self.stdout.write(f"{count_of(count, 'event')} {verb}: {transition}")
        for event in report.failures:
            self.stdout.write(f"  {event.event} {event.event_id}: {event.reason}")
        for change in report.changes:
            self.stdout.write(f"  {change}")
        if not report.changes:
            self.stdout.write("  No data changes.")


def _parse_since(text: str) -> datetime:
    day = parse_date(text) if len(text) == 10 else None
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) if day else parse_datetime(text)
    if at is None:
        raise ValueError(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
