from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from audit.log import audit_entries_for
from enterprises.management.reports import build_enterprise_report, get_enterprise
from enterprises.models import Enterprise
from mirror.models import MirroredRow
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
        parser.add_argument("slug", help="the enterprise's slug, as in its URL")
        self.add_json_argument(parser)

    def handle(self, *, slug: str, json: bool, **options: Any) -> None:
        enterprise = get_enterprise(slug)
        report: dict[str, Any] = build_enterprise_report(enterprise) | {
            "next_step": enterprise.next_step,
            "domains": enterprise.requested_domains,
            "plan": enterprise.intents,
            "people": [
                {
                    "user_id": one.user_id,
                    "email": one.user.get_username(),
                    "role": one.role,
                    "is_active": one.user.is_active,
                }
                for one in enterprise.memberships.select_related("user").order_by("role", "user__email")
            ],
            "invited": [
                {"id": one.pk, "email": one.email, "role": one.role, "expires_at": one.expires_at}
                for one in enterprise.invitations.order_by("email")
            ],
            "mirrored": [_describe_row(name, row) for name, row in _mirrored_rows(enterprise)],
            "outbox_tasks": [
                {
                    "id": one.pk,
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
                    "id": one.pk,
                    "at": one.at,
                    "actor": one.actor,
                    "action": one.action,
                    "target": one.target,
                    "outcome": one.outcome,
                }
                for one in audit_entries_for(enterprise)[:10]
            ],
        }
        self.write_report(report, "\n".join(_format_report(report)), as_json=json)


def _mirrored_rows(enterprise: Enterprise) -> Iterator[tuple[str, MirroredRow]]:
    for name, kind in MIRRORED.items():
        if enterprise.organization_id:
            rows = kind.model._default_manager.filter(organization=enterprise.organization_id)
            yield from ((name, row) for row in rows.order_by(kind.key_field))


# Fields that the mirror uses itself and that do not describe the object.
_OMITTED = {"id", "key", "organization_id", "previous_state"}


def _describe_row(kind_name: str, row: MirroredRow) -> dict[str, Any]:
    """Its kind, id and state, and all other fields that we store."""
    values = {one.attname: getattr(row, one.attname) for one in row._meta.concrete_fields}
    return {"kind": kind_name, "id": MIRRORED[kind_name].get_key(row), "state": row.state} | {
        name: value for name, value in values.items() if name not in _OMITTED
    }


# What the text output shows of each list; the JSON has everything.
_SHOWN = {
    "people": ("email", "role"),
    "invited": ("email", "role", "expires_at"),
    "mirrored": ("kind", "id", "name", "domain", "state", "as_of"),
    "outbox_tasks": ("kind", "key", "attempts", "error", "due_at"),
    "audit_log": ("at", "actor", "action", "target", "outcome"),
}


def _format_report(report: dict[str, Any]) -> list[str]:
    lines = []
    for name, value in report.items():
        title = name.replace("_", " ").capitalize()
        if value and name in _SHOWN:
            lines.append(f"{title}:")
            lines += [
                "  " + " · ".join(str(row[column]) for column in _SHOWN[name] if row.get(column))
                for row in value
            ]
        elif isinstance(value, list):
            lines.append(f"{title}: {', '.join(str(part) for part in value) or '-'}")
        else:
            lines.append(f"{title}: {value or '-'}")
    return lines
