"""Detect that a person's access ended, whatever ended it, and send `access_ended` once.

Actions here call `announce_access_ended` before they save or delete. The receivers in `enterprises.receivers`
announce it for rows that are saved, deleted or cascaded in any other way, in the same transaction. Bulk
updates and SQL trigger neither: the periodic job `announce_lost_access` compares the grants with the
memberships.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery

from audit.actions import Action
from audit.actor import APPLICATION, Actor
from audit.log import append_audit_entry
from enterprises.access_mails import AccessChange, Person, enqueue_access_mails
from enterprises.it_contacts import enqueue_it_contact_sync
from enterprises.models import AccessGrant, Membership, Role
from enterprises.signals import access_ended


def announce_access_ended(
    membership: Membership, *, remaining_role: str, username: str, actor: Actor, now: datetime
) -> None:
    """Announce that a membership gives less than its `role`: a lower role, or "" for none.

    Call it in the transaction of the change, with the membership as it was before.
    """
    AccessGrant.objects.update_or_create(
        enterprise_id=membership.enterprise_id,
        user_id=membership.user_id,
        defaults={"username": username, "role": remaining_role},
    )
    access_ended.send(sender=Membership, membership=membership, username=username, actor=actor, now=now)


def announce_unattributed_access_ended(
    membership: Membership, *, remaining_role: str, username: str, now: datetime
) -> bool:
    """The same for a change that no action here made, so the audit log says that access ended.

    False if it was announced already, by the action that then saves or deletes the row.
    """
    grant = (
        AccessGrant.objects.select_for_update()
        .filter(enterprise_id=membership.enterprise_id, user_id=membership.user_id)
        .first()
    )
    if grant and grant.role == remaining_role == "":
        return False
    announce_access_ended(
        membership, remaining_role=remaining_role, username=username, actor=APPLICATION, now=now
    )
    append_audit_entry(
        membership.enterprise,
        Action.ACCESS_ENDED,
        APPLICATION,
        now,
        target=username,
        outcome=f"was {membership.get_role_display()}",
    )
    enqueue_access_mails(
        membership.enterprise,
        Person(membership.user_id, username, username),
        AccessChange.DEMOTED if remaining_role else AccessChange.ENDED,
        APPLICATION,
        now,
    )
    return True


def record_grant(membership: Membership, *, username: str) -> None:
    """Record the access that a membership gives."""
    AccessGrant.objects.update_or_create(
        enterprise_id=membership.enterprise_id,
        user_id=membership.user_id,
        defaults={"username": username, "role": membership.role},
    )
    if membership.is_it_admin:
        enqueue_it_contact_sync(membership.enterprise)


def announce_lost_access(now: datetime, *, limit: int = 500) -> int:
    """Announce access lost by a bulk update or by SQL; a periodic job. Returns how many it announced."""
    _record_missing_grants()
    lost = (
        AccessGrant.objects.annotate(live_role=_live_role())
        .exclude(role="")
        .filter(Q(live_role=None) | ~Q(live_role=F("role")))
        .values_list("pk", flat=True)[:limit]
    )
    return sum(_announce_if_lost(pk, now) for pk in list(lost))


@transaction.atomic
def _announce_if_lost(grant_id: int, now: datetime) -> bool:
    grant = (
        AccessGrant.objects.select_for_update().annotate(live_role=_live_role()).filter(pk=grant_id).first()
    )
    if grant is None:
        return False
    live_role: str = grant.live_role or ""
    if grant.role in ("", live_role):
        return False
    membership = Membership(enterprise=grant.enterprise, user_id=grant.user_id, role=grant.role)
    if grant.role == Role.MEMBER and live_role == Role.IT_ADMIN:
        # A promotion takes nothing away.
        membership.role = live_role
        record_grant(membership, username=grant.username)
        return False
    return announce_unattributed_access_ended(
        membership, remaining_role=live_role, username=grant.username, now=now
    )


def _live_role() -> Subquery:
    return Subquery(
        Membership.objects.filter(
            enterprise=OuterRef("enterprise"), user=OuterRef("user_id"), user__is_active=True
        ).values("role")[:1]
    )


def _record_missing_grants() -> None:
    """Grants for memberships that a bulk insert or SQL added, or that count again after a reactivation."""
    grants = AccessGrant.objects.filter(enterprise=OuterRef("enterprise"), user_id=OuterRef("user"))
    missing = (
        Membership.objects.annotate(granted_role=Subquery(grants.values("role")[:1]))
        .filter(Q(granted_role=None) | Q(granted_role=""), user__is_active=True)
        .select_related("user")
    )
    for membership in missing:
        record_grant(membership, username=membership.user.get_username())
