from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

import gateway
from enterprises import changing, domains, history, provisioning
from enterprises.management.reporting import Command as Reporting
from enterprises.management.reporting import described, failure
from enterprises.models import Enterprise


class Command(Reporting):
    help = """Link an organization that was made in the WorkOS Dashboard to an enterprise.

It must exist at WorkOS and be linked to no other enterprise. Its name is shown and confirmed; then our
external id is written on it. An enterprise that is not enrolled yet is, with the organization's name.
Safe to repeat.

  manage.py link_enterprise acme-inc --organization-id org_01EHZNVPK3SFK441A1RGBFSHRT
  manage.py link_enterprise acme-inc --organization-id org_01EHZNVPK3SFK441A1RGBFSHRT --yes --json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--organization-id", required=True, metavar="ORG")
        parser.add_argument("--yes", action="store_true", help="do not ask whether it is the right one")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
        parser.add_argument("--json", action="store_true", help="as JSON")

    def handle(
        self, *, slug: str, organization_id: str, yes: bool, dry_run: bool, json: bool, **options: Any
    ) -> None:
        try:
            organization = changing.linkable(organization_id, slug)
            if dry_run:
                self.say(
                    {
                        "slug": slug,
                        "organization_id": organization_id,
                        "name": organization.name,
                        "dry_run": True,
                    },
                    f"Would link {organization.name} ({organization_id}) to {slug}.",
                    as_json=json,
                )
                return
            question = f"Link the organization “{organization.name}” ({organization_id}) to {slug}? [y/N] "
            if not yes and input(question).strip().lower() not in ("y", "yes"):
                raise CommandError("Nothing was done.")
            enterprise = Enterprise.objects.filter(slug=slug).first() or provisioning.enroll(
                name=organization.name,
                slug=slug,
                domains=[one["domain"] for one in organization.domains if _is_fit(one["domain"])],
                # Not to be created: it is there.
                provision=False,
            )
            changing.link(enterprise, organization, who=history.COMMAND, at=timezone.now())
        except (changing.NotTheirs, provisioning.Different) as error:
            raise CommandError(str(error)) from error
        except gateway.GatewayError as error:
            raise CommandError(
                f"{organization_id}: {failure(error)} The same command can be repeated."
            ) from error
        self.say(
            described(enterprise),
            f"{enterprise.name} is linked to {enterprise.organization_id}.",
            as_json=json,
        )


def _is_fit(domain: str) -> bool:
    try:
        return domains.normalise(domain) == domain
    except domains.InvalidDomain:
        return False
