"""Connections in the API."""

from typing import Any

import pytest
from workos import NotFoundError, WorkOSClient

from sandbox.client import Sandbox


@pytest.fixture
def acme(workos: WorkOSClient) -> Any:
    return workos.organizations.create_organization(name="Acme")


def test_connections_are_listed_by_organization_type_and_name(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any
) -> None:
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


def test_connections_are_listed_by_domain(sandbox: Sandbox, workos: WorkOSClient, acme: Any) -> None:
    sandbox.verify_domain(acme.id, "acme.com")
    created = sandbox.activate_connection(acme.id)

    [found] = workos.sso.list_connections(domain="acme.com").data

    assert found.id == created["id"]
    assert [item.domain for item in found.domains] == ["acme.com"]
    assert workos.sso.list_connections(domain="other.com").data == []


def test_validating_connection_emits_no_event_until_it_is_activated(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any
) -> None:
    created = sandbox.activate_connection(acme.id, state="validating")
    assert workos.sso.get_connection(created["id"]).state == "validating"
    assert sandbox.events("connection.activated") == []

    sandbox.change_connection(created["id"], "activate")

    assert workos.sso.get_connection(created["id"]).state == "active"
    assert len(sandbox.events("connection.activated")) == 1


def test_deletion_event_has_the_last_state(sandbox: Sandbox, workos: WorkOSClient, acme: Any) -> None:
    created = sandbox.activate_connection(acme.id)

    workos.sso.delete_connection(created["id"])

    with pytest.raises(NotFoundError):
        workos.sso.get_connection(created["id"])
    [event] = sandbox.events("connection.deleted")
    assert event["data"]["state"] == "active"


def test_connection_is_deactivated_and_activated_again(sandbox: Sandbox, acme: Any) -> None:
    created = sandbox.activate_connection(acme.id)

    off = sandbox.change_connection(created["id"], "deactivate")
    on = sandbox.change_connection(created["id"], "activate")

    assert (off["state"], off["status"]) == ("inactive", "unlinked")
    assert (on["state"], on["status"]) == ("active", "linked")
    assert [event["event"] for event in sandbox.events()][-2:] == [
        "connection.deactivated",
        "connection.activated",
    ]


def test_certificate_reminder_leaves_updated_at_unchanged(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any
) -> None:
    created = sandbox.activate_connection(acme.id)

    sandbox.change_connection(created["id"], "expire_certificate", days=-1)

    [event] = sandbox.events("connection.saml_certificate_renewal_required")
    assert event["data"]["connection"] == {"id": created["id"], "organization_id": acme.id}
    assert event["data"]["days_until_expiry"] == -1
    assert event["data"]["certificate"]["is_expired"] is True
    assert sandbox.connections()[0]["updated_at"] == created["updated_at"]
