"""Organizations and their domains."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway import client


@dataclass(frozen=True)
class Organization:
    organization_id: str
    name: str
    external_id: str
    domains: Sequence[dict[str, Any]]
    # As WorkOS sends it. Blank where nobody asks for it.
    updated_at: str = ""


# https://workos.com/docs/reference/organization/get-by-external-id
def find_organization_by_external_id(external_id: str) -> Organization | None:
    """The Organization with our `external_id`, or None."""
    try:
        with client.call("find_organization_by_external_id", expected_status=404):
            found = client.get_client().organizations.get_organization_by_external_id(
                external_id, request_options=client.request_options()
            )
    except client.Refused as refusal:
        if refusal.status == 404:
            return None
        raise
    return _parse_organization(found)


# https://workos.com/docs/reference/organization/create
def create_organization(*, name: str, external_id: str, domains: Sequence[str]) -> Organization:
    """Create an Organization with `domains` pending: `verified` would assert a proof of ownership.

    Raises Refused with `code="external_id_already_used"` when it exists already, and with `status=409` when a
    domain belongs to another Organization.
    """
    from workos.common.models import OrganizationDomainDataState
    from workos.organizations.models import OrganizationDomainData

    with client.call("create_organization"):
        created = client.get_client().organizations.create_organization(
            name=name,
            external_id=external_id,
            domain_data=[
                OrganizationDomainData(domain=domain, state=OrganizationDomainDataState.PENDING)
                for domain in domains
            ]
            or None,
            request_options=client.request_options(),
        )
    return _parse_organization(created)


# https://workos.com/docs/reference/organization/update
def rename_organization(organization_id: str, *, name: str) -> None:
    with client.call("rename_organization"):
        renamed = client.get_client().organizations.update_organization(
            organization_id, name=name, request_options=client.request_options()
        )
    _parse_organization(renamed)


# https://workos.com/docs/reference/organization/update
def set_external_id(organization_id: str, *, external_id: str) -> Organization:
    """Set our `external_id` on an Organization that was created elsewhere."""
    with client.call("set_external_id"):
        claimed = client.get_client().organizations.update_organization(
            organization_id, external_id=external_id, request_options=client.request_options()
        )
    return _parse_organization(claimed)


# https://workos.com/docs/reference/organization/delete (50 a minute per key)
def delete_organization(organization_id: str) -> None:
    """Delete an Organization with its connections, directories and domains. Repeating is harmless.

    WorkOS may delete it later, and its answer has no body that would prove anything: look it up to be sure.
    """
    with client.ignore_not_found(), client.call("delete_organization"):
        client.get_client().organizations.delete_organization(
            organization_id, request_options=client.request_options()
        )


# https://workos.com/docs/reference/domain-verification/create
def add_domain(organization_id: str, domain: str) -> None:
    """Add a pending domain. Raises Refused with `status=409` when it belongs to another Organization."""
    with client.call("add_domain"):
        added = client.get_client().organization_domains.create_organization_domain(
            organization_id=organization_id, domain=domain, request_options=client.request_options()
        )
    if not getattr(added, "id", None):
        raise client.Unavailable("WorkOS gave an empty answer.")


# https://workos.com/docs/reference/domain-verification/delete
def remove_domain(domain_id: str) -> None:
    with client.ignore_not_found(), client.call("remove_domain"):
        client.get_client().organization_domains.delete_organization_domain(
            domain_id, request_options=client.request_options()
        )


# https://workos.com/docs/reference/organization/get
def get_organization(organization_id: str) -> Organization:
    """The Organization with its domains. Raises Refused with `status=404` when WorkOS does not have it."""
    with client.call("get_organization"):
        answer = client.get_client().request_raw(
            "get", ("organizations", organization_id), request_options=client.request_options()
        )
    if answer.get("id") != organization_id:
        raise client.Unavailable("WorkOS gave an empty answer.")
    domains = answer.get("domains")
    return Organization(
        organization_id=organization_id,
        name=str(answer.get("name") or ""),
        external_id=str(answer.get("external_id") or ""),
        domains=[domain for domain in domains if isinstance(domain, dict)]
        if isinstance(domains, list)
        else [],
        updated_at=str(answer.get("updated_at") or ""),
    )


def _parse_organization(answer: Any) -> Organization:
    organization_id = getattr(answer, "id", None)
    if not isinstance(organization_id, str) or not organization_id:
        raise client.Unavailable("WorkOS gave an empty answer.")
    return Organization(
        organization_id=organization_id,
        name=answer.name,
        external_id=answer.external_id or "",
        domains=[domain.to_dict() for domain in answer.domains or []],
    )
