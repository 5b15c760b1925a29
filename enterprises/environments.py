"""The id to speak to WorkOS with."""

import gateway
from enterprises.models import Enterprise


def organization_of(enterprise: Enterprise) -> str:
    """Its organization_id. Raises gateway.Refused, before any call, when our key would not find it there."""
    if enterprise.deprovisioned_at or enterprise.organization_deleted_at:
        raise gateway.Refused(f"{enterprise.name} was removed at WorkOS.")
    if not enterprise.organization_id:
        raise gateway.Refused(f"{enterprise.name} is not set up at WorkOS yet.")
    refuse_another(enterprise)
    return enterprise.organization_id


def refuse_another(enterprise: Enterprise) -> None:
    """Raises gateway.Refused when its organization belongs to the environment of another key."""
    ours = gateway.get_environment()
    if enterprise.environment and enterprise.environment != ours:
        raise gateway.Refused(
            f"{enterprise.name} belongs to WorkOS’s {enterprise.environment} environment, and WORKOS_API_KEY "
            f"is a key of the {ours} one: nothing was asked."
        )
