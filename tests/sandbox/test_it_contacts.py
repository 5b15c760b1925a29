"""An IT contact…"""

from typing import Any

import pytest
from workos import ConflictError, NotFoundError, UnprocessableEntityError, WorkOSClient

from sandbox.client import Sandbox
from tests.sandbox.test_portal_links import opened

DAY = 86_400


@pytest.fixture
def acme(workos: WorkOSClient) -> Any:
    return workos.organizations.create_organization(name="Acme")


def test_is_added_once_listed_and_removed(workos: WorkOSClient, acme: Any) -> None:
    added = workos.organizations.create_it_contact(acme.id, email="it@acme.com")

    assert workos.organizations.list_it_contacts(acme.id).data == [added]
    with pytest.raises(ConflictError):
        workos.organizations.create_it_contact(acme.id, email="it@acme.com")
    with pytest.raises(UnprocessableEntityError):
        workos.organizations.create_it_contact(acme.id, email="nobody")
    workos.organizations.delete_it_contact(acme.id, added.id)
    assert workos.organizations.list_it_contacts(acme.id).data == []


def test_is_mailed_a_link_that_opens_for_thirty_days(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any
) -> None:
    sandbox.freeze()
    contact = workos.organizations.create_it_contact(acme.id, email="it@acme.com")

    workos.organizations.invite_it_contact(acme.id, contact.id, intents=["sso", "directory_sync"])

    [mail] = sandbox.mails()
    assert mail["to"] == "it@acme.com"
    sandbox.advance(29 * DAY)
    assert opened(mail["link"]).status == 303
    sandbox.advance(2 * DAY)
    assert opened(mail["link"]).status == 410


def test_is_invited_once_at_a_time_for_an_organization(
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
    assert opened(first["link"]).status == 403
    assert opened(other["link"]).status == 303


def test_takes_the_links_along_when_removed(sandbox: Sandbox, workos: WorkOSClient, acme: Any) -> None:
    contact = workos.organizations.create_it_contact(acme.id, email="it@acme.com")
    workos.organizations.invite_it_contact(acme.id, contact.id, intents=["sso"])

    workos.organizations.delete_it_contact(acme.id, contact.id)

    assert opened(sandbox.mails()[0]["link"]).status == 403


def test_is_not_invited_in_the_words_of_portal_links(workos: WorkOSClient, acme: Any) -> None:
    contact = workos.organizations.create_it_contact(acme.id, email="it@acme.com")

    with pytest.raises(UnprocessableEntityError):
        workos.organizations.invite_it_contact(acme.id, contact.id, intents=["dsync"])


def test_is_unknown_to_another_organization(workos: WorkOSClient, acme: Any) -> None:
    other = workos.organizations.create_organization(name="Other")
    contact = workos.organizations.create_it_contact(acme.id, email="it@acme.com")

    with pytest.raises(NotFoundError):
        workos.organizations.delete_it_contact(other.id, contact.id)
    with pytest.raises(NotFoundError):
        workos.organizations.revoke_it_contact(acme.id, contact.id)
