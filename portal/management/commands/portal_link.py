import sys
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.management.base import CommandError
from django.utils import timezone

import gateway
from audit.actor import COMMAND_LINE, Actor
from enterprises.access import find_user_by_email
from enterprises.intents import Intent
from enterprises.management.reports import get_enterprise
from outbox.management.base import Command as BaseCommand
from portal.support_links import LIFETIME, create_support_link, require_intent


class Command(BaseCommand):
    help = """Create a Portal Link for support staff, and show it once, on a terminal.

Anyone with the link can change the enterprise's settings in WorkOS until it expires, after five minutes. The
audit log of the enterprise says that it was created, and by whom with --staff. It is stored nowhere.

  manage.py portal_link acme-inc --intent sso
  manage.py portal_link acme-inc --intent domain_verification --staff sam@saas.example
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="the enterprise's slug, as in its URL")
        parser.add_argument("--intent", required=True, choices=[intent.value for intent in Intent])
        parser.add_argument("--staff", metavar="EMAIL", help="who you are, for the audit log")
        self.add_dry_run_argument(parser)

    def handle(self, *, slug: str, intent: str, staff: str | None, dry_run: bool, **options: Any) -> None:
        enterprise, wanted = get_enterprise(slug), Intent(intent)
        actor = _find_staff(staff) if staff else COMMAND_LINE
        try:
            require_intent(enterprise, wanted)
            if dry_run:
                self.stdout.write(f"Would create a link of {enterprise.name}: {wanted.label}.")
                return
            # Nothing here may end in a file or a pipe.
            if not (self.stdout.isatty() and sys.stdin is not None and sys.stdin.isatty()):
                raise CommandError("The link is shown on a terminal only. No link was created.", returncode=2)
            self.confirm(
                f"Create a link with which anyone can change {wanted.label} of {enterprise.name}? [y/N]",
                yes=False,
            )
            link = create_support_link(enterprise, wanted, actor, timezone.now())
        except PermissionDenied as error:
            raise CommandError(f"{error} No link was created.") from error
        except gateway.GatewayError as error:
            raise CommandError(f"{error.describe()} No link can be shown.") from error
        minutes = int(LIFETIME.total_seconds() // 60)
        self.stdout.write(link.url)
        self.stdout.write(
            f"Expires at {link.expires_at:%H:%M:%S} UTC, in {minutes} minutes. Never mail it or chat it."
        )


def _find_staff(email: str) -> Actor:
    user = find_user_by_email(email)
    if user is None or not (user.is_active and user.is_staff):
        raise CommandError(f"{email} is not an active member of the staff.", returncode=2)
    return Actor.from_user(user)
