"""What we hold of enterprises, in words."""

from collections.abc import Iterable

from django.db.models import Q

from enterprises.models import Enterprise, parse_external_id


def describe_enterprises(ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """`enterprise acme-inc` → field → value, for organization ids and external ids."""
    wanted = list(ids)
    uuids = [parsed for one in wanted if (parsed := parse_external_id(one))]
    return {
        f"enterprise {enterprise.slug}": {
            "organization_id": enterprise.organization_id or "",
            "attention": enterprise.attention,
        }
        for enterprise in Enterprise.objects.filter(Q(organization__in=wanted) | Q(external_id__in=uuids))
    }
