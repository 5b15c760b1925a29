import json
import re
import threading
import time
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from outbox.management.base import Command as BaseCommand
from outbox.management.progress import Progress
from webhooks.catch_up import Report, catch_up, describe_report
from webhooks.event_streams import StreamReport

_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1)}


class Command(BaseCommand):
    help = """Read WorkOS's Events API and record what no webhook has delivered. The worker applies it.

Continues where the last run ended; the first one reads 30 days. --since reads that time again and shows that
nothing is missing. The worker catches up at intervals (CATCH_UP_INTERVAL). Safe to repeat, to run twice at
once and to interrupt: what was read is kept.

Exits with 1 when something could not be read or recorded, or when it is interrupted before the end. --follow
ends with Ctrl-C, and with 0 when the last read was complete.

  manage.py catch_up
  manage.py catch_up --since 30d
  manage.py catch_up --follow
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since", type=_parse_span, metavar="30d", help="read so many days (30d) or hours (12h) again"
        )
        parser.add_argument("--follow", action="store_true", help="keep reading until Ctrl-C")
        parser.add_argument(
            "--interval", type=_parse_seconds, default=10.0, help="with --follow: seconds (default: 10)"
        )
        self.add_json_argument(parser)

    def handle(self, *, since: timedelta | None, follow: bool, interval: float, **options: Any) -> None:
        self._progress = Progress(self.stderr.write)
        report: Report | None = None
        try:
            report = self._run(since, options["json"], is_first=True)
            while follow:
                time.sleep(interval)
                report = self._run(None, options["json"])
        except KeyboardInterrupt:
            # How a person ends --follow. What was read is kept in any case.
            if report is None:
                raise CommandError(
                    "Stopped. What was read is kept: run the same command again to go on."
                ) from None
        if not report.is_complete:
            raise CommandError("Not everything that WorkOS lists could be read and recorded.")

    def _run(self, since: timedelta | None, as_json: bool, *, is_first: bool = False) -> Report:
        now = timezone.now()
        report = catch_up(
            since=now - since if since else None,
            now=now,
            stop=threading.Event(),
            report_progress=self._show_progress,
        )
        # While it follows, only what is new is worth a line.
        if is_first or report.total.listed or not report.is_complete:
            if as_json:
                # One line for each run.
                self.stdout.write(json.dumps(report.as_json(), cls=DjangoJSONEncoder))
            else:
                self.stdout.write("\n".join(describe_report(report, now)))
            self.stdout.flush()
        return report

    def _show_progress(self, report: StreamReport) -> None:
        """Whichever organization is being read."""
        until = f", until {report.read_until:%Y-%m-%d %H:%M} UTC" if report.read_until else ""
        self._progress.show(f"{report.stream.name}: {report.tally.listed:,} events read{until}")


def _parse_span(text: str) -> timedelta:
    match = re.fullmatch(r"([0-9]{1,4})([dh])", text)
    if not match or not int(match[1]):
        raise ArgumentTypeError("write a number of days or hours, such as 30d or 12h")
    return int(match[1]) * _UNITS[match[2]]


def _parse_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= 86_400:
        raise ArgumentTypeError("write a number of seconds above 0")
    return seconds
