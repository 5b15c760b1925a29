"""Give an Enterprise its Organization at WorkOS, so that nothing in between can be lost or doubled."""

from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from enterprises import facts, gateway, objects
from enterprises.models import Enterprise


class Different(Exception):
    """The slug belongs to an enterprise with other data. The message says which."""


def enroll(*, name: str, slug: str = "", domains: Sequence[str] = ()) -> Enterprise:
    """The Enterprise with this slug, made if there is none. Says nothing to WorkOS; `provision` does.

    `slug` is made from the name by default. `domains` are normalised. Raises Different when the slug is
    taken by an enterprise with another name or other domains, and ValueError when no slug can be made.
    """
    slug = slug or slugify(name)[:60].strip("-")
    if not slug:
        raise ValueError(f"No slug can be made from “{name}”: give one.")
    wanted = sorted(set(domains))
    try:
        with transaction.atomic():
            enterprise, _ = Enterprise.objects.get_or_create(
                slug=slug, defaults={"name": name, "requested_domains": wanted}
            )
    except IntegrityError:
        enterprise = Enterprise.objects.get(slug=slug)
    if enterprise.name != name:
        raise Different(f"“{slug}” is already {enterprise.name}. Choose another slug.")
    if enterprise.requested_domains != wanted:
        held = ", ".join(enterprise.requested_domains) or "no domains"
        raise Different(f"“{slug}” is already enrolled with {held}.")
    return enterprise


def provision(enterprise: Enterprise) -> Enterprise:
    """Create the Organization, or find the one an earlier try left behind, and keep its id.

    Repeating is harmless, and calling again heals a crash at any point: our row and its `external_id` were
    committed before WorkOS heard of them. No transaction is open across the network. Raises gateway.Refused
    (the reason is kept in `attention`) or gateway.Unavailable (nothing is said; call again).
    """
    enterprise.refresh_from_db()
    if enterprise.organization_id:
        return enterprise
    try:
        organization = _find(enterprise) or _create(enterprise)
    except gateway.Refused as refusal:
        Enterprise.objects.filter(pk=enterprise.pk, organization_id=None).update(attention=str(refusal))
        enterprise.refresh_from_db()
        # Somebody else's try, or the organization.created event, may have been faster.
        if enterprise.organization_id:
            return enterprise
        raise
    facts.adopt_organization(
        organization_id=organization.organization_id, external_id=str(enterprise.external_id)
    )
    enterprise.refresh_from_db()
    _record_domains(organization)
    return enterprise


def _find(enterprise: Enterprise) -> gateway.Organization | None:
    found = gateway.find_organization(str(enterprise.external_id))
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
