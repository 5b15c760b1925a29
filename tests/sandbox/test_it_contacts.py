"""IT contacts and their setup links."""

from typing import Any

import pytest
from workos import ConflictError, NotFoundError, UnprocessableEntityError, WorkOSClient

from sandbox.client import Sandbox
from tests.sandbox.test_portal_links import open_url

DAY = 86_400


@pytest.fixture
def acme(workos: WorkOSClient) -> Any:
    return workos.organizations.create_organization(name="Acme")


def test_contact_is_created_once_listed_and_deleted(workos: WorkOSClient, acme: Any) -> None:
    added = workos.organizations.create_it_contact(acme.id, email="it@acme.com")

    assert workos.organizations.list_it_contacts(acme.id).data == [added]
    with pytest.raises(ConflictError):
        workos.organizations.create_it_contact(acme.id, email="it@acme.com")
    with pytest.raises(UnprocessableEntityError):
        workos.organizations.create_it_contact(acme.id, email="nobody")
    workos.organizations.delete_it_contact(acme.id, added.id)
    assert workos.organizations.list_it_contacts(acme.id).data == []


def test_setup_link_is_mailed_and_expires_after_thirty_days(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any
) -> None:
    sandbox.freeze()
    contact = workos.organizations.create_it_contact(acme.id, email="it@acme.com")

    workos.organizations.invite_it_contact(acme.id, contact.id, intents=["sso", "directory_sync"])

    [mail] = sandbox.mails()
    assert mail["to"] == "it@acme.com"
    sandbox.advance(29 * DAY)
    assert open_url(mail["link"]).status == 303
    sandbox.advance(2 * DAY)
    assert open_url(mail["link"]).status == 410


def test_organization_has_one_active_setup_link_at_a_time(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any
) -> None:
    contact = workos.organizations.create_it_contact(acme.id, email="it@acme.com")
    second = workos.organizations.create_it_contact(acme.id, email="it2@acme.com")
    workos.organizations.invite_it_contact(acme.id, contact.id, intents=["sso"])

    with pytest.raises(ConflictError):
        workos.organizations.invite_it_contact(acme.id, second.id, intents=["sso"])
    workos.organizations.revoke_it_contact(acme.id, contact.id)
    workos.organizations.invite_it_contact(acme.id, second.id, intents=["sso"])

    first, other = sandbox.mails()
    assert open_url(first["link"]).status == 403
    assert open_url(other["link"]).status == 303


def test_deleting_a_contact_revokes_its_setup_link(sandbox: Sandbox, workos: WorkOSClient, acme: Any) -> None:
    contact = workos.organizations.create_it_contact(acme.id, email="it@acme.com")
    workos.organizations.invite_it_contact(acme.id, contact.id, intents=["sso"])

    workos.organizations.delete_it_contact(acme.id, contact.id)

    assert open_url(sandbox.mails()[0]["link"]).status == 403


def test_invitation_with_a_portal_link_intent_is_answered_422(workos: WorkOSClient, acme: Any) -> None:
    contact = workos.organizations.create_it_contact(acme.id, email="it@acme.com")

    with pytest.raises(UnprocessableEntityError):
        workos.organizations.invite_it_contact(acme.id, contact.id, intents=["dsync"])


def test_contact_of_another_organization_is_answered_404(workos: WorkOSClient, acme: Any) -> None:
    other = workos.organizations.create_organization(name="Other")
    contact = workos.organizations.create_it_contact(acme.id, email="it@acme.com")

    with pytest.raises(NotFoundError):
        workos.organizations.delete_it_contact(other.id, contact.id)
    with pytest.raises(NotFoundError):
        workos.organizations.revoke_it_contact(acme.id, contact.id)
