"""Compare an enterprise's organization, domains, connections and directories with the API, and write what is
newer there: the worker's task and `manage.py reconcile`. Its people: `enterprises.people_reconcile`.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

import gateway
from audit.actor import WORKOS
from enterprises.consequences import record_consequences
from enterprises.environment import require_organization_id
from enterprises.models import Enterprise
from enterprises.models.customers import EnterpriseQuerySet
from enterprises.tasks import TaskKind
from mirror import reconcile
from mirror.organizations import update_names
from mirror.parsing import parse_organization
from mirror.upsert import upsert
from outbox import queue
from outbox.models import Task
from outbox.queue import NewTask

# What an admin changes at their provider appears a little later.
RECHECK_DELAY = timedelta(seconds=20)
# The periodic tasks are spread over this time, so that a task that a person waits for does not run last.
_SPREAD = timedelta(hours=1)


@dataclass
class ReconcileReport:
    """What differs from the API, in words with ids, and what could not be compared or used."""

    differences: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def enqueue_reconcile(enterprise: Enterprise) -> None:
    """Have the worker reconcile soon. Enqueued twice before that, it runs once."""
    queue.enqueue(TaskKind.RECONCILE, enterprise.external_id)


def enqueue_reconcile_after_return(enterprise: Enterprise, *, now: datetime) -> None:
    """Have the worker reconcile at once, and again after RECHECK_DELAY."""
    enqueue_reconcile(enterprise)
    queue.enqueue(TaskKind.RECONCILE, enterprise.external_id, key="recheck", due_at=now + RECHECK_DELAY)


def enqueue_all(now: datetime) -> int:
    """Have the worker reconcile every enterprise within an hour. Returns how many."""
    external_ids = list(find_reconcilable().values_list("external_id", flat=True))
    step = _SPREAD / max(1, len(external_ids))
    queue.enqueue_all(
        NewTask(TaskKind.RECONCILE, external_id, key="periodic", due_at=now + step * place)
        for place, external_id in enumerate(external_ids)
    )
    return len(external_ids)


def find_reconcilable() -> EnterpriseQuerySet:
    """The enterprises whose organization exists, and belongs to the environment of our API key."""
    ready: EnterpriseQuerySet = Enterprise.objects.in_state(Enterprise.Provisioning.READY)
    return ready.filter(environment__in=["", gateway.get_environment()]).order_by("slug")


def run_reconcile(enterprise: Enterprise, task: Task, now: datetime) -> None:
    reconcile_enterprise(enterprise, now=now)


def reconcile_enterprise(enterprise: Enterprise, *, now: datetime, writes: bool = True) -> ReconcileReport:
    """Compare with what WorkOS lists now and, if it `writes`, write it. Repeating is harmless.

    No transaction is open across the network. Raises gateway.Refused or gateway.Unavailable; what was read
    until then is kept, and `reconciled_at` stays.
    """
    report = ReconcileReport()
    if not enterprise.organization_id or enterprise.organization_deleted_at or enterprise.deprovisioned_at:
        return report
    organization = gateway.get_organization(require_organization_id(enterprise))
    _compare_organization(enterprise, organization, report, now, writes=writes)
    for listed in reconcile.observe_organization(organization, now=now):
        comparison = reconcile.compare(listed)
        with transaction.atomic():
            result = upsert(listed.kind, listed.observations)
            if writes:
                record_consequences(
                    result.changes, WORKOS, now, find_delay=lambda change: now - change.row.state_since
                )
            else:
                # The upsert itself says what it would write.
                transaction.set_rollback(True)
        report.differences += comparison.describe_differences(result)
        report.problems += listed.find_problems(result)
    if writes:
        reconcile.mark_reconciled(organization.organization_id, problems=report.problems, now=now)
    return report


def _compare_organization(
    enterprise: Enterprise,
    organization: gateway.Organization,
    report: ReconcileReport,
    now: datetime,
    *,
    writes: bool,
) -> None:
    place = f"organization {organization.organization_id}"
    if organization.external_id and organization.external_id != str(enterprise.external_id):
        report.problems.append(f"{place}: its external_id is not that of {enterprise.slug}")
    # Without a time of its own, it is so now.
    data = {
        "id": organization.organization_id,
        "name": organization.name,
        "updated_at": organization.updated_at or None,
    }
    observed = parse_organization(data, happened_at=now, latest=now)
    report.problems += observed.problems
    held = enterprise.organization.name if enterprise.organization else ""
    if not observed.name or observed.name == held:
        return
    is_written = writes and bool(update_names([(observed.organization_id, observed.name, observed.as_of)]))
    kept = " (kept: ours is as new)" if writes and not is_written else ""
    report.differences.append(f"{place}: name {held or 'blank'} → {observed.name}{kept}")
