import json as json_format
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from hostapp.doctor.by_hand import STEPS
from hostapp.doctor.examination import examine
from hostapp.doctor.findings import Finding, Result, has_failed
from hostapp.models import ConfirmedStep
from outbox.management.base import Command as BaseCommand
from outbox.management.base import count_of

_MARKS = {
    Result.OK: "✓",
    Result.FAILED: "✗",
    Result.NOT_CHECKED: "-",
    Result.TO_CONFIRM: "?",
    Result.CONFIRMED: "✓",
}


class Command(BaseCommand):
    help = """Examine this deployment, and say for each problem what to do.

Checks settings, the database, mail, webhooks, workers and customers; and, unless --offline, asks WorkOS
for the key, the endpoint and the organizations, and posts a signed event of its own to the public URL. Steps
that no API can check are confirmed by hand. Exits with 1 when a check fails. For cron: --verbosity 0 prints
only what failed.

  manage.py doctor
  manage.py doctor --offline --verbosity 0
  manage.py doctor --done default-redirect --by "Ada Adeyemi"
"""
    # Those that matter are a part of it, and one that fails must not hide the others.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--offline", action="store_true", help="make no calls to WorkOS, and post nothing"
        )
        parser.add_argument("--done", choices=sorted(STEPS), help="record that this step is done")
        parser.add_argument("--not-done", choices=sorted(STEPS), help="record that this step is not done")
        parser.add_argument("--by", metavar="NAME", default="", help="with --done: who did it")
        self.add_json_argument(parser)

    def handle(self, *, offline: bool, done: str, not_done: str, by: str, json: bool, **options: Any) -> None:
        if done or not_done:
            self._remember(done, not_done, by.strip())
            return
        groups: dict[str, list[Finding]] = {}
        for title, findings in examine(timezone.now(), is_offline=offline):
            groups[title] = findings
            if not json:
                self._print_group(title, findings, only_failed=not options["verbosity"])
        everything = [finding for findings in groups.values() for finding in findings]
        if json:
            report = {"ok": not has_failed(everything), "findings": [one.as_json() for one in everything]}
            self.stdout.write(json_format.dumps(report, indent=2))
        elif options["verbosity"]:
            self.stdout.write(f"\n{_summarize(everything)}")
        if has_failed(everything):
            raise SystemExit(1)

    def _remember(self, done: str, not_done: str, by: str) -> None:
        if not_done:
            ConfirmedStep.objects.filter(step=not_done).delete()
        if done:
            if not by:
                raise CommandError('Say who has seen to it: --by "Your name".', returncode=2)
            ConfirmedStep.objects.update_or_create(
                step=done, defaults={"confirmed_by": by[:150], "confirmed_at": timezone.now()}
            )

    def _print_group(self, title: str, findings: list[Finding], *, only_failed: bool) -> None:
        shown = [one for one in findings if one.result is Result.FAILED or not only_failed]
        if not shown:
            return
        self.stdout.write(self.style.MIGRATE_HEADING(title))
        for one in shown:
            style = {Result.FAILED: self.style.ERROR, Result.OK: self.style.SUCCESS}.get(one.result, str)
            self.stdout.write(f"  {style(_MARKS[one.result])} {one.detail}")
            if one.fix:
                self.stdout.write(f"    {one.fix}")


def _summarize(findings: list[Finding]) -> str:
    counts = {result: sum(one.result is result for one in findings) for result in Result}
    parts = [
        f"{count_of(counts[Result.FAILED], 'check')} failed" if counts[Result.FAILED] else "No check failed",
        f"{counts[Result.NOT_CHECKED]} could not be made" if counts[Result.NOT_CHECKED] else "",
        f"{count_of(counts[Result.TO_CONFIRM], 'step')} to confirm by hand"
        if counts[Result.TO_CONFIRM]
        else "",
    ]
    return f"{', '.join(filter(None, parts))}."
