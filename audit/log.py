"""Append to the audit log, in the transaction of the change."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connection

from audit.actions import Action
from audit.actor import Actor, describe_person
from audit.arrays import build_column, build_unnest, get_stored_fields
from audit.models import AuditEntry, AuditEntryQuerySet


class Subject(Protocol):
    """Whose log it is: an enterprise."""

    @property
    def external_id(self) -> UUID: ...

    @property
    def name(self) -> str: ...


class NewEntry(NamedTuple):
    """An entry to append: the columns of AuditEntry. A model instance would take longer to build."""

    at: datetime
    subject: UUID
    subject_name: str
    action: str
    actor: str
    target: str
    outcome: str
    client_ip: str | None
    session: str


def build_audit_entry(
    subject: Subject,
    action: Action,
    actor: Actor,
    now: datetime,
    *,
    target: AbstractBaseUser | str = "",
    outcome: str = "",
    session: str = "",
) -> NewEntry:
    """An entry to append. A person as `target` is copied as name and address.

    `session` is the same for all entries of one portal session, up to 36 characters.
    """
    return NewEntry(
        at=now,
        subject=subject.external_id,
        subject_name=subject.name,
        action=action.value,
        actor=actor.name,
        target=target if isinstance(target, str) else describe_person(target),
        outcome=outcome,
        client_ip=actor.client_ip,
        session=session,
    )


def append_audit_entry(
    subject: Subject,
    action: Action,
    actor: Actor,
    now: datetime,
    *,
    target: AbstractBaseUser | str = "",
    outcome: str = "",
    session: str = "",
) -> None:
    append_audit_entries(
        [build_audit_entry(subject, action, actor, now, target=target, outcome=outcome, session=session)]
    )


def append_audit_entries(entries: Iterable[NewEntry]) -> None:
    """Append them in one statement, in their order."""
    appended = list(entries)
    if not appended:
        return
    fields = get_stored_fields(AuditEntry)
    names = ", ".join(field.column for field in fields)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {AuditEntry._meta.db_table} ({names})"  # noqa: S608 - names of our own
            f" SELECT * FROM {build_unnest(fields)}",
            [build_column(field, [getattr(one, field.attname) for one in appended]) for field in fields],
        )


def audit_entries_for(subject: Subject) -> AuditEntryQuerySet:
    """Newest first."""
    entries: AuditEntryQuerySet = AuditEntry.objects.for_subject(subject.external_id)
    return entries


def entries_by_session(subject: Subject, sessions: Iterable[str]) -> dict[str, list[AuditEntry]]:
    """The entries of these portal sessions, oldest first."""
    found: dict[str, list[AuditEntry]] = {}
    for entry in AuditEntry.objects.filter(
        subject=subject.external_id, session__in=set(sessions) - {""}
    ).order_by("at", "id"):
        found.setdefault(entry.session, []).append(entry)
    return found
