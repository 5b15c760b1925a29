from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils import timezone

from audit.actor import COMMAND_LINE
from enterprises import invitations
from enterprises.forms import NormalizedEmailField
from enterprises.management.reports import get_enterprise
from enterprises.models import Role
from outbox.management.base import Command as BaseCommand


class Command(BaseCommand):
    help = """Invite a person as an IT admin: the worker mails them a link that works once and for 30 days.

Safe to repeat: it sends a new link, and the previous link stops working.

  manage.py invite_it_admin acme-inc ada@acme.example
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="the enterprise's slug, as in its URL")
        parser.add_argument("email", help="the address to invite")
        self.add_dry_run_argument(parser)
        self.add_json_argument(parser)

    def handle(self, *, slug: str, email: str, dry_run: bool, json: bool, **options: Any) -> None:
        enterprise = get_enterprise(slug)
        try:
            email = NormalizedEmailField().clean(email)
        except ValidationError as error:
            raise CommandError(f"{email}: {' '.join(error.messages)}", returncode=2) from error
        if enterprise.deprovisioned_at:
            raise CommandError(f"{enterprise.name} was deprovisioned: nobody can join it.")
        report = {"slug": slug, "email": email, "dry_run": dry_run}
        if dry_run:
            self.write_report(
                report, f"Would invite {email} as an IT admin of {enterprise.name}.", as_json=json
            )
            return
        try:
            invitation = invitations.invite(enterprise, email, Role.IT_ADMIN, COMMAND_LINE, timezone.now())
        except invitations.AlreadyMember as error:
            raise CommandError(str(error)) from error
        self.write_report(
            report | {"expires_at": invitation.expires_at},
            f"{invitation.email} is invited until {invitation.expires_at:%d %B %Y}. The worker mails them.",
            as_json=json,
        )
