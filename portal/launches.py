"""Launch the Admin Portal: a pressed button becomes a five-minute Portal Link and a redirect."""

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils.translation import gettext as _

import gateway
from audit.actions import Action
from audit.actor import Actor
from audit.log import append_audit_entry, audit_entries_for
from enterprises import conf
from enterprises.access import lock_membership_for_it_admin
from enterprises.environment import require_organization_id
from enterprises.failures import record_failure
from enterprises.intents import Intent
from enterprises.locks import limited_lock_waits
from enterprises.models import Enterprise, Failure, Membership
from enterprises.rate_limits import TIME, WINDOW, RateLimited, check_rate_limit
from gateway.conf import timeout as gateway_timeout
from portal.models import PortalSession
from portal.models import PortalSessionOutcome as Outcome


def launch(membership: Membership, intent: Intent, actor: Actor, now: datetime, *, nonce: uuid.UUID) -> str:
    """Mint a Portal Link for this IT admin. Redirect to it at once and keep no copy.

    `nonce` comes from the button's form. Raises RateLimited before WorkOS is called, or gateway.Refused or
    gateway.Unavailable, whose cause is stored with the portal session. The audit log has an entry for each.
    Raises Http404 or PermissionDenied when the person has just lost the right to it.
    """
    try:
        session = _begin_session(membership, intent, actor, now, nonce=nonce)
    except RateLimited:
        _audit_rate_limited(membership.enterprise, intent, actor, now)
        raise
    try:
        link = _mint_link(session)
    except gateway.GatewayError as error:
        _fail_launch(session, error, actor, now)
        raise
    _end_launch(session, Outcome.OPENED, actor, now)
    return link


def _begin_session(
    membership: Membership, intent: Intent, actor: Actor, now: datetime, *, nonce: uuid.UUID
) -> PortalSession:
    """Save the portal session before WorkOS is called.

    A button pressed twice without JavaScript sends the same nonce twice: the second link then belongs to the
    same session and replaces the first, which the browser has dropped.
    """
    with limited_lock_waits():
        # Without the lock a button pressed twice would be two sessions, and a person could lose the right
        # while this waits: their links would have been revoked before this one is minted.
        current = lock_membership_for_it_admin(membership)
        enterprise, user = current.enterprise, current.user
        existing = PortalSession.objects.filter(
            nonce=nonce, enterprise=enterprise, user=user, intent=intent, launched_at__gt=now - WINDOW
        ).first()
        # Only links that WorkOS gave count: otherwise trying again in an outage would lock a person out.
        check_rate_limit(
            enterprise,
            user.pk,
            PortalSession.objects.filter(enterprise=enterprise, launched_at__gt=now - WINDOW, links__gt=0),
            at_field="launched_at",
            user_field="user_id",
            count_field="links",
            retry=_("You can open the Admin Portal again at %(time)s.") % {"time": TIME},
            now=now,
        )
        if existing and existing.returned_at is None and existing.finished_at is None:
            return existing
        is_taken = PortalSession.objects.filter(nonce=nonce).exists()
        return PortalSession.objects.create(
            nonce=uuid.uuid4() if is_taken else nonce,
            enterprise=enterprise,
            user=user,
            intent=intent,
            client_ip=actor.client_ip,
            launched_at=now,
        )


def _mint_link(session: PortalSession) -> str:
    return gateway.generate_portal_link(
        organization_id=require_organization_id(session.enterprise),
        intent=session.intent,
        success_url=_return_url("portal:finished", session),
        return_url=_return_url("portal:returned", session),
        # By this id the link, and the sessions opened with it, are revoked when the person loses access.
        external_user_id=str(session.user_id),
    )


def _return_url(name: str, session: PortalSession) -> str:
    return f"{conf.site_url()}{reverse(name, args=[session.enterprise.slug, session.nonce])}"


@transaction.atomic
def _fail_launch(session: PortalSession, error: gateway.GatewayError, actor: Actor, now: datetime) -> None:
    failure = record_failure(
        session.enterprise,
        Failure.Activity.PORTAL_LAUNCH,
        error,
        actor,
        now,
        target=session.get_intent_display(),
    )
    PortalSession.objects.filter(pk=session.pk).update(failure=failure, reference=error.reference)
    outcome = Outcome.REFUSED if isinstance(error, gateway.Refused) else Outcome.UNAVAILABLE
    _end_launch(session, outcome, actor, now, reference=error.reference)


def _end_launch(
    session: PortalSession, outcome: Outcome, actor: Actor, now: datetime, *, reference: str = ""
) -> None:
    session_row = PortalSession.objects.filter(pk=session.pk)
    with transaction.atomic():
        if outcome == Outcome.OPENED:
            session_row.update(outcome=outcome, links=F("links") + 1)
        else:
            # With a link from the first press, the session is open, whatever becomes of the second press.
            session_row.filter(links=0).update(outcome=outcome)
        append_audit_entry(
            session.enterprise,
            Action.PORTAL_OPENED,
            actor,
            now,
            target=session.get_intent_display(),
            outcome=f"{outcome.label} ({reference})" if reference else outcome.label,
            session=str(session.nonce),
        )


_RATE_LIMITED = "Refused: too often"


def _audit_rate_limited(enterprise: Enterprise, intent: Intent, actor: Actor, now: datetime) -> None:
    """Append one entry per person and window: the audit log is never emptied, so nobody may flood it."""
    entries = audit_entries_for(enterprise).filter(
        at__gt=now - WINDOW, actor=actor.name, outcome=_RATE_LIMITED
    )
    if not entries.exists():
        append_audit_entry(
            enterprise, Action.PORTAL_OPENED, actor, now, target=str(intent.label), outcome=_RATE_LIMITED
        )


# Added to the gateway's time-out, so that no launch that is still under way counts as interrupted.
_INTERRUPTED_AFTER = timedelta(seconds=30)
_BATCH_SIZE = 100


def end_interrupted_launches(now: datetime) -> int:
    """End the launches whose process was killed, and add them to the audit log. Returns how many."""
    before = now - timedelta(seconds=gateway_timeout()) - _INTERRUPTED_AFTER
    with transaction.atomic():
        interrupted = list(
            PortalSession.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(outcome=Outcome.REQUESTED, launched_at__lt=before)
            .select_related("enterprise", "user")
            .order_by("launched_at")[:_BATCH_SIZE]
        )
        for session in interrupted:
            _end_launch(session, Outcome.INTERRUPTED, _launched_by(session), session.launched_at)
    return len(interrupted)


def _launched_by(session: PortalSession) -> Actor:
    if session.user is None:
        return Actor("", session.client_ip)
    return Actor.from_user(session.user, client_ip=session.client_ip)
