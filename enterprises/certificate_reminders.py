"""Mails before and after a single sign-on certificate expires."""

import math
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from enterprises.mail import Mail, build_enterprise_url, build_subject, format_time
from enterprises.models import Enterprise, NotificationKind
from enterprises.notifications import Notice, enqueue_mails, explain_it_admin
from enterprises.tasks import TaskKind
from mirror.models import Certificate, CertificateState, Connection, ConnectionState
from outbox import queue
from outbox.models import Task
from outbox.queue import NewTask

# Days before a certificate expires. If we learn of it late, only the nearest reminder is sent.
REMINDER_DAYS = (60, 30, 14, 7, 1, 0)
# Reminders this early can be turned off.
_EARLY_DAYS = (60, 30)


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
        mail = _build_certificate_mail(enterprise, connection, expires_at, days, now, is_optional=is_early)
        preference = NotificationKind.CERTIFICATE_EARLY.value if is_early else ""
        enqueue_mails([Notice(enterprise, about, mail, due_at=task.due_at, preference=preference)])
    if reminder := build_next_reminder(enterprise, key, expires_at, now):
        queue.enqueue_all([reminder])


def build_next_reminder(
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
        reason=explain_it_admin(enterprise),
        is_optional=is_optional,
    )
