from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

import gateway
from audit.actor import COMMAND_LINE
from audit.one_line import fold_to_one_line
from enterprises import domains, linking, provisioning
from enterprises.bulk_provisioning import MAX_NAME_LENGTH
from enterprises.management.reports import build_enterprise_report
from enterprises.models import Enterprise
from outbox.management.base import Command as BaseCommand


class Command(BaseCommand):
    help = """Link an organization that was created in the WorkOS Dashboard to an enterprise.

It must exist in WorkOS and be linked to no other enterprise. Its name is shown for you to confirm; then our
external id is set on it. An enterprise that does not exist yet is created with the organization's name.
Safe to repeat.

  manage.py link_enterprise acme-inc --organization-id org_01EHZNVPK3SFK441A1RGBFSHRT
  manage.py link_enterprise acme-inc --organization-id org_01EHZNVPK3SFK441A1RGBFSHRT --yes --json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="the enterprise's slug, as in its URL")
        parser.add_argument("--organization-id", required=True, metavar="ORG")
        self.add_yes_argument(parser)
        self.add_dry_run_argument(parser)
        self.add_json_argument(parser)

    def handle(
        self, *, slug: str, organization_id: str, yes: bool, dry_run: bool, json: bool, **options: Any
    ) -> None:
        try:
            organization = linking.find_linkable_organization(organization_id, slug)
            if dry_run:
                self.write_report(
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
            self.confirm(
                f"Link the organization “{organization.name}” ({organization_id}) to {slug}? [y/N]", yes=yes
            )
            enterprise = Enterprise.objects.filter(slug=slug).first() or provisioning.enroll(
                name=fold_to_one_line(organization.name)[:MAX_NAME_LENGTH],
                slug=slug,
                domains=[one["domain"] for one in organization.domains if _is_valid_domain(one["domain"])],
                # WorkOS has the organization already.
                provision_later=False,
            )
            linking.link_organization(enterprise, organization, COMMAND_LINE, timezone.now())
        except (linking.NotLinkable, provisioning.SlugConflict) as error:
            raise CommandError(str(error)) from error
        except gateway.GatewayError as error:
            raise CommandError(
                f"{organization_id}: {error.describe()} The same command can be repeated."
            ) from error
        self.write_report(
            build_enterprise_report(enterprise),
            f"{enterprise.name} is linked to {enterprise.organization_id}.",
            as_json=json,
        )


def _is_valid_domain(domain: str) -> bool:
    try:
        return domains.normalize_domain(domain) == domain
    except domains.InvalidDomain:
        return False
