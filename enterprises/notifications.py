"""Mails to the IT admins about changes that they must not miss.

A notification is a task, enqueued with the change. The worker splits it into one task for each recipient, so
that a refused address or a retry concerns one person only. A `Notification` row keeps it from being sent
twice.
"""

import math
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from enterprises import access, conf
from enterprises.mail import send_mail
from enterprises.models import Enterprise, Notification
from enterprises.tasks import TaskKind
from mirror.models import Certificate, CertificateState, Connection, ConnectionState
from mirror.registry import MIRRORED
from mirror.upsert import Change
from outbox import queue
from outbox.models import Task
from outbox.queue import NewTask

# Days before a certificate expires. If we learn of it late, only the nearest reminder is sent.
REMINDER_DAYS = (60, 30, 14, 7, 1, 0)

_STATE_PHRASES = {
    "active": "is active",
    "inactive": "was deactivated",
    "invalid_credentials": "needs attention: its credentials are refused",
    "deleted": "was removed",
}
_TITLES = {"connection": "Single Sign-On", "directory": "Directory Sync"}
_TIME_FORMAT = "%-d %B %Y, %H:%M UTC"


def build_task(enterprise: Enterprise, change: Change, now: datetime) -> NewTask | None:
    """The task that notifies people of a change, or None if nobody has to know."""
    if isinstance(change.row, Certificate):
        # Also when its state did not change: it may have got another date. Each date is mailed once.
        if change.row.state != CertificateState.RENEWAL_REQUIRED:
            return None
        return NewTask(TaskKind.REMIND_OF_CERTIFICATE, enterprise.external_id, key=change.row.key, due_at=now)
    is_notified = change.kind in _TITLES and change.row.state in _STATE_PHRASES
    if not (is_notified and change.is_change_of_state):
        return None
    object_id = MIRRORED[change.kind].get_key(change.row)
    return NewTask(
        TaskKind.NOTIFY_STATE,
        enterprise.external_id,
        # Deactivated and activated again before the worker looks are two notifications.
        key=f"{object_id} {change.row.state}",
        arguments={
            "kind": change.kind,
            "id": object_id,
            "state": change.row.state,
            "since": change.row.state_since.isoformat(),
        },
        due_at=now,
    )


def notify_of_state(enterprise: Enterprise, task: Task, now: datetime) -> None:
    arguments = task.arguments
    kind = MIRRORED[arguments["kind"]]
    row: Any = kind.model._default_manager.get(**{kind.key_field: arguments["id"]})
    since = datetime.fromisoformat(arguments["since"])
    title, phrase = _TITLES[arguments["kind"]], _STATE_PHRASES[arguments["state"]]
    context = {
        "title": title,
        "name": row.name,
        "became": phrase,
        "state": arguments["state"],
        "at": since.strftime(_TIME_FORMAT),
    }
    about = f"{arguments['id']} {arguments['state']} {since.isoformat()}"
    subject = f"{title} of {enterprise} {phrase}"
    _enqueue_mails(enterprise, task, about=about, subject=subject, template="change", context=context)


def notify(enterprise: Enterprise, task: Task, now: datetime) -> None:
    arguments = task.arguments
    _enqueue_mails(
        enterprise,
        task,
        about=arguments["about"],
        subject=arguments["subject"],
        template=arguments["template"],
        context=arguments["context"],
    )


def remind_of_certificate(enterprise: Enterprise, task: Task, now: datetime) -> None:
    """Remind of a certificate, once per threshold, and enqueue the next reminder until it is renewed."""
    key = task.key.partition(" ")[0]
    certificate = Certificate.objects.filter(key=key, state=CertificateState.RENEWAL_REQUIRED).first()
    if certificate is None:
        return
    connection = Connection.objects.filter(connection_id=certificate.connection_id).first()
    if connection and connection.state == ConnectionState.DELETED:
        return
    expires_at = certificate.expires_at
    days = math.ceil((expires_at - now) / timedelta(days=1)) if expires_at else 0
    threshold = min((known for known in REMINDER_DAYS if known >= days), default=None)
    if threshold is not None:
        context = {
            "name": connection.name if connection else "",
            "days": days,
            "expires_at": expires_at.strftime(_TIME_FORMAT) if expires_at else "",
        }
        about = f"{key} certificate {expires_at.isoformat() if expires_at else '-'} {threshold}"
        subject = f"The certificate of {enterprise} {_expiry_phrase(expires_at, days, now)}"
        _enqueue_mails(
            enterprise, task, about=about, subject=subject, template="certificate", context=context
        )
    if expires_at and (later := [known for known in REMINDER_DAYS if known < days]):
        queue.enqueue(
            TaskKind.REMIND_OF_CERTIFICATE,
            enterprise.external_id,
            key=f"{key} {expires_at:%Y-%m-%d} {max(later)}",
            due_at=expires_at - timedelta(days=max(later)),
        )


def enqueue_notification(
    enterprise: Enterprise, *, about: str, subject: str, template: str, context: dict[str, Any]
) -> None:
    """Mail the IT admins. Call this in the transaction of the change. `context` is JSON."""
    queue.enqueue(
        TaskKind.NOTIFY,
        enterprise.external_id,
        key=about,
        arguments={"about": about, "subject": subject, "template": template, "context": context},
    )


def _expiry_phrase(expires_at: datetime | None, days: int, now: datetime) -> str:
    if expires_at is None:
        return "must be renewed"
    if expires_at <= now:
        return "has expired"
    return "expires within a day" if days == 1 else f"expires in {days} days"


@transaction.atomic
def _enqueue_mails(
    enterprise: Enterprise, task: Task, *, about: str, subject: str, template: str, context: dict[str, Any]
) -> None:
    """Enqueue one mail for each IT admin, once for each `about`."""
    _, is_new = Notification.objects.get_or_create(
        enterprise=enterprise, about=about, defaults={"sent_at": timezone.now()}
    )
    if not is_new:
        return
    queue.enqueue_all(
        NewTask(
            TaskKind.SEND_NOTIFICATION,
            enterprise.external_id,
            key=f"{person.pk} {about}",
            arguments={
                "user_id": person.pk,
                "subject": subject,
                "template": template,
                "context": context,
            },
            due_at=task.due_at,
        )
        for person in access.it_admins_of(enterprise)
    )


def send_notification(enterprise: Enterprise, task: Task, now: datetime) -> None:
    """Mail one IT admin, unless they are no longer one."""
    arguments = task.arguments
    person = next(
        (one for one in access.it_admins_of(enterprise) if one.pk == arguments["user_id"]),
        None,
    )
    if person is None:
        return
    template = arguments["template"]
    body = render_to_string(
        template if "/" in template else f"enterprises/mail/{template}.txt",
        {
            "enterprise": enterprise,
            "link": f"{conf.site_url()}{enterprise.get_absolute_url()}",
            "support_email": conf.support_email(),
            **arguments["context"],
        },
    )
    send_mail(person.get_username(), arguments["subject"], body)
