from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from audit.actor import COMMAND_LINE
from enterprises import lifecycle
from enterprises.management.reports import build_enterprise_report, get_enterprise
from outbox.management.base import Command as BaseCommand


class Command(BaseCommand):
    help = """End an enterprise: everyone loses access now, and the worker deletes its organization at WorkOS.

This cannot be undone. The audit log is kept. Type the slug again to confirm, or give it with --confirm.
Safe to repeat. The worker retries until WorkOS has deleted the organization.

  manage.py deprovision_enterprise acme-inc
  manage.py deprovision_enterprise acme-inc --confirm acme-inc --json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--confirm", metavar="SLUG", help="the slug again, instead of being asked")
        self.add_dry_run_argument(parser)
        self.add_json_argument(parser)

    def handle(self, *, slug: str, confirm: str | None, dry_run: bool, json: bool, **options: Any) -> None:
        enterprise = get_enterprise(slug)
        people = enterprise.memberships.count()
        if dry_run:
            self.write_report(
                build_enterprise_report(enterprise) | {"dry_run": True, "people": people},
                f"Would delete {enterprise.organization_id or 'its organization'} at WorkOS "
                f"and end the access of {people} people to {enterprise.name}.",
                as_json=json,
            )
            return
        typed = confirm if confirm is not None else input(f"Type {slug} to deprovision {enterprise.name}: ")
        if typed != slug:
            raise CommandError(f"That is not {slug}. Nothing was done.")
        lifecycle.deprovision(enterprise, COMMAND_LINE, timezone.now())
        self.write_report(
            build_enterprise_report(enterprise),
            f"{enterprise.name} is deprovisioned. The worker deletes its organization.",
            as_json=json,
        )
