"""Revoke the Portal Links and portal sessions of a person who is no longer an IT admin."""

from datetime import datetime, timedelta

import gateway
from audit.actions import Action
from audit.actor import APPLICATION
from audit.log import append_audit_entry
from enterprises.environment import refuse_other_environment
from enterprises.models import Enterprise
from gateway.conf import timeout as gateway_timeout
from outbox.models import Task
from outbox.queue import NewTask, enqueue_all
from portal.tasks import REVOKE_PORTAL_LINKS

# Added to the gateway's time-out: a link that was being minted by then is minted, or never will be.
_MARGIN = timedelta(seconds=5)


def enqueue_link_revocation(enterprise: Enterprise, user_id: int, username: str, now: datetime) -> None:
    """Revoke now, and a second and final time when no launch that was under way can still end.

    Call this in the transaction in which the person's role ends.
    """
    final_at = now + timedelta(seconds=gateway_timeout()) + _MARGIN
    enqueue_all(
        NewTask(
            REVOKE_PORTAL_LINKS,
            enterprise.external_id,
            key=f"{user_id}{' final' if is_final else ''}",
            arguments={"user_id": user_id, "username": username, "is_final": is_final},
            due_at=due_at,
        )
        for is_final, due_at in ((False, now), (True, final_at))
    )


def run_portal_link_revocation(enterprise: Enterprise, task: Task, now: datetime) -> None:
    """Repeating is harmless. The audit log gets one entry, of the first revocation."""
    if not enterprise.organization_id or enterprise.organization_deleted_at:
        return
    refuse_other_environment(enterprise)
    gateway.revoke_portal_links(
        organization_id=enterprise.organization_id, external_user_id=str(task.arguments["user_id"])
    )
    if not task.arguments["is_final"]:
        append_audit_entry(
            enterprise, Action.PORTAL_LINKS_REVOKED, APPLICATION, now, target=task.arguments["username"]
        )
