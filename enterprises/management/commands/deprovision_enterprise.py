from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from audit.actor import COMMAND_LINE
from enterprises import lifecycle
from enterprises.management.reports import build_enterprise_report, get_enterprise
from outbox.management.base import Command as BaseCommand
from outbox.management.base import count_of


class Command(BaseCommand):
    help = """End an enterprise: everyone loses access now, and the worker deletes its organization in WorkOS.

This cannot be undone. The audit log is kept. It asks for the slug again.
Safe to repeat. The worker retries until WorkOS has deleted the organization.

  manage.py deprovision_enterprise acme-inc
  manage.py deprovision_enterprise acme-inc --yes --json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="the enterprise's slug, as in its URL")
        self.add_yes_argument(parser)
        self.add_dry_run_argument(parser)
        self.add_json_argument(parser)

    def handle(self, *, slug: str, yes: bool, dry_run: bool, json: bool, **options: Any) -> None:
        enterprise = get_enterprise(slug)
        people = enterprise.memberships.count()
        if dry_run:
            self.write_report(
                build_enterprise_report(enterprise) | {"dry_run": True, "people": people},
                f"{enterprise.name}: would delete {enterprise.organization_id or 'its organization'} in "
                f"WorkOS and end the access of {count_of(people, 'person', 'people')}.",
                as_json=json,
            )
            return
        self.confirm(f"Type {slug} to deprovision {enterprise.name}:", yes=yes, answer=slug)
        lifecycle.deprovision(enterprise, COMMAND_LINE, timezone.now())
        self.write_report(
            build_enterprise_report(enterprise),
            f"{enterprise.name} is deprovisioned. The worker deletes its organization.",
            as_json=json,
        )
