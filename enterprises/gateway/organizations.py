"""Organizations and their domains."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workos.common.models import OrganizationDomainDataState
from workos.organizations.models import OrganizationDomainData

from enterprises.gateway import calling


@dataclass(frozen=True)
class Organization:
    organization_id: str
    name: str
    external_id: str
    domains: Sequence[dict[str, Any]]


# https://workos.com/docs/reference/organization/get-by-external-id
def find_organization(external_id: str) -> Organization | None:
    """The Organization that carries our `external_id`, or None."""
    try:
        with calling.call("find_organization", usual=404):
            found = calling.client().organizations.get_organization_by_external_id(
                external_id, request_options=calling.options()
            )
    except calling.Refused as refusal:
        if refusal.status == 404:
            return None
        raise
    return _organization(found)


# https://workos.com/docs/reference/organization/create
def create_organization(*, name: str, external_id: str, domains: Sequence[str]) -> Organization:
    """Create it with `domains` pending: to say `verified` would assert an ownership that nobody has proved.

    Refused with `code="external_id_already_used"` when somebody was faster, and with `status=409` when a
    domain belongs to another Organization.
    """
    with calling.call("create_organization"):
        created = calling.client().organizations.create_organization(
            name=name,
            external_id=external_id,
            domain_data=[
                OrganizationDomainData(domain=domain, state=OrganizationDomainDataState.PENDING)
                for domain in domains
            ]
            or None,
            request_options=calling.options(),
        )
    return _organization(created)


# https://workos.com/docs/reference/organization/update
def rename_organization(organization_id: str, *, name: str) -> None:
    with calling.call("rename_organization"):
        renamed = calling.client().organizations.update_organization(
            organization_id, name=name, request_options=calling.options()
        )
    _organization(renamed)


# https://workos.com/docs/reference/organization/update
def claim_organization(organization_id: str, *, external_id: str) -> Organization:
    """Write our `external_id` on one that was made elsewhere."""
    with calling.call("claim_organization"):
        claimed = calling.client().organizations.update_organization(
            organization_id, external_id=external_id, request_options=calling.options()
        )
    return _organization(claimed)


# https://workos.com/docs/reference/organization/delete (50 a minute and key)
def delete_organization(organization_id: str) -> None:
    """With all that is its own. One that is gone already is deleted, too.

    WorkOS may take its time, and its answer has no body that would prove anything: look it up to be sure.
    """
    with calling.gone_is_done(), calling.call("delete_organization"):
        calling.client().organizations.delete_organization(organization_id, request_options=calling.options())


# https://workos.com/docs/reference/domain-verification/create
def add_domain(organization_id: str, domain: str) -> None:
    """Pending. Refused with `status=409` when it belongs to another Organization."""
    with calling.call("add_domain"):
        added = calling.client().organization_domains.create_organization_domain(
            organization_id=organization_id, domain=domain, request_options=calling.options()
        )
    if not getattr(added, "id", None):
        raise calling.Unavailable("WorkOS gave an empty answer.")


# https://workos.com/docs/reference/domain-verification/delete
def remove_domain(domain_id: str) -> None:
    with calling.gone_is_done(), calling.call("remove_domain"):
        calling.client().organization_domains.delete_organization_domain(
            domain_id, request_options=calling.options()
        )


# https://workos.com/docs/reference/organization/get
def get_organization(organization_id: str) -> Organization:
    """The Organization with its domains. Refused with `status=404` when WorkOS does not know it."""
    with calling.call("get_organization"):
        answer = calling.client().request_raw(
            "get", ("organizations", organization_id), request_options=calling.options()
        )
    if answer.get("id") != organization_id:
        raise calling.Unavailable("WorkOS gave an empty answer.")
    domains = answer.get("domains")
    return Organization(
        organization_id=organization_id,
        name=str(answer.get("name") or ""),
        external_id=str(answer.get("external_id") or ""),
        domains=[domain for domain in domains if isinstance(domain, dict)]
        if isinstance(domains, list)
        else [],
    )


def _organization(answer: Any) -> Organization:
    organization_id = getattr(answer, "id", None)
    if not isinstance(organization_id, str) or not organization_id:
        raise calling.Unavailable("WorkOS gave an empty answer.")
    return Organization(
        organization_id=organization_id,
        name=answer.name,
        external_id=answer.external_id or "",
        domains=[domain.to_dict() for domain in answer.domains or []],
    )
