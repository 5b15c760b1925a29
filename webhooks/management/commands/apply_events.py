from collections import Counter
from typing import Any

from django.utils import timezone

from outbox.management.base import Command as BaseCommand
from webhooks.inbox import apply_waiting


class Command(BaseCommand):
    help = """Apply the webhook events that are due, then stop. `manage.py worker` does it continuously.

  manage.py apply_events
"""

    def handle(self, **options: Any) -> None:
        # Read once: an event that fails now is due later, and is not retried in this run.
        now = timezone.now()
        total: Counter[str] = Counter()
        while outcomes := apply_waiting(now=now):
            total += outcomes
        if not total:
            self.stdout.write("No events wait.")
        for status, count in sorted(total.items()):
            self.stdout.write(f"{count} {status}")
