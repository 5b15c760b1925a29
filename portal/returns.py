"""Return from the Admin Portal: a reason to reconcile, but no proof, because anyone can open the URL.

Each return counts once per portal session, so opening the URL again causes no calls to WorkOS.
"""

import uuid
from datetime import datetime

from django.db import transaction

from audit.actions import Action
from audit.actor import Actor
from audit.log import append_audit_entry
from enterprises.models import Membership
from enterprises.reconcile import enqueue_reconcile_after_return
from portal.models import PortalSession


@transaction.atomic
def mark_returned(membership: Membership, nonce: uuid.UUID, actor: Actor, now: datetime) -> None:
    """Save that the person left the Admin Portal by its link back to us, and enqueue a reconcile."""
    session = _lock_session(membership, nonce, returned_at=None)
    if session:
        session.returned_at = now
        session.save(update_fields=["returned_at"])
        enqueue_reconcile_after_return(membership.enterprise, now=now)
        _append_entry(session, Action.PORTAL_RETURNED, actor, now)


@transaction.atomic
def mark_finished(membership: Membership, nonce: uuid.UUID, actor: Actor, now: datetime) -> None:
    """Save that WorkOS sent the person to the success URL, and enqueue a reconcile."""
    session = _lock_session(membership, nonce, finished_at=None)
    if session:
        session.finished_at = now
        session.save(update_fields=["finished_at"])
        enqueue_reconcile_after_return(membership.enterprise, now=now)
        _append_entry(session, Action.PORTAL_FINISHED, actor, now)


def _append_entry(session: PortalSession, action: Action, actor: Actor, now: datetime) -> None:
    append_audit_entry(
        session.enterprise,
        action,
        actor,
        now,
        target=session.get_intent_display(),
        session=str(session.nonce),
    )


def _lock_session(membership: Membership, nonce: uuid.UUID, **unset: None) -> PortalSession | None:
    return (
        PortalSession.objects.select_for_update(of=("self",))
        .select_related("enterprise")
        .filter(enterprise=membership.enterprise, user=membership.user, nonce=nonce, **unset)
        .first()
    )
