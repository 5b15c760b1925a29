"""Retry outbox tasks as a person: the audit log of their customers says who did it."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from audit.actions import Action
from audit.actor import Actor
from audit.log import append_audit_entries, build_audit_entry
from enterprises.models import Enterprise
from outbox import queue
from outbox.models import Task
from webhooks.staff_actions import NoCustomer


@transaction.atomic
def retry_tasks_as(tasks: QuerySet[Task], actor: Actor, now: datetime) -> int:
    """Make tasks due at once, with an audit entry for each. Returns how many: see `queue.retry_now`."""
    retried = queue.retry_now(tasks, now)
    found = Enterprise.objects.filter(external_id__in={task.subject for task in retried})
    customers = {one.external_id: one for one in found}
    append_audit_entries(
        build_audit_entry(
            customers.get(task.subject) or NoCustomer(),
            Action.TASK_RETRIED,
            actor,
            now,
            target=task.key,
            outcome=task.label,
        )
        for task in retried
    )
    return len(retried)
