"""A Portal Link for our support staff, who help an IT admin on the phone."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied
from django.urls import reverse

import gateway
from audit.actions import Action
from audit.actor import Actor
from audit.log import append_audit_entry
from enterprises import conf
from enterprises.access import can_use_intent
from enterprises.environment import require_organization_id
from enterprises.intents import Intent
from enterprises.models import Enterprise

# WorkOS's.
LIFETIME = timedelta(minutes=5)
# By this id support's links, and the sessions opened with them, can be revoked.
_SUPPORT_USER_ID = "support"


@dataclass(frozen=True)
class SupportLink:
    # A bearer secret: shown once, never stored or logged.
    url: str = field(repr=False)
    expires_at: datetime


def require_intent(enterprise: Enterprise, intent: Intent) -> str:
    """The organization's id. Raises PermissionDenied if the plan lacks the intent, or gateway.Refused."""
    if not can_use_intent(enterprise, intent):
        raise PermissionDenied(f"The plan of {enterprise.name} does not include {intent.label}.")
    return require_organization_id(enterprise)


def create_support_link(enterprise: Enterprise, intent: Intent, actor: Actor, now: datetime) -> SupportLink:
    """Mint a Portal Link. The audit log says so before anyone sees it.

    Raises PermissionDenied, gateway.Refused or gateway.Unavailable.
    """
    organization_id = require_intent(enterprise, intent)
    page = conf.staff_page_url_name() or conf.overview_url_name()
    return_url = f"{conf.site_url()}{reverse(page, args=[enterprise.slug])}"
    url = gateway.generate_portal_link(
        organization_id=organization_id,
        intent=intent.value,
        return_url=return_url,
        success_url=return_url,
        external_user_id=_SUPPORT_USER_ID,
    )
    append_audit_entry(enterprise, Action.PORTAL_LINK_CREATED, actor, now, target=str(intent.label))
    return SupportLink(url, now + LIFETIME)
