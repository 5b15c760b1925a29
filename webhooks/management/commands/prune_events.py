from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from outbox.management.base import Command as BaseCommand
from webhooks import conf
from webhooks.pruning import old_events, prune_events


class Command(BaseCommand):
    help = """Delete old applied, stale and ignored events, with the personal data in them.

Waiting and failed events are kept. The worker does this daily. Safe to repeat and to interrupt.

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

    def handle(self, *, days: int, dry_run: bool, **options: Any) -> None:
        if days < conf.MIN_KEPT_DAYS:
            raise CommandError(
                f"--days must be {conf.MIN_KEPT_DAYS} or more: WorkOS lists the events of 30 days, and "
                "catch-up compares ours with them.",
                returncode=2,
            )
        now = timezone.now()
        if dry_run:
            self.stdout.write(f"{old_events(days=days, now=now).count()} events would be deleted.")
        else:
            self.stdout.write(f"{prune_events(days=days, now=now)} events deleted.")
