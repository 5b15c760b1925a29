"""Mails to the IT admins about changes that they must not miss.

A notification is a task, enqueued with the change. The worker splits it into one task for each recipient, so
that a refused address or a retry concerns one person only. A `Notification` row keeps it from being sent
twice. Who made a change at WorkOS is not said: its events do not tell.
"""

import math
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from enterprises import access, conf, preferences
from enterprises.mail import (
    Mail,
    build_enterprise_url,
    build_facts,
    build_subject,
    format_time,
    send_mail,
)
from enterprises.models import Enterprise, Notification, NotificationKind
from enterprises.tasks import TaskKind
from mirror.models import Certificate, CertificateState, Connection, ConnectionState
from mirror.registry import MIRRORED
from mirror.upsert import Change
from outbox import queue
from outbox.models import Task
from outbox.queue import NewTask

# Days before a certificate expires. If we learn of it late, only the nearest reminder is sent.
REMINDER_DAYS = (60, 30, 14, 7, 1, 0)
# Reminders this early can be turned off.
_EARLY_DAYS = (60, 30)

_NOTIFIED_KINDS = ("connection", "directory")
_NOTIFIED_STATES = ("active", "inactive", "invalid_credentials", "deleted")

# What a connection type begins with, and the name that people know.
_IDENTITY_PROVIDERS = {
    "ADFS": "AD FS",
    "Azure": "Entra ID",
    "EntraId": "Entra ID",
    "Google": "Google",
    "JumpCloud": "JumpCloud",
    "Okta": "Okta",
    "OneLogin": "OneLogin",
    "PingFederate": "PingFederate",
    "PingOne": "PingOne",
}


def build_task(
    enterprise: Enterprise, change: Change, now: datetime, *, is_late: bool = False
) -> NewTask | None:
    """The task that notifies people of a change, or None if nobody has to know.

    A change that we learn of too late is not mailed. A certificate still expires: the next reminder is sent.
    """
    if isinstance(change.row, Certificate):
        # Also when its state did not change: it may have got another date. Each date is mailed once.
        if change.row.state != CertificateState.RENEWAL_REQUIRED:
            return None
        if is_late:
            return _build_next_reminder(enterprise, change.row.key, change.row.expires_at, now)
        return NewTask(TaskKind.REMIND_OF_CERTIFICATE, enterprise.external_id, key=change.row.key, due_at=now)
    is_notified = change.kind in _NOTIFIED_KINDS and change.row.state in _NOTIFIED_STATES
    if is_late or not (is_notified and change.is_change_of_state):
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
    kind, state = arguments["kind"], arguments["state"]
    mirrored = MIRRORED[kind]
    row: Any = mirrored.model._default_manager.get(**{mirrored.key_field: arguments["id"]})
    since = datetime.fromisoformat(arguments["since"])
    is_optional = (kind, state) == ("directory", "active")
    if isinstance(row, Connection):
        provider = _find_identity_provider(row.connection_type)
        subject, heading, explanation = _describe_connection(state, enterprise, provider)
    else:
        subject, heading, explanation = _describe_directory(state, enterprise)
    facts = build_facts(None, since)
    if row.name:
        facts.append((_("Connection") if kind == "connection" else _("Directory"), row.name))
    mail = Mail(
        subject=build_subject(subject, enterprise.name),
        heading=heading,
        paragraphs=[
            explanation,
            _("If you or a colleague did this, no action is needed. If not, contact support."),
        ],
        facts=facts,
        button=_("Review single sign-on") if kind == "connection" else _("Review directory sync"),
        url=build_enterprise_url(enterprise),
        reason=_explain_it_admin(enterprise),
        is_optional=is_optional,
    )
    about = f"{arguments['id']} {state} {since.isoformat()}"
    preference = NotificationKind.DIRECTORY_ACTIVE.value if is_optional else ""
    _enqueue_mails(enterprise, task, about=about, mail=mail, preference=preference)


def _find_identity_provider(connection_type: str) -> str:
    """`OktaSAML` → `Okta`; blank for a type that we do not know."""
    for prefix, name in _IDENTITY_PROVIDERS.items():
        if connection_type.startswith(prefix):
            return name
    return ""


def _describe_connection(state: str, enterprise: Enterprise, provider: str) -> tuple[str, str, str]:
    """What happened, the same as a sentence, and what it means."""
    names = {"enterprise": enterprise.name, "provider": provider or _("single sign-on")}
    if state == "active":
        subject = _("Single sign-on is active")
        heading = _("Single sign-on of %(enterprise)s is active")
        explanation = _("People can now sign in with %(provider)s.")
    elif state == "deleted":
        subject = _("Single sign-on was removed")
        heading = _("Single sign-on of %(enterprise)s was removed")
        explanation = _("Nobody can sign in with %(provider)s. To use it again, set up a new connection.")
    else:
        subject = _("Single sign-on was turned off")
        heading = _("Single sign-on of %(enterprise)s was turned off")
        explanation = _("Nobody can sign in with %(provider)s until it's turned on again.")
    return subject, heading % names, explanation % names


def _describe_directory(state: str, enterprise: Enterprise) -> tuple[str, str, str]:
    """What happened, the same as a sentence, and what it means."""
    names = {"enterprise": enterprise.name}
    if state == "active":
        subject = _("Directory sync is active")
        heading = _("Directory sync of %(enterprise)s is active")
        explanation = _("People and groups in your directory are now synced.")
    elif state == "deleted":
        subject = _("Directory sync was removed")
        heading = _("Directory sync of %(enterprise)s was removed")
        explanation = _("Changes in your directory stop arriving. To use it again, connect a new directory.")
    elif state == "inactive":
        subject = _("Directory sync was turned off")
        heading = _("Directory sync of %(enterprise)s was turned off")
        explanation = _("People and groups are kept; changes stop arriving.")
    else:
        subject = _("Directory sync needs attention")
        heading = _("Directory sync of %(enterprise)s needs attention: its credentials were rejected")
        explanation = _("People and groups are kept; changes stop arriving until you enter new credentials.")
    return subject, heading % names, explanation


def notify(enterprise: Enterprise, task: Task, now: datetime) -> None:
    arguments = task.arguments
    _enqueue_mails(
        enterprise,
        task,
        about=arguments["about"],
        mail=Mail.from_arguments(arguments["mail"]),
        excluded_user_id=arguments["excluded_user_id"],
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
    days = _count_days_left(expires_at, now)
    threshold = min((known for known in REMINDER_DAYS if known >= days), default=None)
    if threshold is not None:
        is_early = threshold in _EARLY_DAYS
        about = f"{key} certificate {expires_at.isoformat() if expires_at else '-'} {threshold}"
        _enqueue_mails(
            enterprise,
            task,
            about=about,
            mail=_build_certificate_mail(enterprise, connection, expires_at, days, now, is_optional=is_early),
            preference=NotificationKind.CERTIFICATE_EARLY.value if is_early else "",
        )
    if reminder := _build_next_reminder(enterprise, key, expires_at, now):
        queue.enqueue_all([reminder])


def _build_next_reminder(
    enterprise: Enterprise, key: str, expires_at: datetime | None, now: datetime
) -> NewTask | None:
    """The reminder after the one that is due now, or None if there is none."""
    days = _count_days_left(expires_at, now)
    later = [known for known in REMINDER_DAYS if known < days]
    if not (expires_at and later):
        return None
    return NewTask(
        TaskKind.REMIND_OF_CERTIFICATE,
        enterprise.external_id,
        key=f"{key} {expires_at:%Y-%m-%d} {max(later)}",
        due_at=expires_at - timedelta(days=max(later)),
    )


def _count_days_left(expires_at: datetime | None, now: datetime) -> int:
    return math.ceil((expires_at - now) / timedelta(days=1)) if expires_at else 0


def _build_certificate_mail(
    enterprise: Enterprise,
    connection: Connection | None,
    expires_at: datetime | None,
    days: int,
    now: datetime,
    *,
    is_optional: bool,
) -> Mail:
    names = {"enterprise": enterprise.name, "days": days}
    if expires_at is None:
        subject = _("Certificate must be renewed")
        heading = _("The single sign-on certificate of %(enterprise)s must be renewed")
    elif expires_at <= now:
        subject = _("Certificate has expired")
        heading = _("The single sign-on certificate of %(enterprise)s has expired")
    elif days == 1:
        subject = _("Certificate expires within a day")
        heading = _("The single sign-on certificate of %(enterprise)s expires within a day")
    else:
        subject = ngettext(
            "Certificate expires in %(days)s day", "Certificate expires in %(days)s days", days
        )
        heading = ngettext(
            "The single sign-on certificate of %(enterprise)s expires in %(days)s day",
            "The single sign-on certificate of %(enterprise)s expires in %(days)s days",
            days,
        )
    has_expired = expires_at is not None and expires_at <= now
    consequence = (
        _("Nobody can sign in with single sign-on until it's renewed.")
        if has_expired
        else _("After that, nobody can sign in with single sign-on.")
    )
    facts = [(_("Expired") if has_expired else _("Expires"), format_time(expires_at))] if expires_at else []
    if connection and connection.name:
        facts.append((_("Connection"), connection.name))
    return Mail(
        subject=build_subject(subject % names, enterprise.name),
        heading=heading % names,
        paragraphs=[
            *([consequence] if expires_at else []),
            _("Renewing takes about five minutes. You'll need admin access to your identity provider."),
        ],
        facts=facts,
        button=_("Renew certificate"),
        url=build_enterprise_url(enterprise),
        reason=_explain_it_admin(enterprise),
        is_optional=is_optional,
    )


def enqueue_notification(
    enterprise: Enterprise, mail: Mail, *, about: str, excluded_user_id: int | None = None
) -> None:
    """Mail the IT admins, whatever their preferences. Call this in the transaction of the change.

    `about` names the change: each is mailed once. `mail` holds no secrets: staff see the task.
    """
    queue.enqueue(
        TaskKind.NOTIFY,
        enterprise.external_id,
        key=about,
        arguments={
            "about": about,
            "mail": mail.as_arguments(),
            "excluded_user_id": excluded_user_id,
        },
    )


def build_it_admin_mail(
    enterprise: Enterprise, *, subject: str, heading: str, button: str, url: str = "", **parts: Any
) -> Mail:
    """A mail to the IT admins that cannot be turned off. `url`: the enterprise's page by default."""
    return Mail(
        subject=build_subject(subject, enterprise.name),
        heading=heading,
        button=button,
        url=url or build_enterprise_url(enterprise),
        reason=_explain_it_admin(enterprise),
        **{"is_optional": False, **parts},
    )


def _explain_it_admin(enterprise: Enterprise) -> str:
    return _("You're an IT admin of %(enterprise)s on %(product)s.") % {
        "enterprise": enterprise.name,
        "product": conf.product_name(),
    }


@transaction.atomic
def _enqueue_mails(
    enterprise: Enterprise,
    task: Task,
    *,
    about: str,
    mail: Mail,
    preference: str = "",
    excluded_user_id: int | None = None,
) -> None:
    """Enqueue one mail for each IT admin, once for each `about`."""
    _row, is_new = Notification.objects.get_or_create(
        enterprise=enterprise, about=about, defaults={"sent_at": timezone.now()}
    )
    if not is_new:
        return
    queue.enqueue_all(
        build_it_admin_task(
            enterprise, person.pk, mail, about=about, preference=preference, due_at=task.due_at
        )
        for person in access.it_admins_of(enterprise)
        if person.pk != excluded_user_id
    )


def build_it_admin_task(
    enterprise: Enterprise,
    user_id: int,
    mail: Mail,
    *,
    about: str,
    preference: str = "",
    due_at: datetime | None = None,
) -> NewTask:
    """The task that mails one IT admin, if they want mails of this kind when it runs."""
    return NewTask(
        TaskKind.SEND_NOTIFICATION,
        enterprise.external_id,
        key=f"{user_id} {about}",
        arguments={"user_id": user_id, "preference": preference, "mail": mail.as_arguments()},
        due_at=due_at,
    )


def send_notification(enterprise: Enterprise, task: Task, now: datetime) -> None:
    """Mail one IT admin, unless they are no longer one, or have turned such mails off."""
    user_id = task.arguments["user_id"]
    person = next((one for one in access.it_admins_of(enterprise) if one.pk == user_id), None)
    if person is None or not preferences.wants_notification(user_id, task.arguments["preference"]):
        return
    send_mail(person.get_username(), Mail.from_arguments(task.arguments["mail"]))


def send_to_address(enterprise: Enterprise, task: Task, now: datetime) -> None:
    """Mail a person who may have lost their access or their account: to the address that they had."""
    send_mail(task.arguments["email"], Mail.from_arguments(task.arguments["mail"]))
