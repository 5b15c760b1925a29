"""Revoke the Portal Links and portal sessions of a person who is no longer an IT admin."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

import gateway
from audit.actions import Action
from audit.actor import APPLICATION
from audit.log import append_audit_entry
from enterprises.environment import require_same_environment
from enterprises.models import Enterprise
from gateway.conf import timeout as gateway_timeout
from outbox import queue
from outbox.models import Task
from portal.tasks import REVOKE_PORTAL_LINKS

# Added to the gateway's time-out, so that the final revocation comes after any launch under way.
_MARGIN = timedelta(seconds=5)


def enqueue_link_revocation(enterprise: Enterprise, user_id: int, username: str, now: datetime) -> None:
    """Revoke at once, and again later: see run_portal_link_revocation.

    Call this in the transaction in which the person's role ends.
    """
    _enqueue_revocation(enterprise, user_id, username, is_final=False, due_at=now)


def _enqueue_revocation(
    enterprise: Enterprise, user_id: int, username: str, *, is_final: bool, due_at: datetime
) -> None:
    queue.enqueue(
        REVOKE_PORTAL_LINKS,
        enterprise.external_id,
        key=f"{user_id}{' final' if is_final else ''}",
        arguments={"user_id": user_id, "username": username, "is_final": is_final},
        due_at=due_at,
    )


def run_portal_link_revocation(enterprise: Enterprise, task: Task, now: datetime) -> None:
    """Revoke, and enqueue the second and final revocation for when no launch can still be under way.

    The delay starts here, after the commit that ended the role: a launch that began before that commit has
    ended when the gateway's time-out is over. Repeating is harmless. The audit log gets one entry, for the
    first revocation.
    """
    if not enterprise.organization_id or enterprise.organization_deleted_at:
        return
    require_same_environment(enterprise)
    gateway.revoke_portal_links(
        organization_id=enterprise.organization_id, external_user_id=str(task.arguments["user_id"])
    )
    if not task.arguments["is_final"]:
        user_id, username = task.arguments["user_id"], task.arguments["username"]
        final_at = timezone.now() + timedelta(seconds=gateway_timeout()) + _MARGIN
        with transaction.atomic():
            append_audit_entry(enterprise, Action.PORTAL_LINKS_REVOKED, APPLICATION, now, target=username)
            _enqueue_revocation(enterprise, user_id, username, is_final=True, due_at=final_at)
