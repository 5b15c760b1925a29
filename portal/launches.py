"""A button becomes a five-minute link becomes a redirect."""

import uuid
from collections import Counter
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse

import gateway
from enterprises import history
from enterprises.environments import organization_of
from enterprises.intents import Intent
from enterprises.models import Enterprise, Membership
from portal import limits
from portal.models import PortalSession

Outcome = PortalSession.Outcome


def launch(
    membership: Membership,
    intent: Intent,
    *,
    nonce: uuid.UUID,
    reference: str,
    client_address: str | None,
    now: datetime,
) -> str:
    """Mint a Portal Link for this IT admin and write down the visit. Use the link at once; keep no copy.

    Raises limits.TooOften (nothing was asked), gateway.Refused or Unavailable. The history says each.
    """
    try:
        session = _begin(
            membership, intent, nonce=nonce, reference=reference, client_address=client_address, now=now
        )
    except limits.TooOften:
        _tell_of_too_many(membership, intent, client_address=client_address, now=now)
        raise
    try:
        link = _mint(session)
    except gateway.GatewayError as error:
        kind = Outcome.REFUSED if isinstance(error, gateway.Refused) else Outcome.UNAVAILABLE
        _end(session, kind, client_address, now)
        raise
    _end(session, Outcome.OPENED, client_address, now)
    return link


def _begin(
    membership: Membership,
    intent: Intent,
    *,
    nonce: uuid.UUID,
    reference: str,
    client_address: str | None,
    now: datetime,
) -> PortalSession:
    """Write down the visit before WorkOS is asked.

    `nonce` comes with the form: pressed twice without a script, the button begins the same visit again, and
    the second link replaces the first, which the browser has thrown away.
    """
    enterprise, user = membership.enterprise, membership.user
    with transaction.atomic():
        # Two at once would both pass the limit.
        Enterprise.objects.select_for_update(no_key=True).get(pk=enterprise.pk)
        again = PortalSession.objects.filter(
            nonce=nonce, enterprise=enterprise, user=user, intent=intent, launched_at__gt=now - limits.WINDOW
        ).first()
        limits.check(
            "asked for the Admin Portal",
            enterprise,
            user.pk,
            PortalSession.objects.filter(enterprise=enterprise, launched_at__gt=now - limits.WINDOW),
            at="launched_at",
            who="user_id",
            times="presses",
            now=now,
        )
        if again and again.returned_at is None and again.finished_at is None:
            again.presses += 1
            again.save(update_fields=["presses"])
            return again
        taken = PortalSession.objects.filter(nonce=nonce).exists()
        return PortalSession.objects.create(
            nonce=uuid.uuid4() if taken else nonce,
            enterprise=enterprise,
            user=user,
            intent=intent,
            reference=reference,
            client_address=client_address,
            launched_at=now,
        )


def _mint(session: PortalSession) -> str:
    enterprise = session.enterprise
    return gateway.generate_portal_link(
        organization_id=organization_of(enterprise),
        intent=session.intent,
        success_url=_address("portal_finished", session),
        return_url=_address("portal_returned", session),
        # What makes the link and the sessions opened with it revocable when this person leaves.
        external_user_id=str(session.user_id),
    )


def _end(session: PortalSession, outcome: Outcome, client_address: str | None, now: datetime) -> None:
    reference = "" if outcome == Outcome.OPENED else f" ({session.reference})"
    with transaction.atomic():
        session.outcome = outcome
        session.save(update_fields=["outcome"])
        history.record(
            session.enterprise,
            deed=history.Deed.PORTAL_OPENED,
            who=session.user or "",
            at=now,
            for_whom=session.get_intent_display(),
            client_address=client_address,
            outcome=f"{outcome.label}{reference}",
        )


_TOO_OFTEN = "Refused: too often"


def _tell_of_too_many(
    membership: Membership, intent: Intent, *, client_address: str | None, now: datetime
) -> None:
    """Once for a person in the limits' time: nobody can fill the history, which is never emptied."""
    told = history.of(membership.enterprise).filter(
        at__gt=now - limits.WINDOW, who=history.named(membership.user), outcome=_TOO_OFTEN
    )
    if not told.exists():
        history.record(
            membership.enterprise,
            deed=history.Deed.PORTAL_OPENED,
            who=membership.user,
            at=now,
            for_whom=intent.label,
            client_address=client_address,
            outcome=_TOO_OFTEN,
        )


# Beyond the gateway's time-out, by when every launch has ended that still can.
_MARGIN = timedelta(seconds=30)


def end_cut_off(*, now: datetime, size: int = 100) -> Counter[str]:
    """Say in the history what became of launches whose process was killed; for the worker, often."""
    before = now - timedelta(seconds=settings.WORKOS_TIMEOUT) - _MARGIN
    with transaction.atomic():
        cut_off = list(
            PortalSession.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(outcome=Outcome.ASKED, launched_at__lt=before)
            .select_related("enterprise", "user")
            .order_by("launched_at")[:size]
        )
        for session in cut_off:
            _end(session, Outcome.CUT_OFF, session.client_address, session.launched_at)
    return +Counter({"launches cut off": len(cut_off)})


def _address(name: str, session: PortalSession) -> str:
    return f"{settings.SITE_URL}{reverse(name, args=[session.enterprise.slug, session.nonce])}"
