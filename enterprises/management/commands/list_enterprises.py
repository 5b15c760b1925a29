from argparse import ArgumentParser
from typing import Any

from enterprises.management.reporting import Command as Reporting
from enterprises.management.reporting import described
from enterprises.models import Enterprise


class Command(Reporting):
    help = """List the enterprises and their states.

  manage.py list_enterprises
  manage.py list_enterprises --state needs_attention --json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--state", choices=Enterprise.Provisioning.values, help="only those in this state"
        )
        parser.add_argument("--json", action="store_true", help="as JSON")

    def handle(self, *, state: str | None, json: bool, **options: Any) -> None:
        found = Enterprise.objects.all()
        if state:
            found = found.in_state(state)
        lines = [
            f"{enterprise.slug:<30} {enterprise.provisioning.label:<18} "
            f"{enterprise.organization_id or '-':<32} {enterprise.attention}".rstrip()
            for enterprise in found
        ]
        self.say(
            [described(enterprise) for enterprise in found],
            "\n".join(lines) or "There are none.",
            as_json=json,
        )
