from argparse import RawDescriptionHelpFormatter
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from webhooks.inbox import apply_waiting


class Command(BaseCommand):
    help = """Apply the webhook events that wait, once through. `manage.py worker` does it for ever.

  manage.py apply_events
"""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def handle(self, **options: Any) -> None:
        # Asked once: what fails now is due later, and is not tried again in this run.
        now = timezone.now()
        total: Counter[str] = Counter()
        while outcomes := apply_waiting(now=now):
            total += outcomes
        if not total:
            self.stdout.write("No events wait.")
        for status, count in sorted(total.items()):
            self.stdout.write(f"{count} {status}")
