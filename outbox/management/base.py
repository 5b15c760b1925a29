"""The base of every command here: help that keeps its line breaks, and reports in words or JSON."""

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand
from django.core.serializers.json import DjangoJSONEncoder


class Command(BaseCommand):
    """Exits with 0 on success, 1 when something failed or needs a person, 2 when it was called wrongly."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def add_json_argument(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON")

    def add_dry_run_argument(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would be done, and change nothing"
        )

    def write_report(self, report: Any, text: str, *, as_json: bool) -> None:
        """Print the report as JSON, or `text`."""
        self.stdout.write(json.dumps(report, indent=2, cls=DjangoJSONEncoder) if as_json else text)
