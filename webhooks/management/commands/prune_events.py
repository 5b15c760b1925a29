from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from outbox.management.base import Command as BaseCommand
from outbox.management.base import count_of
from webhooks import conf
from webhooks.pruning import old_events, prune_events


class Command(BaseCommand):
    help = """Delete old applied, stale and ignored events, with the personal data in them.

Waiting and failed events are kept. The worker does this daily. Safe to repeat and to interrupt. It prints
nothing when there is nothing to delete.

  manage.py prune_events --days 90
  manage.py prune_events --dry-run
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--days",
            type=int,
            default=conf.kept_days() or 90,
            help=f"keep events of the last DAYS days, {conf.MIN_KEPT_DAYS} or more (default: %(default)s)",
        )
        self.add_dry_run_argument(parser)
        self.add_json_argument(parser)

    def handle(self, *, days: int, dry_run: bool, json: bool, **options: Any) -> None:
        if days < conf.MIN_KEPT_DAYS:
            raise CommandError(
                f"--days must be {conf.MIN_KEPT_DAYS} or more: WorkOS lists the events of 30 days, and "
                "catch-up compares ours with them.",
                returncode=2,
            )
        now = timezone.now()
        if dry_run:
            count = old_events(days=days, now=now).count()
            words = f"{count_of(count, 'event')} would be deleted."
        else:
            count = prune_events(days=days, now=now, report_progress=self._report_progress)
            words = f"{count_of(count, 'event')} deleted." if count else ""
        self.write_report({"events": count, "days": days, "dry_run": dry_run}, words, as_json=json)

    def _report_progress(self, deleted: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{count_of(deleted, 'event')} deleted …", lambda text: text, ending="")
            self.stderr.flush()
