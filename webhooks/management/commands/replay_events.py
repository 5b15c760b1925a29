import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from webhooks.replay import Report, counted, preview, replay, select


class Command(BaseCommand):
    help = """Apply events again, in their own order. Shows what would change, and asks, before it changes it.

Exits with 1 when an event fails (again), or when none was chosen.

  manage.py replay_events --failed --dry-run
  manage.py replay_events --id event_01J9… --id event_01JA…
  manage.py replay_events --event connection.activated --since 2026-01-15 --no-input
"""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--failed", action="store_true", help="those that failed")
        parser.add_argument("--id", action="append", default=[], dest="ids", help="this one; may be repeated")
        parser.add_argument(
            "--event", action="append", default=[], dest="names", help="those of this name; may be repeated"
        )
        parser.add_argument(
            "--since", type=_time, help="received since this date or time (UTC if it has no offset)"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would change, and change nothing"
        )
        parser.add_argument("--no-input", action="store_true", help="do not ask")
        parser.add_argument("--json", action="store_true", help="for a machine; with --dry-run or --no-input")

    def handle(
        self, *, failed: bool, ids: list[str], names: list[str], since: datetime | None, **options: Any
    ) -> None:
        if not (failed or ids or names or since):
            raise CommandError("Say which: --failed, --id, --event or --since.", returncode=2)
        if options["json"] and not (options["dry_run"] or options["no_input"]):
            raise CommandError("--json does not ask: add --dry-run or --no-input.", returncode=2)
        chosen = select(failed=failed, event_ids=ids, names=names, since=since)
        now = timezone.now()
        if missing := sorted(
            set(ids) - set(chosen.filter(event_id__in=ids).values_list("event_id", flat=True))
        ):
            raise CommandError(f"Not among the events chosen: {', '.join(missing)}")
        report = preview(chosen, now=now)
        if not report.events:
            raise CommandError("No event was chosen.")
        if not options["json"]:
            self._say(report, "would be")
        if options["dry_run"]:
            applied = False
        elif options["no_input"] or self._agreed():
            report = replay(chosen, now=now)
            applied = True
        else:
            self.stdout.write("Nothing was changed.")
            return
        if options["json"]:
            self.stdout.write(json.dumps({"applied": applied, **asdict(report)}, indent=2))
        elif applied:
            self._say(report, "were")
        if any(event.after == "failed" for event in report.events):
            raise CommandError("Events failed; each keeps its error.")

    def _agreed(self) -> bool:
        try:
            return input("Change this? [y/N] ").strip().lower() in ("y", "yes")
        except EOFError:
            return False

    def _say(self, report: Report, were: str) -> None:
        for way, count in counted(report):
            self.stdout.write(f"{count} events {were} applied again: {way}")
        for event in report.events:
            if event.after == "failed":
                self.stdout.write(f"  {event.event} {event.event_id}: {event.reason}")
        for change in report.changes:
            self.stdout.write(f"  {change}")
        if not report.changes:
            self.stdout.write("  Nothing that we hold changes.")


def _time(text: str) -> datetime:
    day = parse_date(text) if len(text) == 10 else None
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) if day else parse_datetime(text)
    if at is None:
        raise ValueError(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
