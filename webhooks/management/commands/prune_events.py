from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from webhooks.pruning import LEAST_DAYS, old_events, prune


class Command(BaseCommand):
    help = """Forget old events that were applied, stale or ignored, with the personal data in them.

Never those that wait or failed. In small batches; safe to repeat and to interrupt. The worker does it daily.

  manage.py prune_events --days 90
  manage.py prune_events --dry-run
"""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--days",
            type=int,
            default=settings.WEBHOOK_EVENTS_KEPT_DAYS or 90,
            help=f"keep those of the last DAYS days, {LEAST_DAYS} or more (default: %(default)s)",
        )
        parser.add_argument("--dry-run", action="store_true", help="say how many, and delete none")

    def handle(self, *, days: int, dry_run: bool, **options: Any) -> None:
        if days < LEAST_DAYS:
            raise CommandError(
                f"--days must be {LEAST_DAYS} or more: WorkOS repeats a delivery for three days, and what is "
                "forgotten earlier would be taken for new.",
                returncode=2,
            )
        now = timezone.now()
        if dry_run:
            self.stdout.write(f"{old_events(days=days, now=now).count()} events would be forgotten.")
        else:
            self.stdout.write(f"{prune(days=days, now=now)} events forgotten.")
