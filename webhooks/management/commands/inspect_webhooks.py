import json
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from webhooks.inspection import Inspection, in_words, inspect


class Command(BaseCommand):
    help = """Say what came of the webhooks: what waits or failed and why, what was refused and what to do.

Exits with 1 when something needs a person.

  manage.py inspect_webhooks
  manage.py inspect_webhooks --json
"""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for a machine")

    def handle(self, **options: Any) -> None:
        found = inspect(
            secret_names=settings.WORKOS_WEBHOOK_SECRET_NAMES,
            tolerance=timedelta(seconds=settings.WORKOS_WEBHOOK_TOLERANCE),
            now=timezone.now(),
        )
        if options["json"]:
            self.stdout.write(json.dumps(found.as_json(), cls=DjangoJSONEncoder, indent=2))
        else:
            self._say(found)
        if found.attention:
            sys.exit(1)

    def _say(self, found: Inspection) -> None:
        write = self.stdout.write
        write("Events (of the last day, and all that wait or failed)")
        write(f"  {found.waiting} due{_at(', the oldest since', found.oldest_due_at)}")
        for outcome in found.outcomes:
            write(f"  {outcome.count} {outcome.status}{': ' if outcome.reason else ''}{outcome.reason}")
            if outcome.status == "failed":
                write(f"      newest: {outcome.newest_event_id}")
        write("\nSecrets")
        for secret in found.secrets:
            write(f"  {secret.name}: {secret.advice}{_at(', last', secret.last_used_at)}")
        write("\nClock")
        write(
            "  No verified deliveries yet."
            if found.clock_seconds is None
            else f"  {found.clock_seconds:+.1f} s from signing to arrival (median), "
            f"of {settings.WORKOS_WEBHOOK_TOLERANCE} s tolerated"
        )
        write("\nRefused (counted for three days)")
        if not found.refusals:
            write("  Nothing.")
        for refusal in found.refusals:
            write(f"  {refusal.last_days} × {refusal.reason} ({refusal.last_hour} in the last hour)")
            write(f"      newest: {refusal.refused_at:%Y-%m-%d %H:%M:%S} UTC, {in_words(refusal)}")
            write(f"      {refusal.next_step}")
        for sentence in found.attention:
            write(self.style.WARNING(f"\n{sentence}"))


def _at(words: str, at: datetime | None) -> str:
    return f"{words} {at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
