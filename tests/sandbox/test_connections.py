"""A connection…"""

from typing import Any

import pytest
from workos import NotFoundError, WorkOSClient

from sandbox.client import Sandbox


@pytest.fixture
def acme(workos: WorkOSClient) -> Any:
    return workos.organizations.create_organization(name="Acme")


def test_is_listed_by_organization_type_and_name(sandbox: Sandbox, workos: WorkOSClient, acme: Any) -> None:
    other = workos.organizations.create_organization(name="Other")
    okta = sandbox.activate_connection(acme.id, "OktaSAML")
    entra = sandbox.activate_connection(acme.id, "AzureSAML")
    sandbox.activate_connection(other.id)

    listed = workos.sso.list_connections(organization_id=acme.id).data
    by_type = workos.sso.list_connections(connection_type="AzureSAML").data
    by_name = workos.sso.list_connections(search="acme okta").data

    assert [row.id for row in listed] == [entra["id"], okta["id"]]
    assert [row.id for row in by_type] == [entra["id"]]
    assert [row.id for row in by_name] == [okta["id"]]


def test_is_found_by_a_domain_of_its_organization(sandbox: Sandbox, workos: WorkOSClient, acme: Any) -> None:
    sandbox.verify_domain(acme.id, "acme.com")
    made = sandbox.activate_connection(acme.id)

    [found] = workos.sso.list_connections(domain="acme.com").data

    assert found.id == made["id"]
    assert [item.domain for item in found.domains] == ["acme.com"]
    assert workos.sso.list_connections(domain="other.com").data == []


def test_waits_silently_for_its_first_sign_in(sandbox: Sandbox, workos: WorkOSClient, acme: Any) -> None:
    made = sandbox.activate_connection(acme.id, state="validating")
    assert workos.sso.get_connection(made["id"]).state == "validating"
    assert sandbox.events("connection.activated") == []

    sandbox.change_connection(made["id"], "activate")

    assert workos.sso.get_connection(made["id"]).state == "active"
    assert len(sandbox.events("connection.activated")) == 1


def test_keeps_its_last_state_in_the_event_of_its_deletion(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any
) -> None:
    made = sandbox.activate_connection(acme.id)

    workos.sso.delete_connection(made["id"])

    with pytest.raises(NotFoundError):
        workos.sso.get_connection(made["id"])
    [event] = sandbox.events("connection.deleted")
    assert event["data"]["state"] == "active"


def test_can_be_turned_off_and_on(sandbox: Sandbox, acme: Any) -> None:
    made = sandbox.activate_connection(acme.id)

    off = sandbox.change_connection(made["id"], "deactivate")
    on = sandbox.change_connection(made["id"], "activate")

    assert (off["state"], off["status"]) == ("inactive", "unlinked")
    assert (on["state"], on["status"]) == ("active", "linked")
    assert [event["event"] for event in sandbox.events()][-2:] == [
        "connection.deactivated",
        "connection.activated",
    ]


def test_is_reminded_of_its_certificate_without_growing_older(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any
) -> None:
    made = sandbox.activate_connection(acme.id)

    sandbox.change_connection(made["id"], "expire_certificate", days=-1)

    [event] = sandbox.events("connection.saml_certificate_renewal_required")
    assert event["data"]["connection"] == {"id": made["id"], "organization_id": acme.id}
    assert event["data"]["days_until_expiry"] == -1
    assert event["data"]["certificate"]["is_expired"] is True
    assert sandbox.connections()[0]["updated_at"] == made["updated_at"]
