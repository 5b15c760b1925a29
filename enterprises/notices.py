"""Mails to the IT admins: a change that nobody asked for must not pass unseen.

What is to be told is recorded as an errand with the change itself and mailed by the worker. `Notice` keeps
what was told, so that the same news from an event, a replay and the API is one mail.
"""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string
from django.utils import timezone

from enterprises import access
from enterprises.models import Certificate, Connection, Directory, Enterprise, Errand, Notice

# Days before a certificate expires. Whoever hears of it late gets the nearest one only.
THRESHOLDS = (60, 30, 14, 7, 1, 0)

_BECAME = {
    "active": "is active",
    "inactive": "was deactivated",
    "invalid_credentials": "needs attention: its credentials are refused",
    "deleted": "was removed",
}
_MODELS: dict[str, type[Connection] | type[Directory]] = {"connection": Connection, "directory": Directory}
_TITLES = {"connection": "Single Sign-On", "directory": "Directory Sync"}


def ask(rows: Iterable[Any]) -> None:
    """Have the IT admins told of those among `rows`, just written, that they must know of."""
    Errand.objects.record_all(errand for row in rows if (errand := _errand(row)))


def _errand(row: Any) -> Errand | None:
    now = timezone.now()
    if isinstance(row, Certificate):
        if not row.renewal_required:
            return None
        return Errand(kind=Errand.Kind.REMINDER, enterprise=row.enterprise, key=row.key, due_at=now)
    if not isinstance(row, Connection | Directory) or row.state not in _BECAME:
        return None
    object_id = getattr(row, row.KEY)
    return Errand(
        kind=Errand.Kind.NOTICE,
        enterprise=row.enterprise,
        # Down and up again between two looks of the worker is two things to tell.
        key=f"{object_id} {row.state}",
        arguments={
            "what": "connection" if isinstance(row, Connection) else "directory",
            "id": object_id,
            "state": row.state,
            "at": row.as_of.isoformat(),
        },
        due_at=now,
    )


def run(errand: Errand) -> None:
    """Tell of a change of state, unless that was done."""
    told = errand.arguments
    if "template" in told:
        _tell(errand.enterprise, told["about"], told["subject"], told["template"], told["context"])
        return
    model = _MODELS[told["what"]]
    row = model._default_manager.get(**{model.KEY: told["id"]})
    # The same state told again, with another name: not news.
    at = row.since.isoformat() if row.state == told["state"] and row.since else told["at"]
    context = {
        "title": _TITLES[told["what"]],
        "name": row.name,
        "became": _BECAME[told["state"]],
        "state": told["state"],
        "at": datetime.fromisoformat(at).strftime("%-d %B %Y, %H:%M UTC"),
    }
    subject = f"{context['title']} of {errand.enterprise} {context['became']}"
    _tell(errand.enterprise, f"{told['id']} {told['state']} {at}", subject, "change", context)


def remind(errand: Errand) -> None:
    """Remind of a certificate, once a threshold, and come back at the next one while it is not renewed."""
    key = errand.key.partition(" ")[0]
    certificate = Certificate.objects.filter(key=key, renewal_required=True).first()
    if certificate is None:
        return
    connection = Connection.objects.filter(connection_id=certificate.connection_id).first()
    if connection and connection.state == Connection.State.DELETED:
        return
    now, enterprise = timezone.now(), errand.enterprise
    expires_at = certificate.expires_at
    days = math.ceil((expires_at - now) / timedelta(days=1)) if expires_at else 0
    threshold = min((known for known in THRESHOLDS if known >= days), default=None)
    if threshold is not None:
        context = {
            "name": connection.name if connection else "",
            "days": days,
            "expires_at": expires_at.strftime("%-d %B %Y, %H:%M UTC") if expires_at else "",
        }
        about = f"{key} certificate {expires_at.isoformat() if expires_at else '-'} {threshold}"
        subject = f"The certificate of {enterprise} {_expires(expires_at, days, now)}"
        _tell(enterprise, about, subject, "certificate", context)
    if expires_at and (later := [known for known in THRESHOLDS if known < days]):
        Errand.objects.record(
            Errand.Kind.REMINDER,
            enterprise=enterprise,
            key=f"{key} {expires_at:%Y-%m-%d} {max(later)}",
            due_at=expires_at - timedelta(days=max(later)),
        )


def _expires(expires_at: datetime | None, days: int, now: datetime) -> str:
    if expires_at is None:
        return "must be renewed"
    if expires_at <= now:
        return "has expired"
    return "expires within a day" if days == 1 else f"expires in {days} days"


def tell(enterprise: Enterprise, *, about: str, subject: str, template: str, context: dict[str, Any]) -> None:
    """Have the IT admins told by mail; call it in the transaction of what is told. `context` is JSON."""
    Errand.objects.record(
        Errand.Kind.NOTICE,
        enterprise=enterprise,
        key=about,
        arguments={"about": about, "subject": subject, "template": template, "context": context},
    )


def _tell(enterprise: Enterprise, about: str, subject: str, template: str, context: dict[str, Any]) -> None:
    if Notice.objects.filter(enterprise=enterprise, about=about).exists():
        return
    body = render_to_string(
        f"enterprises/mail/{template}.txt",
        {
            "enterprise": enterprise,
            "link": f"{settings.SITE_URL}{enterprise.get_absolute_url()}",
            "support_email": settings.SUPPORT_EMAIL,
            **context,
        },
    )
    # One mail a person: their addresses are their own.
    mails = [
        EmailMessage(subject, body, to=[person.get_username()]) for person in access.it_admins(enterprise)
    ]
    get_connection().send_messages(mails)
    # After the mail: a kill in between tells twice, and never not at all.
    Notice.objects.bulk_create(
        [Notice(enterprise=enterprise, about=about, told_at=timezone.now())], ignore_conflicts=True
    )
