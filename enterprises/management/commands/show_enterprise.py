from argparse import ArgumentParser
from typing import Any

from audit.log import audit_entries_for
from enterprises.management.reports import describe_enterprise, get_enterprise
from mirror.registry import MIRRORED
from outbox.management.base import Command as BaseCommand
from outbox.models import Task


class Command(BaseCommand):
    help = """Show an enterprise: its state and next step, people, connections, directories and domains, its
outbox tasks, and the newest audit entries.

  manage.py show_enterprise acme-inc
  manage.py show_enterprise acme-inc --json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        self.add_json_argument(parser)

    def handle(self, *, slug: str, json: bool, **options: Any) -> None:
        enterprise = get_enterprise(slug)
        mirrored = [
            row
            for name, kind in MIRRORED.items()
            if name != "certificate" and enterprise.organization_id
            for row in kind.model._default_manager.filter(organization=enterprise.organization_id).order_by(
                kind.key_field
            )
        ]
        report: dict[str, Any] = describe_enterprise(enterprise) | {
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
            "mirrored": [
                {"kind": one._meta.verbose_name, "what": str(one), "as_of": one.as_of} for one in mirrored
            ],
            "outbox_tasks": [
                {
                    "kind": one.kind,
                    "key": one.key,
                    "attempts": one.attempts,
                    "error": one.error,
                    "due_at": one.due_at,
                }
                for one in Task.objects.filter(subject=enterprise.external_id).order_by("due_at")
            ],
            "audit_log": [
                {
                    "at": one.at,
                    "actor": one.actor,
                    "action": one.action_label,
                    "target": one.target,
                    "outcome": one.outcome,
                }
                for one in audit_entries_for(enterprise)[:10]
            ],
        }
        self.write_report(report, "\n".join(_format_report(report)), as_json=json)


def _format_report(report: dict[str, Any]) -> list[str]:
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
