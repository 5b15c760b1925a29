"""Link an Organization that was created in the WorkOS Dashboard to an enterprise."""

from datetime import datetime

import gateway
from audit.actions import Action
from audit.actor import Actor
from enterprises.models import Enterprise
from enterprises.provisioning import adopt_organization


class NotLinkable(Exception):
    """The organization cannot be linked. The message says why."""


def find_linkable_organization(organization_id: str, slug: str) -> gateway.Organization:
    """The organization, if it may be linked to the enterprise `slug`, so that its name can be shown.

    Raises NotLinkable, gateway.Refused or gateway.Unavailable.
    """
    owner = Enterprise.objects.filter(organization=organization_id).first()
    if owner and owner.slug != slug:
        raise NotLinkable(f"{organization_id} is linked to {owner.name} ({owner.slug}).")
    enterprise = Enterprise.objects.filter(slug=slug).first()
    if enterprise and enterprise.deprovisioned_at:
        raise NotLinkable(f"{enterprise.name} was deprovisioned. Choose another slug.")
    if enterprise and enterprise.organization_id not in (None, organization_id):
        raise NotLinkable(f"{enterprise.name} already has an organization: {enterprise.organization_id}.")
    organization = gateway.get_organization(organization_id)
    ours = str(enterprise.external_id) if enterprise else ""
    if organization.external_id not in ("", ours):
        raise NotLinkable(
            f"{organization.name} has the external id {organization.external_id}, which is not ours. "
            "Clear it in the WorkOS Dashboard if you are sure."
        )
    return organization


def link_organization(
    enterprise: Enterprise, organization: gateway.Organization, actor: Actor, now: datetime
) -> Enterprise:
    """Set our external id on the organization and keep its id. Repeating is harmless.

    After a crash in between, the organization.updated event or a second call completes it.

    Raises NotLinkable when the enterprise got another organization in the meantime, and gateway errors.
    """
    claimed = gateway.set_external_id(organization.organization_id, external_id=str(enterprise.external_id))
    adopt_organization(
        organization_id=claimed.organization_id,
        external_id=str(enterprise.external_id),
        name=claimed.name,
        as_of=now,
        actor=actor,
        now=now,
        action=Action.LINKED,
    )
    enterprise.refresh_from_db()
    if enterprise.organization_id != organization.organization_id:
        raise NotLinkable(f"{enterprise.name} now has another organization: {enterprise.organization_id}.")
    return enterprise
