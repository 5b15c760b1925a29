"""What the commands of the enterprises report."""

from typing import Any

from django.core.management.base import CommandError

from enterprises.models import Enterprise


def get_enterprise(slug: str) -> Enterprise:
    """Raises CommandError if there is none."""
    try:
        return Enterprise.objects.select_related("organization").get(slug=slug)
    except Enterprise.DoesNotExist:
        raise CommandError(
            f"There is no enterprise with the slug {slug}. `manage.py list_enterprises` shows them."
        ) from None


def build_enterprise_report(enterprise: Enterprise) -> dict[str, Any]:
    return {
        "slug": enterprise.slug,
        "name": enterprise.name,
        "state": enterprise.provisioning.value,
        "attention": enterprise.attention,
        "organization_id": enterprise.organization_id,
        "environment": enterprise.environment,
        "external_id": str(enterprise.external_id),
        "organization_deleted_at": enterprise.organization_deleted_at,
        "deprovisioned_at": enterprise.deprovisioned_at,
    }
