"""Turn changes in the mirror into audit entries, notifications and tasks."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from audit.actions import Action
from audit.actor import APPLICATION, Actor
from audit.log import NewEntry, append_audit_entries, build_audit_entry
from enterprises import state_notifications
from enterprises.models import Enterprise
from mirror.models import (
    Certificate,
    CertificateState,
    ConnectionState,
    DirectoryState,
    OrganizationDomainState,
)
from mirror.registry import MIRRORED
from mirror.upsert import Change
from outbox import queue

_ACTIONS: dict[tuple[str, str], Action] = {
    ("connection", ConnectionState.ACTIVE): Action.CONNECTION_ACTIVATED,
    ("connection", ConnectionState.INACTIVE): Action.CONNECTION_DEACTIVATED,
    ("connection", ConnectionState.DELETED): Action.CONNECTION_REMOVED,
    ("directory", DirectoryState.ACTIVE): Action.DIRECTORY_ACTIVATED,
    ("directory", DirectoryState.INACTIVE): Action.DIRECTORY_DEACTIVATED,
    ("directory", DirectoryState.DELETED): Action.DIRECTORY_REMOVED,
    ("certificate", CertificateState.RENEWED): Action.CERTIFICATE_RENEWED,
    ("organization_domain", OrganizationDomainState.VERIFIED): Action.DOMAIN_VERIFIED,
    ("organization_domain", OrganizationDomainState.FAILED): Action.DOMAIN_VERIFICATION_FAILED,
}


# A change that we learn of later than this after it happened sends no mail: it is no news.
LONGEST_MAIL_DELAY = timedelta(hours=24)


def _no_delay(change: Change) -> timedelta:
    return timedelta(0)


def record_consequences(
    changes: Sequence[Change],
    actor: Actor,
    now: datetime,
    *,
    find_delay: Callable[[Change], timedelta] = _no_delay,
) -> None:
    """Save the audit entries and tasks that follow from `changes`, in the transaction that made them.

    Audit entries and state notifications follow a change of state, and nothing else; but each warning of a
    certificate has an entry. `find_delay`: how long after a change happened we learned of it.
    """
    if not changes:
        return
    enterprises = {
        enterprise.organization_id: enterprise
        for enterprise in Enterprise.objects.filter(
            organization__in={change.row.organization_id for change in changes}
        )
    }
    entries, tasks = [], []
    for change in changes:
        enterprise = enterprises.get(change.row.organization_id)
        if enterprise is None:
            continue
        is_late = find_delay(change) > LONGEST_MAIL_DELAY
        if task := state_notifications.build_task(enterprise, change, now, is_late=is_late):
            tasks.append(task)
        action = _ACTIONS.get((change.kind, change.row.state))
        if action and change.is_change_of_state:
            target = MIRRORED[change.kind].describe(change.row)
            entries.append(build_audit_entry(enterprise, action, actor, change.row.as_of, target=target))
        if isinstance(change.row, Certificate) and change.row.state == CertificateState.RENEWAL_REQUIRED:
            entries.append(_build_certificate_warning(enterprise, change.row, now))
    append_audit_entries(entries)
    queue.enqueue_all(tasks)


def _build_certificate_warning(enterprise: Enterprise, certificate: Certificate, now: datetime) -> NewEntry:
    """`Certificate expires` · `in 14 days, on 9 December 2026`"""
    expires_at = certificate.expires_at
    outcome = "date unknown"
    if expires_at:
        days = max(0, math.ceil((expires_at - now) / timedelta(days=1)))
        outcome = f"in {days} {'day' if days == 1 else 'days'}, on {expires_at:%-d %B %Y}"
    return build_audit_entry(
        enterprise,
        Action.CERTIFICATE_EXPIRES,
        APPLICATION,
        now,
        target=certificate.connection_id,
        outcome=outcome,
    )
