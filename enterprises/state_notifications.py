"""Mails about connections and directories that became active, were turned off, removed or broken."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from enterprises.certificate_reminders import build_next_reminder
from enterprises.mail import Mail, build_enterprise_url, build_facts, build_subject
from enterprises.models import Enterprise, NotificationKind
from enterprises.notifications import Notice, enqueue_mails, explain_it_admin
from enterprises.tasks import TaskKind
from mirror.models import Certificate, CertificateState, Connection
from mirror.registry import MIRRORED
from mirror.upsert import Change
from outbox.models import Task
from outbox.queue import NewTask

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
            return build_next_reminder(enterprise, change.row.key, change.row.expires_at, now)
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
    notify_of_states([(enterprise, task)], now)


def notify_of_states(tasks: Sequence[tuple[Enterprise, Task]], now: datetime) -> None:
    ids: dict[str, set[str]] = defaultdict(set)
    for _enterprise, task in tasks:
        ids[task.arguments["kind"]].add(task.arguments["id"])
    rows = {kind: _find_rows(kind, ids_of_kind) for kind, ids_of_kind in ids.items()}
    enqueue_mails(
        [
            _build_notice(enterprise, task, rows[task.arguments["kind"]][task.arguments["id"]])
            for enterprise, task in tasks
        ]
    )


def _find_rows(kind: str, ids: Collection[str]) -> dict[str, Any]:
    mirrored = MIRRORED[kind]
    return mirrored.model._default_manager.in_bulk(list(ids), field_name=mirrored.key_field)


def _build_notice(enterprise: Enterprise, task: Task, row: Any) -> Notice:
    arguments = task.arguments
    kind, state = arguments["kind"], arguments["state"]
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
        reason=explain_it_admin(enterprise),
        is_optional=is_optional,
    )
    about = f"{arguments['id']} {state} {since.isoformat()}"
    preference = NotificationKind.DIRECTORY_ACTIVE.value if is_optional else ""
    return Notice(enterprise, about, mail, due_at=task.due_at, preference=preference)


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
