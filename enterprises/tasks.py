"""The outbox tasks of an enterprise."""

import enum
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps

import gateway
from enterprises.models import Enterprise
from outbox.handlers import TaskFailed
from outbox.models import Task


class TaskKind(enum.StrEnum):
    PROVISION = "provision"
    RECONCILE = "reconcile"
    NOTIFY_STATE = "notify_state"
    NOTIFY = "notify"
    SEND_NOTIFICATION = "send_notification"
    SEND_TO_ADDRESS = "send_to_address"
    REMIND_OF_CERTIFICATE = "remind_of_certificate"
    RUN_PROVISIONED_HOOK = "run_provisioned_hook"
    PUSH_NAME = "push_name"
    PUSH_DOMAIN = "push_domain"
    SYNC_IT_CONTACTS = "sync_it_contacts"
    DELETE_ORGANIZATION = "delete_organization"
    SEND_INVITATION = "send_invitation"
    SEND_PASSWORD_LINK = "send_password_link"  # noqa: S105


EnterpriseTask = Callable[[Enterprise, Task, datetime], None]


def enterprise_task(function: EnterpriseTask) -> Callable[[Task, datetime], None]:
    """Adapt `function(enterprise, task, now)` for the outbox.

    A gateway error becomes a TaskFailed: its message is meant for staff and names the cause. A task of an
    enterprise that was deleted is complete.
    """

    @wraps(function)
    def run(task: Task, now: datetime) -> None:
        enterprise = (
            Enterprise.objects.select_related("organization").filter(external_id=task.subject).first()
        )
        if enterprise is None:
            return
        try:
            function(enterprise, task, now)
        except gateway.GatewayError as error:
            raise TaskFailed(error.describe(), retry_after=error.retry_after) from error

    return run


def enterprise_tasks(
    function: Callable[[Sequence[tuple[Enterprise, Task]], datetime], None],
) -> Callable[[Sequence[Task], datetime], None]:
    """Adapt `function(pairs of enterprise and task, now)` for the outbox's `run_all`."""

    @wraps(function)
    def run_all(tasks: Sequence[Task], now: datetime) -> None:
        enterprises = {
            enterprise.external_id: enterprise
            for enterprise in Enterprise.objects.select_related("organization").filter(
                external_id__in={task.subject for task in tasks}
            )
        }
        # As above, a task of an enterprise that was deleted is complete.
        function([(enterprises[task.subject], task) for task in tasks if task.subject in enterprises], now)

    return run_all
