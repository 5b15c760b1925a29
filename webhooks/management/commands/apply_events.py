from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from outbox.management.base import Command as BaseCommand
from outbox.management.base import count_of
from webhooks.inbox import apply_waiting
from webhooks.models import WebhookEvent


class Command(BaseCommand):
    help = """Apply the webhook events that are due, then stop. `manage.py worker` does it continuously.

Prints nothing when none is due. Exits with 1 when an event fails. Safe to interrupt: an event and its outcome
are one commit.

  manage.py apply_events
  manage.py apply_events --dry-run
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_dry_run_argument(parser)
        self.add_json_argument(parser)

    def handle(self, *, dry_run: bool, json: bool, **options: Any) -> None:
        # Read once: an event that fails now is due later, and is not retried in this run.
        now = timezone.now()
        if dry_run:
            due = WebhookEvent.objects.due(now).count()
            self.write_report(
                {"due": due, "dry_run": True}, f"{count_of(due, 'event')} would be applied.", as_json=json
            )
            return
        total: Counter[str] = Counter()
        while outcomes := apply_waiting(now=now):
            total += outcomes
        words = "\n".join(f"{count} {status}" for status, count in sorted(total.items()))
        self.write_report(dict(total), words, as_json=json)
        if failed := total[WebhookEvent.Status.FAILED]:
            raise CommandError(f"{count_of(failed, 'event')} failed. `manage.py inspect_webhooks` says why.")
