"""Organization domains in the API."""

import pytest
from workos import BadRequestError, ConflictError, NotFoundError, WorkOSClient
from workos.organizations.models import OrganizationDomainData

from sandbox.client import Sandbox


def test_new_domain_is_pending_with_a_dns_record(sandbox: Sandbox, workos: WorkOSClient) -> None:
    acme = workos.organizations.create_organization(name="Acme")

    created = workos.organization_domains.create_organization_domain(
        domain="acme.com", organization_id=acme.id
    )

    assert created.state == "pending"
    assert created.verification_prefix
    assert created.verification_token
    assert workos.organization_domains.get_organization_domain(created.id) == created
    assert [event["data"]["domain"] for event in sandbox.events("organization_domain.created")] == [
        "acme.com"
    ]


def test_domain_that_the_organization_has_is_answered_409(workos: WorkOSClient) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    workos.organization_domains.create_organization_domain(domain="acme.com", organization_id=acme.id)

    with pytest.raises(ConflictError) as error:
        workos.organization_domains.create_organization_domain(domain="acme.com", organization_id=acme.id)

    assert error.value.code == "domain_already_exists"


def test_domain_is_verified_once_its_record_is_published(sandbox: Sandbox, workos: WorkOSClient) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    domain = workos.organization_domains.create_organization_domain(
        domain="acme.com", organization_id=acme.id
    )

    assert workos.organization_domains.verify_organization_domain(domain.id).state == "pending"
    sandbox.verify_domain(acme.id, "acme.com")

    assert workos.organization_domains.get_organization_domain(domain.id).state == "verified"
    with pytest.raises(BadRequestError) as error:
        workos.organization_domains.verify_organization_domain(domain.id)
    assert error.value.code == "domain_already_verified"
    assert len(sandbox.events("organization_domain.verified")) == 1


def test_domain_verified_by_another_organization_fails(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.switch(exclusive_pending_domains=False)
    acme = workos.organizations.create_organization(name="Acme")
    other = workos.organizations.create_organization(name="Other")
    workos.organization_domains.create_organization_domain(domain="acme.com", organization_id=other.id)
    sandbox.verify_domain(acme.id, "acme.com")

    failed = sandbox.verify_domain(other.id, "acme.com")

    assert failed["state"] == "failed"
    [event] = sandbox.events("organization_domain.verification_failed")
    assert event["data"]["reason"] == "domain_verified_by_other_organization"
    with pytest.raises(ConflictError):
        workos.organizations.create_organization(
            name="Third",
            domain_data=[OrganizationDomainData.from_dict({"domain": "acme.com", "state": "pending"})],
        )


def test_failed_domain_is_pending_when_verified_again(sandbox: Sandbox, workos: WorkOSClient) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    domain = workos.organization_domains.create_organization_domain(
        domain="acme.com", organization_id=acme.id
    )
    sandbox.fail_domain(acme.id, "acme.com")

    again = workos.organization_domains.verify_organization_domain(domain.id)

    assert again.state == "pending"
    assert [event["event"] for event in sandbox.events()][-2:] == [
        "organization_domain.verification_failed",
        "organization_domain.updated",
    ]


def test_deleted_domain_can_be_added_by_another_organization(sandbox: Sandbox, workos: WorkOSClient) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    other = workos.organizations.create_organization(name="Other")
    domain = workos.organization_domains.create_organization_domain(
        domain="acme.com", organization_id=acme.id
    )

    workos.organization_domains.delete_organization_domain(domain.id)

    with pytest.raises(NotFoundError):
        workos.organization_domains.get_organization_domain(domain.id)
    workos.organization_domains.create_organization_domain(domain="acme.com", organization_id=other.id)
    assert len(sandbox.events("organization_domain.deleted")) == 1


def test_organization_update_replaces_its_domains(sandbox: Sandbox, workos: WorkOSClient) -> None:
    def data(domain: str, state: str) -> OrganizationDomainData:
        return OrganizationDomainData.from_dict({"domain": domain, "state": state})

    acme = workos.organizations.create_organization(
        name="Acme", domain_data=[data("acme.com", "pending"), data("acme.org", "pending")]
    )

    updated = workos.organizations.update_organization(
        acme.id, domain_data=[data("acme.org", "verified"), data("acme.net", "pending")]
    )

    assert {item.domain: item.state for item in updated.domains} == {
        "acme.org": "verified",
        "acme.net": "pending",
    }
    assert [event["data"]["domain"] for event in sandbox.events("organization_domain.deleted")] == [
        "acme.com"
    ]
    assert [event["data"]["domain"] for event in sandbox.events("organization_domain.verified")] == [
        "acme.org"
    ]
