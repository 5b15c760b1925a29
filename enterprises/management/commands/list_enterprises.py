from argparse import ArgumentParser
from typing import Any

from enterprises.management.reports import build_enterprise_report
from enterprises.models import Enterprise, ProvisioningState
from outbox.management.base import Command as BaseCommand


class Command(BaseCommand):
    help = """List the enterprises and their states.

  manage.py list_enterprises
  manage.py list_enterprises --state needs_attention --json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--state", choices=ProvisioningState.values, help="only those in this state")
        self.add_json_argument(parser)

    def handle(self, *, state: str | None, json: bool, **options: Any) -> None:
        enterprises = Enterprise.objects.select_related("organization")
        if state:
            enterprises = enterprises.in_state(state)
        lines = [
            f"{enterprise.slug:<30} {enterprise.provisioning.label:<18} "
            f"{enterprise.organization_id or '-':<32} {enterprise.attention}".rstrip()
            for enterprise in enterprises
        ]
        self.write_report(
            [build_enterprise_report(enterprise) for enterprise in enterprises],
            "\n".join(lines) or ("No enterprise is in this state." if state else "There are no enterprises."),
            as_json=json,
        )
