"""Changes of an enterprise: ours at once, WorkOS's by the worker.

Each change and the errand that pushes it are one commit. An errand reads what is wanted when it runs, and
compares it with what WorkOS has: so it may be repeated, and the newest change wins.
"""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

import gateway
from enterprises import facts, history
from enterprises.environments import organization_of, refuse_another
from enterprises.history import Deed
from enterprises.intents import Intent, sold
from enterprises.models import Connection, Directory, Enterprise, Errand, OrganizationDomain

Person = AbstractBaseUser | str


class NotTheirs(Exception):
    """The organization cannot be linked. The message says why."""


@transaction.atomic
def rename(
    enterprise: Enterprise, name: str, *, who: Person, at: datetime, client_address: str | None = None
) -> None:
    """Its slug, and so its addresses, stay."""
    held = _lock(enterprise)
    if held.name == name:
        return
    outcome = f"{held.name} → {name}"
    held.name = enterprise.name = name
    held.save(update_fields=["name"])
    history.record(held, deed=Deed.RENAMED, who=who, at=at, client_address=client_address, outcome=outcome)
    Errand.objects.record(Errand.Kind.RENAME, enterprise=held)


@transaction.atomic
def change_domains(
    enterprise: Enterprise,
    domains: Sequence[str],
    *,
    who: Person,
    at: datetime,
    client_address: str | None = None,
) -> None:
    """`domains`, normalised, are all that staff want. What its IT admins added at WorkOS is left alone."""
    held = _lock(enterprise)
    before, after = set(held.requested_domains), set(domains)
    held.requested_domains = enterprise.requested_domains = sorted(after)
    held.save(update_fields=["requested_domains"])
    for domain in sorted(before ^ after):
        deed = Deed.DOMAIN_ADDED if domain in after else Deed.DOMAIN_REMOVED
        history.record(held, deed=deed, who=who, at=at, client_address=client_address, for_whom=domain)
        Errand.objects.record(Errand.Kind.PUSH_DOMAIN, enterprise=held, key=domain)


@transaction.atomic
def change_plan(
    enterprise: Enterprise,
    intents: Sequence[str],
    *,
    who: Person,
    at: datetime,
    client_address: str | None = None,
) -> None:
    """`intents` are all that it may use, of those that are sold."""
    held = _lock(enterprise)
    after = [intent for intent in sold() if intent in intents]
    if held.intents == after:
        return
    held.intents = enterprise.intents = after
    held.save(update_fields=["intents"])
    history.record(
        held,
        deed=Deed.PLAN_CHANGED,
        who=who,
        at=at,
        client_address=client_address,
        outcome=", ".join(Intent(intent).label for intent in after) or "nothing",
    )


@transaction.atomic
def deprovision(
    enterprise: Enterprise, *, who: Person, at: datetime, client_address: str | None = None
) -> None:
    """End it: access ends now, its organization is deleted by the worker, its history is kept. Repeatable."""
    held = _lock(enterprise)
    if held.deprovisioned_at:
        return
    # Children that WorkOS tells us of from now on are tombstones, too: see facts.record.
    held.deprovisioned_at = held.organization_deleted_at = at
    held.attention = ""
    held.save(update_fields=["deprovisioned_at", "organization_deleted_at", "attention"])
    for model in (Connection, Directory, OrganizationDomain):
        model._default_manager.filter(enterprise=held).exclude(state=facts.DELETED).update(
            state=facts.DELETED
        )
    held.invitations.all().delete()
    # The deletion does what they were to do.
    Errand.objects.filter(enterprise=held).delete()
    Errand.objects.record(Errand.Kind.DELETE_ORGANIZATION, enterprise=held)
    history.record(held, deed=Deed.DEPROVISIONED, who=who, at=at, client_address=client_address)
    enterprise.refresh_from_db()


def linkable(organization_id: str, slug: str) -> gateway.Organization:
    """The organization, if it may be linked to the enterprise `slug`, so that its name can be shown.

    Raises NotTheirs, gateway.Refused or gateway.Unavailable.
    """
    holder = Enterprise.objects.filter(organization_id=organization_id).first()
    if holder and holder.slug != slug:
        raise NotTheirs(f"{organization_id} is linked to {holder.name} ({holder.slug}).")
    enterprise = Enterprise.objects.filter(slug=slug).first()
    if enterprise and enterprise.deprovisioned_at:
        raise NotTheirs(f"{enterprise.name} was deprovisioned. Choose another slug.")
    if enterprise and enterprise.organization_id not in (None, organization_id):
        raise NotTheirs(f"{enterprise.name} has an organization: {enterprise.organization_id}.")
    organization = gateway.get_organization(organization_id)
    ours = str(enterprise.external_id) if enterprise else ""
    if organization.external_id not in ("", ours):
        raise NotTheirs(
            f"{organization.name} carries the external id {organization.external_id}, which is not ours. "
            "Clear it in the WorkOS Dashboard if you are sure."
        )
    return organization


def link(
    enterprise: Enterprise, organization: gateway.Organization, *, who: Person, at: datetime
) -> Enterprise:
    """Write our external id on it and keep its id. Repeatable; a crash in between is healed by the worker.

    Raises NotTheirs when it got another organization meanwhile, gateway.Refused or gateway.Unavailable.
    """
    claimed = gateway.set_external_id(organization.organization_id, external_id=str(enterprise.external_id))
    facts.adopt_organization(
        organization_id=claimed.organization_id,
        external_id=str(enterprise.external_id),
        at=at,
        who=who,
        deed=Deed.LINKED,
    )
    enterprise.refresh_from_db()
    if enterprise.organization_id != organization.organization_id:
        raise NotTheirs(f"{enterprise.name} has an organization meanwhile: {enterprise.organization_id}.")
    return enterprise


def push_name(errand: Errand) -> None:
    if not errand.enterprise.organization_deleted_at:
        gateway.rename_organization(organization_of(errand.enterprise), name=errand.enterprise.name)


def push_domain(errand: Errand) -> None:
    enterprise, domain = errand.enterprise, errand.key
    if enterprise.organization_deleted_at:
        return
    organization_id = organization_of(enterprise)
    held = _domains(organization_id)
    if domain in enterprise.requested_domains and domain not in held:
        gateway.add_domain(organization_id, domain)
    elif domain not in enterprise.requested_domains and domain in held:
        gateway.remove_domain(held[domain])
        # The answer to a deletion proves nothing.
        if domain in _domains(organization_id):
            raise gateway.Unavailable(f"{domain} is still there.")


def delete_organization(errand: Errand) -> None:
    enterprise = errand.enterprise
    refuse_another(enterprise)
    organization_id = enterprise.organization_id
    if organization_id is None:
        # Provisioning may have been cut off after it was created.
        found = gateway.find_organization_by_external_id(str(enterprise.external_id))
        organization_id = found.organization_id if found else None
    if organization_id:
        gateway.delete_organization(organization_id)
        # The answer to a deletion proves nothing, and it may take its time.
        if gateway.find_organization_by_external_id(str(enterprise.external_id)):
            raise gateway.Unavailable("It is still there.")


def _domains(organization_id: str) -> dict[str, str]:
    return {one["domain"]: one["id"] for one in gateway.get_organization(organization_id).domains}


def _lock(enterprise: Enterprise) -> Enterprise:
    return Enterprise.objects.select_for_update(no_key=True).get(pk=enterprise.pk)
