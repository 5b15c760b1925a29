import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils import timezone

from outbox.management.base import Command as BaseCommand
from webhooks import conf
from webhooks.inspection import Inspection, describe_sample, inspect_webhooks


class Command(BaseCommand):
    help = """Show which events wait or failed and why, and which deliveries were refused and what to do.

Exits with 1 when something needs attention. For cron: --verbosity 0 prints only that.

  manage.py inspect_webhooks
  manage.py inspect_webhooks --verbosity 0
  manage.py inspect_webhooks --json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_json_argument(parser)

    def handle(self, **options: Any) -> None:
        inspection = inspect_webhooks(
            secret_names=conf.secret_names(), tolerance=conf.tolerance(), now=timezone.now()
        )
        text = "\n".join(_format_inspection(inspection)) if options["verbosity"] else ""
        self.write_report(inspection.as_json(), text, as_json=options["json"])
        if not options["json"]:
            for problem in inspection.attention:
                gap = "\n" if text else ""
                self.stdout.write(self.style.WARNING(f"{gap}{problem}"))
        if inspection.attention:
            sys.exit(1)


def _describe_workers(inspection: Inspection) -> str:
    if not inspection.workers:
        return "None is alive: start `manage.py worker`"
    return f"{inspection.workers} alive{_format_time(', the oldest since', inspection.workers_since)}"


def _format_inspection(inspection: Inspection) -> Iterator[str]:
    yield f"Workers\n  {_describe_workers(inspection)}"
    yield "\nEvents (of the last day, and all that wait or failed)"
    yield f"  {inspection.waiting} due{_format_time(', the oldest since', inspection.oldest_due_at)}"
    for outcome in inspection.outcomes:
        yield f"  {outcome.count} {outcome.status}{': ' if outcome.reason else ''}{outcome.reason}"
        if outcome.status == "failed":
            yield f"      newest: {outcome.newest_event_id}"
    if inspection.data_problems or inspection.reconcile_problems or inspection.unreadable:
        yield "\nValues that could not be stored or used as they were sent"
    for problem in inspection.data_problems:
        yield f"  {problem.count} × {_join_lines(problem.problem)}"
        yield f"      newest: {problem.newest_event_id}"
    for one in inspection.reconcile_problems:
        yield f"  API, {one.organization_id}: {_join_lines(one.problem)}"
    if unreadable := inspection.unreadable:
        yield f"  {unreadable.describe()} that cannot be read as an event"
        yield f"      newest: {unreadable.newest_at:%Y-%m-%d %H:%M:%S} UTC, {unreadable.newest_detail}"
    yield "\nSecrets"
    for secret in inspection.secrets:
        yield f"  {secret.name}: {secret.advice}{_format_time(', last', secret.last_used_at)}"
    yield "\nClock"
    if inspection.clock_seconds is None:
        yield "  No verified deliveries yet."
    else:
        yield (
            f"  {inspection.clock_seconds:+.1f} s from signing to arrival (median), "
            f"of {conf.tolerance().total_seconds():.0f} s tolerated"
        )
    yield "\nRefused (counted for three days)"
    if not inspection.refusals:
        yield "  Nothing."
    for refusal in inspection.refusals:
        yield f"  {refusal.last_days} × {refusal.reason} ({refusal.last_hour} in the last hour)"
        yield f"      newest: {refusal.refused_at:%Y-%m-%d %H:%M:%S} UTC, {describe_sample(refusal)}"
        yield f"      {refusal.next_step}"


def _join_lines(text: str) -> str:
    return text.replace("\n", "; ")


def _format_time(words: str, at: datetime | None) -> str:
    return f"{words} {at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
