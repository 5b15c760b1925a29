"""The organization id to call WorkOS with, checked against the environment of our API key."""

import gateway
from enterprises.models import Enterprise


def require_organization_id(enterprise: Enterprise) -> str:
    """The organization_id. Raises gateway.Refused, before any call, if our key would not find it."""
    if enterprise.deprovisioned_at or enterprise.organization_deleted_at:
        raise gateway.Refused(f"{enterprise.name} was removed in WorkOS.")
    if not enterprise.organization_id:
        raise gateway.Refused(f"{enterprise.name} is not set up in WorkOS yet.")
    require_same_environment(enterprise)
    return enterprise.organization_id


def require_same_environment(enterprise: Enterprise) -> None:
    """Raise gateway.Refused if the organization belongs to the environment of another key."""
    ours = gateway.get_environment()
    if enterprise.environment and enterprise.environment != ours:
        raise gateway.Refused(
            f"{enterprise.name} belongs to the {enterprise.environment} environment of WorkOS, and "
            f"WORKOS_API_KEY is a key of the {ours} environment. No request was sent."
        )
