"""Compare an enterprise's connections, directories and domains with the API, in the worker."""

from datetime import datetime, timedelta

from django.db import transaction

from audit.actor import WORKOS
from enterprises.consequences import record_consequences
from enterprises.environment import require_organization_id
from enterprises.models import Enterprise
from enterprises.tasks import TaskKind
from mirror import reconcile
from mirror.upsert import upsert
from outbox import queue
from outbox.models import Task

# What an admin changes at their provider appears a little later.
RECHECK_DELAY = timedelta(seconds=20)


def enqueue_reconcile(enterprise: Enterprise) -> None:
    """Have the worker reconcile soon. Enqueued twice before that, it runs once."""
    queue.enqueue(TaskKind.RECONCILE, enterprise.external_id)


def enqueue_reconcile_after_return(enterprise: Enterprise, *, now: datetime) -> None:
    """Have the worker reconcile at once, and again after RECHECK_DELAY."""
    enqueue_reconcile(enterprise)
    queue.enqueue(TaskKind.RECONCILE, enterprise.external_id, key="recheck", due_at=now + RECHECK_DELAY)


def run_reconcile(enterprise: Enterprise, task: Task, now: datetime) -> None:
    reconcile_enterprise(enterprise, now=now)


def reconcile_enterprise(enterprise: Enterprise, *, now: datetime) -> None:
    """Write what WorkOS lists now of connections, directories and domains. Repeating is harmless.

    No transaction is open across the network. Raises gateway.Refused or gateway.Unavailable; what was read
    until then is kept, and `reconciled_at` stays.
    """
    if not enterprise.organization_id or enterprise.organization_deleted_at or enterprise.deprovisioned_at:
        return
    organization_id = require_organization_id(enterprise)
    problems: list[str] = []
    for listed in reconcile.observe_organization(organization_id, now=now):
        with transaction.atomic():
            result = upsert(listed.kind, listed.observations)
            record_consequences(
                result.changes, WORKOS, now, find_delay=lambda change: now - change.row.state_since
            )
        problems += listed.find_problems(result)
    reconcile.mark_reconciled(organization_id, problems=problems, now=now)
