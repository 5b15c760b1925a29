from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.core.validators import validate_email
from django.utils import timezone

from enterprises import history, invitations
from enterprises.management.reporting import Command as Reporting
from enterprises.management.reporting import enterprise_called
from enterprises.models import Membership


class Command(Reporting):
    help = """Invite somebody as an IT admin: the worker mails them a link that is good for 30 days and once.

Safe to repeat: it sends a new link, and the one before works no longer.

  manage.py invite_it_admin acme-inc ada@acme.example
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("email")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
        parser.add_argument("--json", action="store_true", help="as JSON")

    def handle(self, *, slug: str, email: str, dry_run: bool, json: bool, **options: Any) -> None:
        enterprise = enterprise_called(slug)
        try:
            validate_email(email)
        except ValidationError as error:
            raise CommandError(f"{email}: {' '.join(error.messages)}") from error
        if enterprise.deprovisioned_at:
            raise CommandError(f"{enterprise.name} was deprovisioned: nobody can join it.")
        report = {"slug": slug, "email": email.strip().lower(), "dry_run": dry_run}
        if dry_run:
            self.say(report, f"Would invite {email} as an IT admin of {enterprise.name}.", as_json=json)
            return
        try:
            held = invitations.invite(
                enterprise, email, Membership.Role.IT_ADMIN, who=history.COMMAND, at=timezone.now()
            )
        except invitations.AlreadyThere as error:
            raise CommandError(str(error)) from error
        self.say(
            report | {"expires_at": held.expires_at},
            f"{held.email} is invited until {held.expires_at:%d %B %Y}. The worker sends the mail.",
            as_json=json,
        )
