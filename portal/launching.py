"""A button becomes a five-minute link becomes a redirect."""

from datetime import datetime

from django.conf import settings
from django.urls import reverse

from enterprises import gateway
from enterprises.environments import organization_of
from enterprises.intents import Intent
from enterprises.models import Membership
from portal.models import PortalSession


def launch(
    membership: Membership,
    intent: Intent,
    *,
    client_address: str | None,
    now: datetime,
) -> str:
    """Mint a Portal Link for this IT admin and write down the visit. Use the link at once; keep no copy.

    Raises gateway.Refused or gateway.Unavailable; the visit then says so.
    """
    enterprise, user = membership.enterprise, membership.user
    session = PortalSession.objects.create(
        enterprise=enterprise, user=user, intent=intent, client_address=client_address, launched_at=now
    )
    outcome = PortalSession.Outcome.OPENED
    try:
        return gateway.generate_portal_link(
            organization_id=organization_of(enterprise),
            intent=intent.value,
            success_url=_address("portal_finished", session),
            return_url=_address("portal_returned", session),
            # What makes the link and the sessions opened with it revocable when this person leaves.
            external_user_id=str(user.pk),
        )
    except gateway.Refused:
        outcome = PortalSession.Outcome.REFUSED
        raise
    except gateway.Unavailable:
        outcome = PortalSession.Outcome.UNAVAILABLE
        raise
    finally:
        PortalSession.objects.filter(pk=session.pk).update(outcome=outcome)


def _address(name: str, session: PortalSession) -> str:
    return f"{settings.SITE_URL}{reverse(name, args=[session.enterprise.slug, session.nonce])}"
