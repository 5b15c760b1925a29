"""Organizations in the API."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from workos import BadRequestError, ConflictError, NotFoundError, UnprocessableEntityError, WorkOSClient
from workos.organizations.models import OrganizationDomainData

from sandbox.client import Sandbox
from tests.sandbox.conftest import create_client


def pending(domain: str) -> OrganizationDomainData:
    return OrganizationDomainData.from_dict({"domain": domain, "state": "pending"})


def test_created_organization_is_found_by_id_and_external_id(workos: WorkOSClient) -> None:
    created = workos.organizations.create_organization(
        name="Acme", external_id="acme-1", domain_data=[pending("acme.com")], metadata={"tier": "gold"}
    )

    found = workos.organizations.get_organization(created.id)

    assert found == created
    assert workos.organizations.get_organization_by_external_id("acme-1") == created
    assert created.id.startswith("org_")
    assert len(created.id) == len("org_") + 26
    assert [item.domain for item in created.domains] == ["acme.com"]
    assert created.metadata == {"tier": "gold"}


def test_taken_external_id_is_answered_400_with_a_code(workos: WorkOSClient) -> None:
    workos.organizations.create_organization(name="Acme", external_id="acme-1")

    with pytest.raises(BadRequestError) as error:
        workos.organizations.create_organization(name="Other", external_id="acme-1")

    assert error.value.code == "external_id_already_used"
    assert len(workos.organizations.list_organizations().data) == 1


def test_taken_domain_is_answered_409_without_a_code(workos: WorkOSClient) -> None:
    workos.organizations.create_organization(name="Acme", domain_data=[pending("acme.com")])

    with pytest.raises(ConflictError) as error:
        workos.organizations.create_organization(name="Other", domain_data=[pending("acme.com")])

    assert error.value.code is None
    assert len(workos.organizations.list_organizations().data) == 1


def test_switch_lets_two_organizations_have_one_pending_domain(
    sandbox: Sandbox, workos: WorkOSClient
) -> None:
    sandbox.switch(exclusive_pending_domains=False)
    workos.organizations.create_organization(name="Acme", domain_data=[pending("acme.com")])

    other = workos.organizations.create_organization(name="Other", domain_data=[pending("acme.com")])

    assert other.domains[0].domain == "acme.com"


def test_organization_without_a_name_is_answered_422(workos: WorkOSClient) -> None:
    with pytest.raises(UnprocessableEntityError):
        workos.organizations.create_organization(name="")


def test_unknown_id_is_answered_404(workos: WorkOSClient) -> None:
    with pytest.raises(NotFoundError):
        workos.organizations.get_organization("org_01EHWNCE74X7JSDV0X3SZ3KJNY")
    with pytest.raises(NotFoundError):
        workos.organizations.get_organization_by_external_id("nobody")


def test_update_keeps_the_fields_that_are_absent(workos: WorkOSClient) -> None:
    created = workos.organizations.create_organization(
        name="Acme", external_id="acme-1", domain_data=[pending("acme.com")]
    )

    updated = workos.organizations.update_organization(created.id, name="Acme Inc.")

    assert updated.name == "Acme Inc."
    assert updated.external_id == "acme-1"
    assert [item.domain for item in updated.domains] == ["acme.com"]
    assert updated.updated_at >= created.updated_at


def test_update_with_null_removes_the_external_id(workos: WorkOSClient) -> None:
    created = workos.organizations.create_organization(name="Acme", external_id="acme-1")

    updated = workos.organizations.update_organization(created.id, external_id=None)

    assert updated.external_id is None
    workos.organizations.create_organization(name="Other", external_id="acme-1")


def test_deletion_includes_the_connections_of_the_organization(
    sandbox: Sandbox, workos: WorkOSClient
) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    other = workos.organizations.create_organization(name="Other")
    sandbox.activate_connection(acme.id)
    kept = sandbox.activate_connection(other.id)

    workos.organizations.delete_organization(acme.id)

    with pytest.raises(NotFoundError):
        workos.organizations.get_organization(acme.id)
    assert [row["id"] for row in sandbox.connections()] == [kept["id"]]


def test_organizations_are_listed_in_pages_newest_first(workos: WorkOSClient) -> None:
    created = [workos.organizations.create_organization(name=f"Acme {n}").id for n in range(7)]

    first = workos.organizations.list_organizations(limit=3)
    everything = [row.id for row in first.auto_paging_iter()]

    assert everything == created[::-1]
    assert len(first.data) == 3
    assert first.before is None
    back = workos.organizations.list_organizations(limit=3, before=everything[3])
    assert [row.id for row in back.data] == everything[:3]
    oldest_first = workos.organizations.list_organizations(limit=100, order="asc")
    assert [row.id for row in oldest_first.data] == created


def test_organizations_are_listed_by_domain_and_by_part_of_the_name(workos: WorkOSClient) -> None:
    acme = workos.organizations.create_organization(name="Acme", domain_data=[pending("acme.com")])
    workos.organizations.create_organization(name="Zenith", domain_data=[pending("zenith.com")])

    by_domain = workos.organizations.list_organizations(domains=["acme.com", "none.com"])
    by_name = workos.organizations.list_organizations(search="acm")

    assert [row.id for row in by_domain.data] == [acme.id]
    assert [row.id for row in by_name.data] == [acme.id]


@pytest.mark.parametrize("limit", [0, 101])
def test_list_limit_out_of_range_is_answered_422(workos: WorkOSClient, limit: int) -> None:
    with pytest.raises(UnprocessableEntityError):
        workos.organizations.list_organizations(limit=limit)


def test_concurrent_creations_with_one_external_id_create_one_organization(sandbox: Sandbox) -> None:
    def create(_number: int) -> str:
        client = create_client(sandbox)
        try:
            client.organizations.create_organization(name="Acme", external_id="acme-1")
        except BadRequestError as error:
            return str(error.code)
        finally:
            client.close()
        return "created"

    with ThreadPoolExecutor(8) as several:
        outcomes = sorted(several.map(create, range(8)))

    assert outcomes == ["created"] + ["external_id_already_used"] * 7
    assert len(sandbox.organizations()) == 1


def test_normal_order_lists_newest_first_with_swapped_cursors(workos: WorkOSClient) -> None:
    created = [workos.organizations.create_organization(name=f"Acme {n}").id for n in range(5)]

    newer = workos.organizations.list_organizations(order="normal", after=created[2])
    older = workos.organizations.list_organizations(order="normal", before=created[2])

    assert [row.id for row in newer.data] == [created[4], created[3]]
    assert [row.id for row in older.data] == [created[1], created[0]]


def test_unknown_cursor_is_answered_422(workos: WorkOSClient) -> None:
    with pytest.raises(UnprocessableEntityError):
        workos.organizations.list_organizations(after="org_01EHWNCE74X7JSDV0X3SZ3KJNY")
