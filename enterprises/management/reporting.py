"""What the commands of this house have in common: help that keeps its lines, and reports in JSON."""

import json
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

import gateway
from enterprises.models import Enterprise


class Command(BaseCommand):
    """Exits with 0 when all went well, 1 when something did not, 2 when it was called wrongly."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def say(self, report: dict[str, Any] | list[dict[str, Any]], words: str, *, as_json: bool) -> None:
        """The report as JSON, or in words."""
        self.stdout.write(json.dumps(report, indent=2, default=str) if as_json else words)


def enterprise_called(slug: str) -> Enterprise:
    """Raises CommandError when there is none."""
    try:
        return Enterprise.objects.get(slug=slug)
    except Enterprise.DoesNotExist:
        raise CommandError(
            f"There is no enterprise with the slug {slug}. `manage.py list_enterprises` shows them."
        ) from None


def described(enterprise: Enterprise) -> dict[str, Any]:
    return {
        "slug": enterprise.slug,
        "name": enterprise.name,
        "state": enterprise.provisioning.value,
        "attention": enterprise.attention,
        "organization_id": enterprise.organization_id,
        "environment": enterprise.environment,
        "external_id": str(enterprise.external_id),
    }


def failure(error: gateway.GatewayError) -> str:
    """Its words, and what finds it at WorkOS."""
    return f"{error} (request {error.request_id})" if error.request_id else str(error)
