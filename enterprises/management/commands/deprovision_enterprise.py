from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from enterprises import changing, history
from enterprises.management.reporting import Command as Reporting
from enterprises.management.reporting import described, enterprise_called


class Command(Reporting):
    help = """End an enterprise: everybody's access now, and its organization at WorkOS within moments.

Its history is kept; there is no way back. The slug is typed again to confirm, or given with --confirm.
Safe to repeat. The worker deletes the organization, and goes on until WorkOS has.

  manage.py deprovision_enterprise acme-inc
  manage.py deprovision_enterprise acme-inc --confirm acme-inc --json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--confirm", metavar="SLUG", help="the slug again, instead of being asked")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
        parser.add_argument("--json", action="store_true", help="as JSON")

    def handle(self, *, slug: str, confirm: str | None, dry_run: bool, json: bool, **options: Any) -> None:
        enterprise = enterprise_called(slug)
        people = enterprise.memberships.count()
        if dry_run:
            self.say(
                described(enterprise) | {"dry_run": True, "people": people},
                f"Would delete {enterprise.organization_id or 'its organization'} at WorkOS "
                f"and end the access of {people} people to {enterprise.name}.",
                as_json=json,
            )
            return
        typed = confirm if confirm is not None else input(f"Type {slug} to deprovision {enterprise.name}: ")
        if typed != slug:
            raise CommandError(f"That is not {slug}. Nothing was done.")
        changing.deprovision(enterprise, who=history.COMMAND, at=timezone.now())
        self.say(
            described(enterprise),
            f"{enterprise.name} is deprovisioned. The worker deletes its organization.",
            as_json=json,
        )
