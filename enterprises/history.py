"""The audit trail, in words: who did what for whom, when, from where, and what came of it. Only added to."""

from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.db.models import QuerySet

from enterprises.models import Enterprise, HistoryEntry

# Those who are nobody's account.
WORKOS = "WorkOS"
WORKER = "this application"
COMMAND = "staff (command line)"


class Deed(models.TextChoices):
    # Not the column's choices: a new deed needs no migration, and an old one is still shown.
    PROVISIONED = "provisioned", "Provisioned"
    LINKED = "linked", "Linked to an organization"
    NEEDS_ATTENTION = "needs_attention", "Provisioning refused"
    RENAMED = "renamed", "Renamed"
    DOMAIN_ADDED = "domain_added", "Domain added"
    DOMAIN_REMOVED = "domain_removed", "Domain removed"
    PLAN_CHANGED = "plan_changed", "Plan changed"
    DEPROVISIONED = "deprovisioned", "Deprovisioned"
    INVITED = "invited", "Invited"
    INVITATION_RESENT = "invitation_resent", "Invitation sent again"
    INVITATION_REVOKED = "invitation_revoked", "Invitation revoked"
    ACCEPTED = "accepted", "Invitation accepted"
    ROLE_CHANGED = "role_changed", "Role changed"
    REMOVED = "removed", "Removed"
    DEACTIVATED = "deactivated", "Account deactivated"
    PORTAL_OPENED = "portal_opened", "Admin Portal opened"
    PORTAL_FINISHED = "portal_finished", "Admin Portal finished"
    LINK_REVOKED = "link_revoked", "Portal links revoked"
    CONNECTION_ACTIVATED = "connection_activated", "Connection activated"
    CONNECTION_DEACTIVATED = "connection_deactivated", "Connection deactivated"
    CONNECTION_REMOVED = "connection_removed", "Connection removed"
    DIRECTORY_ACTIVATED = "directory_activated", "Directory activated"
    DIRECTORY_DEACTIVATED = "directory_deactivated", "Directory deactivated"
    DIRECTORY_REMOVED = "directory_removed", "Directory removed"
    DOMAIN_VERIFIED = "domain_verified", "Domain verified"
    DOMAIN_FAILED = "domain_failed", "Domain verification failed"


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


def word(deed: str) -> str:
    return Deed(deed).label if deed in Deed else deed.replace("_", " ").capitalize()


def named(person: AbstractBaseUser | str) -> str:
    """As the history writes them."""
    if isinstance(person, str):
        return person
    name, email = str(getattr(person, "name", "")), person.get_username()
    return f"{name} <{email}>" if name else email
