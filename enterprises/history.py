"""The audit trail, in words: who did what for whom, when, from where, and what came of it. Only added to."""

from datetime import date, datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Q, QuerySet

from enterprises.models import Enterprise, HistoryEntry
from enterprises.models.history import Deed as Deed  # noqa: PLC0414 - said as history.Deed

# Those who are nobody's account.
WORKOS = "WorkOS"
WORKER = "this application"
COMMAND = "staff (command line)"


def entry(
    enterprise: Enterprise,
    *,
    deed: Deed,
    who: AbstractBaseUser | str,
    at: datetime,
    for_whom: AbstractBaseUser | str = "",
    client_address: str | None = None,
    outcome: str = "",
) -> HistoryEntry:
    """One that is not written yet, for bulk_create."""
    return HistoryEntry(
        at=at,
        enterprise_id=enterprise.external_id,
        enterprise_name=enterprise.name,
        deed=deed.value,
        who=named(who),
        for_whom=named(for_whom),
        client_address=client_address,
        outcome=outcome,
    )


def record(
    enterprise: Enterprise,
    *,
    deed: Deed,
    who: AbstractBaseUser | str,
    at: datetime,
    for_whom: AbstractBaseUser | str = "",
    client_address: str | None = None,
    outcome: str = "",
) -> None:
    """Add one, in the transaction of the deed. A person is copied as name and address; others are words."""
    entry(
        enterprise,
        deed=deed,
        who=who,
        at=at,
        for_whom=for_whom,
        client_address=client_address,
        outcome=outcome,
    ).save(force_insert=True)


def of(enterprise: Enterprise) -> QuerySet[HistoryEntry]:
    """Newest first."""
    return HistoryEntry.objects.filter(enterprise_id=enterprise.external_id).order_by("-at", "-id")


def narrow(
    entries: QuerySet[HistoryEntry],
    *,
    deed: str = "",
    person: str = "",
    since: date | None = None,
    until: date | None = None,
) -> QuerySet[HistoryEntry]:
    """Those of this deed, by or for this person, from the first day to the last, both included (UTC)."""
    if deed:
        entries = entries.filter(deed=deed)
    if person:
        entries = entries.filter(Q(who__icontains=person) | Q(for_whom__icontains=person))
    if since:
        entries = entries.filter(at__date__gte=since)
    if until:
        entries = entries.filter(at__date__lte=until)
    return entries


def named(person: AbstractBaseUser | str) -> str:
    """As the history writes them."""
    if isinstance(person, str):
        return person
    name, email = str(getattr(person, "name", "")), person.get_username()
    return f"{name} <{email}>" if name else email
