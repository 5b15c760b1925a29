from argparse import ArgumentParser
from typing import Any

from enterprises import history
from enterprises.management.reporting import Command as Reporting
from enterprises.management.reporting import described, enterprise_called
from enterprises.models import Connection, Directory, Errand, OrganizationDomain


class Command(Reporting):
    help = """Show an enterprise: its state and the next step, its people, what WorkOS said of it, what WorkOS
must still be told, and the newest of its history.

  manage.py show_enterprise acme-inc
  manage.py show_enterprise acme-inc --json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--json", action="store_true", help="as JSON")

    def handle(self, *, slug: str, json: bool, **options: Any) -> None:
        enterprise = enterprise_called(slug)
        told = [
            *Connection.objects.filter(enterprise=enterprise).order_by("connection_id"),
            *Directory.objects.filter(enterprise=enterprise).order_by("directory_id"),
            *OrganizationDomain.objects.filter(enterprise=enterprise).order_by("domain"),
        ]
        report: dict[str, Any] = described(enterprise) | {
            "next_step": enterprise.next_step,
            "domains": enterprise.requested_domains,
            "plan": enterprise.intents,
            "people": [
                {"email": one.user.get_username(), "role": one.role}
                for one in enterprise.memberships.select_related("user").order_by("role", "user__email")
            ],
            "invited": [
                {"email": one.email, "role": one.role, "expires_at": one.expires_at}
                for one in enterprise.invitations.order_by("email")
            ],
            "told_by_workos": [
                {"kind": one._meta.verbose_name, "what": str(one), "as_of": one.as_of} for one in told
            ],
            "errands": [
                {
                    "kind": one.kind,
                    "key": one.key,
                    "attempts": one.attempts,
                    "error": one.error,
                    "due_at": one.due_at,
                }
                for one in Errand.objects.filter(enterprise=enterprise).order_by("due_at")
            ],
            "history": [
                {
                    "at": one.at,
                    "who": one.who,
                    "deed": one.word,
                    "for_whom": one.for_whom,
                    "outcome": one.outcome,
                }
                for one in history.of(enterprise)[:10]
            ],
        }
        self.say(report, "\n".join(_in_words(report)), as_json=json)


def _in_words(report: dict[str, Any]) -> list[str]:
    lines = []
    for name, value in report.items():
        title = name.replace("_", " ").capitalize()
        if value and isinstance(value, list) and isinstance(value[0], dict):
            lines.append(f"{title}:")
            lines += ["  " + " · ".join(str(part) for part in one.values() if part) for one in value]
        elif isinstance(value, list):
            lines.append(f"{title}: {', '.join(str(part) for part in value) or '-'}")
        else:
            lines.append(f"{title}: {value or '-'}")
    return lines
