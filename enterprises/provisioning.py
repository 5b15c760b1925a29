"""Give an Enterprise its Organization at WorkOS, so that nothing in between can be lost or doubled."""

from collections.abc import Sequence
from datetime import timedelta

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.text import slugify

import gateway
from enterprises import facts, history, objects
from enterprises.environments import refuse_another
from enterprises.history import Deed
from enterprises.models import Enterprise, Errand

# When the worker takes over: the one who asked first may be at it until then.
FIRST_RETRY = timedelta(seconds=30)


class Different(Exception):
    """The slug belongs to an enterprise with other data. The message says which."""


def enroll(*, name: str, slug: str = "", domains: Sequence[str] = (), provision: bool = True) -> Enterprise:
    """The Enterprise with this slug, made if there is none. Says nothing to WorkOS; `provision` does, and
    so does the worker in half a minute, unless `provision` is False.

    `slug` is made from the name by default. `domains` are normalised. Raises Different when the slug is
    taken by an enterprise with another name or other domains, and ValueError when no slug can be made.
    """
    slug = slug or slugify(name)[:60].strip("-")
    if not slug:
        raise ValueError(f"No slug can be made from “{name}”: give one.")
    wanted = sorted(set(domains))
    try:
        with transaction.atomic():
            enterprise, new = Enterprise.objects.get_or_create(
                slug=slug, defaults={"name": name, "requested_domains": wanted}
            )
            if new and provision:
                # Whoever enrolled it may be killed before they provision it.
                due_at = timezone.now() + FIRST_RETRY
                Errand.objects.ensure(Errand.Kind.PROVISION, enterprise=enterprise, due_at=due_at)
    except IntegrityError:
        enterprise = Enterprise.objects.get(slug=slug)
    if enterprise.name != name:
        raise Different(f"“{slug}” is already {enterprise.name}. Choose another slug.")
    if enterprise.requested_domains != wanted:
        held = ", ".join(enterprise.requested_domains) or "no domains"
        raise Different(f"“{slug}” is already enrolled with {held}.")
    return enterprise


def provision(
    enterprise: Enterprise, *, who: AbstractBaseUser | str = history.WORKER, client_address: str | None = None
) -> Enterprise:
    """Create the Organization, or find the one an earlier try left behind, and keep its id.

    Repeating is harmless, and calling again heals a crash at any point: our row and its `external_id` were
    committed before WorkOS heard of them, and so was the worker's errand to call again. No transaction is
    open across the network. Raises gateway.Refused (why is kept in `attention`) or gateway.Unavailable.
    """
    known_reason = _begin(enterprise)
    if enterprise.organization_id:
        return enterprise
    try:
        organization = _find(enterprise) or _create(enterprise)
    except gateway.Refused as refusal:
        _refused(enterprise, str(refusal), known_reason, who, client_address)
        # Somebody else's try, or the organization.created event, may have been faster.
        if enterprise.organization_id:
            return enterprise
        raise
    with transaction.atomic():
        facts.adopt_organization(
            organization_id=organization.organization_id, external_id=str(enterprise.external_id), who=who
        )
        _record_domains(organization)
    enterprise.refresh_from_db()
    return enterprise


def _begin(enterprise: Enterprise) -> str:
    """Write down that we ask. Answers with the reason for which it did not succeed before."""
    now = timezone.now()
    with transaction.atomic():
        held = Enterprise.objects.select_for_update(no_key=True).get(pk=enterprise.pk)
        if held.deprovisioned_at:
            raise gateway.Refused(f"{held.name} was deprovisioned.")
        if not held.organization_id:
            Enterprise.objects.filter(pk=held.pk).update(
                attention="", provisioning_since=Coalesce("provisioning_since", now)
            )
            Errand.objects.ensure(Errand.Kind.PROVISION, enterprise=held, due_at=now + FIRST_RETRY)
    enterprise.refresh_from_db()
    refuse_another(enterprise)
    return held.attention


def _refused(
    enterprise: Enterprise,
    reason: str,
    known_reason: str,
    who: AbstractBaseUser | str,
    client_address: str | None,
) -> None:
    with transaction.atomic():
        ours = Enterprise.objects.filter(pk=enterprise.pk, organization_id=None, deprovisioned_at=None)
        # The worker repeats itself; the history does not.
        if ours.update(attention=reason) and reason != known_reason:
            history.record(
                enterprise,
                deed=Deed.NEEDS_ATTENTION,
                who=who,
                at=timezone.now(),
                client_address=client_address,
                outcome=reason,
            )
    enterprise.refresh_from_db()


def _find(enterprise: Enterprise) -> gateway.Organization | None:
    found = gateway.find_organization_by_external_id(str(enterprise.external_id))
    if found and found.external_id != str(enterprise.external_id):
        raise gateway.Refused("WorkOS answered with an organization that is not this one.")
    return found


def _create(enterprise: Enterprise) -> gateway.Organization:
    try:
        return gateway.create_organization(
            name=enterprise.name,
            external_id=str(enterprise.external_id),
            domains=enterprise.requested_domains,
        )
    except gateway.Refused as refusal:
        # Lost a race against another caller, or against our own earlier try: theirs is ours.
        if refusal.code == "external_id_already_used" and (found := _find(enterprise)):
            return found
        raise


def _record_domains(organization: gateway.Organization) -> None:
    told = [
        objects.domain(domain, as_of=as_of)
        for domain in organization.domains
        if (as_of := objects.time(domain.get("updated_at")))
    ]
    facts.record(told)
