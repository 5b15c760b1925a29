"""The portal's pages in a browser."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect
from workos import WorkOSClient
from workos.organizations.models import OrganizationDomainData

from sandbox.client import Sandbox
from tests.sandbox.accessibility import check_page
from tests.sandbox.conftest import Receiver

pytestmark = pytest.mark.browser

with_and_without_javascript = pytest.mark.parametrize(
    "page", [True, False], ids=["scripted", "scriptless"], indirect=True
)


@pytest.fixture
def acme(workos: WorkOSClient) -> Any:
    pending = OrganizationDomainData.from_dict({"domain": "acme.com", "state": "pending"})
    return workos.organizations.create_organization(name="Acme", domain_data=[pending])


def open_portal(page: Page, workos: WorkOSClient, acme: Any, intent: str | None, receiver: Receiver) -> None:
    link = workos.admin_portal.generate_link(
        organization=acme.id, intent=intent, success_url=receiver.url, return_url=f"{receiver.url}?later"
    ).link
    page.goto(link)


def press(page: Page, name: str) -> None:
    check_page(page)
    page.get_by_role("button", name=name, exact=True).click()


@with_and_without_javascript
def test_it_admin_sets_up_single_sign_on(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any, page: Page, receiver: Receiver
) -> None:
    open_portal(page, workos, acme, "sso", receiver)
    expect(page.get_by_text("Acme")).to_be_visible()
    page.get_by_role("radio", name="Okta", exact=True).check()
    press(page, "Continue")
    page.get_by_label("IdP metadata URL").fill("https://acme.okta.example/metadata")
    press(page, "Continue")
    [connection] = workos.sso.list_connections(organization_id=acme.id).data
    assert connection.state == "validating"

    press(page, "Simulate a failure")
    expect(page.get_by_role("alert")).to_contain_text("failed")
    press(page, "Test sign-in")
    press(page, "Finish")

    expect(page).to_have_url(receiver.url)
    [connection] = workos.sso.list_connections(organization_id=acme.id).data
    assert connection.state == "active"
    assert [event["data"]["id"] for event in sandbox.events("connection.activated")] == [connection.id]


def test_invalid_details_are_explained(
    workos: WorkOSClient, acme: Any, page: Page, receiver: Receiver
) -> None:
    open_portal(page, workos, acme, "sso", receiver)
    press(page, "Continue")
    expect(page.get_by_role("alert")).to_have_text("Choose your identity provider first.")
    page.get_by_role("radio", name="Custom OpenID Connect").check()
    press(page, "Continue")
    page.get_by_label("Client ID").fill("")
    page.get_by_label("Discovery endpoint").fill("ftp://example.com")

    press(page, "Continue")

    check_page(page)
    expect(page.get_by_text("Client ID is missing.")).to_be_visible()
    expect(page.get_by_text("Discovery endpoint must begin with https://.")).to_be_visible()
    expect(page.get_by_label("Discovery endpoint")).to_have_value("ftp://example.com")


def test_unfinished_setup_is_continued_with_a_new_link(
    workos: WorkOSClient, acme: Any, page: Page, receiver: Receiver
) -> None:
    open_portal(page, workos, acme, "sso", receiver)
    page.get_by_role("radio", name="Google Workspace").check()
    press(page, "Continue")
    expect(page.get_by_role("link", name="Save and exit")).to_have_attribute("href", f"{receiver.url}?later")

    open_portal(page, workos, acme, "sso", receiver)
    check_page(page)
    page.get_by_role("link", name="Continue setup of Google Workspace").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Configure Google Workspace")
    assert len(workos.sso.list_connections(organization_id=acme.id).data) == 1


def test_it_admin_removes_a_provider(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any, page: Page, receiver: Receiver
) -> None:
    sandbox.activate_connection(acme.id)
    open_portal(page, workos, acme, "sso", receiver)
    page.get_by_role("link", name="View of Okta").click()
    page.get_by_text("Remove this provider").click()
    press(page, "Remove Okta")

    expect(page.get_by_role("heading", level=1)).to_have_text("Choose your identity provider")
    assert workos.sso.list_connections(organization_id=acme.id).data == []
    assert len(sandbox.events("connection.deleted")) == 1


@with_and_without_javascript
def test_it_admin_sets_up_directory_sync(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any, page: Page, receiver: Receiver
) -> None:
    open_portal(page, workos, acme, "dsync", receiver)
    page.get_by_role("radio", name="Okta", exact=True).check()
    press(page, "Continue")
    expect(page.get_by_label("Endpoint")).to_have_value(
        f"{public_url(sandbox)}/scim/v2.0/{external_key(sandbox)}"
    )
    expect(page.get_by_label("Bearer token")).not_to_have_value("")
    press(page, "Simulate a failure")
    expect(page.get_by_role("alert")).to_contain_text("Okta refused us")
    press(page, "Test connection")
    press(page, "Finish")

    expect(page).to_have_url(receiver.url)
    [directory] = workos.directory_sync.list_directories(organization_id=acme.id).data
    assert directory.state == "linked"
    assert len(sandbox.events("dsync.activated")) == 1
    assert len(workos.directory_sync.list_users(directory=directory.id).data) == 3


def public_url(sandbox: Sandbox) -> str:
    url: str = sandbox.request("GET", "health")["public_url"]
    return url


def external_key(sandbox: Sandbox) -> str:
    key: str = sandbox.directories()[0]["external_key"]
    return key


@with_and_without_javascript
def test_it_admin_verifies_a_domain(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any, page: Page, receiver: Receiver
) -> None:
    open_portal(page, workos, acme, "domain_verification", receiver)
    page.get_by_label("Domain", exact=True).fill("not a domain")
    press(page, "Add domain")
    expect(page.get_by_role("alert")).to_have_text("Enter a domain such as example.com.")
    page.get_by_label("Domain", exact=True).fill("acme.org")
    press(page, "Add domain")
    expect(page.get_by_label("Type")).to_have_value("TXT")
    press(page, "Simulate: record missing")
    expect(page.get_by_role("alert")).to_contain_text("not there yet")
    press(page, "Check now")
    press(page, "Finish")

    expect(page).to_have_url(receiver.url)
    domains = workos.organizations.get_organization(acme.id).domains
    assert {item.domain: item.state for item in domains} == {"acme.com": "pending", "acme.org": "verified"}
    assert [event["data"]["domain"] for event in sandbox.events("organization_domain.verified")] == [
        "acme.org"
    ]


@with_and_without_javascript
def test_it_admin_renews_a_certificate(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any, page: Page, receiver: Receiver
) -> None:
    connection = sandbox.activate_connection(acme.id)
    sandbox.change_connection(connection["id"], "expire_certificate", days=7)
    open_portal(page, workos, acme, "certificate_renewal", receiver)
    expect(page.get_by_text("Expires in 7 days")).to_be_visible()
    page.get_by_role("link", name="Renew the certificate of Okta").click()
    page.get_by_label("X.509 certificate").fill("half of it")
    press(page, "Renew certificate")
    expect(page.get_by_role("alert")).to_contain_text("Paste the whole certificate")
    page.get_by_label("X.509 certificate").fill(
        "-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----"
    )
    press(page, "Renew certificate")
    press(page, "Finish")

    expect(page).to_have_url(receiver.url)
    [event] = sandbox.events("connection.saml_certificate_renewed")
    assert event["data"]["connection"]["id"] == connection["id"]


def test_audit_logs_list_the_events_of_the_organization(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any, page: Page, receiver: Receiver
) -> None:
    workos.organizations.create_organization(name="Other")
    open_portal(page, workos, acme, "audit_logs", receiver)

    check_page(page)
    expect(page.get_by_role("row")).to_have_count(3)
    press(page, "Finish")
    expect(page).to_have_url(receiver.url)


@with_and_without_javascript
@pytest.mark.parametrize("intent", ["log_streams", "bring_your_own_key"])
def test_it_admin_adds_a_log_stream_or_a_key(
    workos: WorkOSClient, acme: Any, page: Page, receiver: Receiver, intent: str
) -> None:
    provider, button = {
        "log_streams": ("Datadog", "Create log stream"),
        "bring_your_own_key": ("AWS KMS", "Use this key"),
    }[intent]
    open_portal(page, workos, acme, intent, receiver)
    press(page, button)
    expect(page.get_by_role("alert")).to_have_text("Choose one first.")
    page.get_by_role("radio", name=provider).check()
    press(page, button)
    expect(page.get_by_role("button", name=f"Remove {provider}")).to_be_visible()
    press(page, "Finish")

    expect(page).to_have_url(receiver.url)


def test_link_without_an_intent_shows_a_menu(
    workos: WorkOSClient, acme: Any, page: Page, receiver: Receiver
) -> None:
    open_portal(page, workos, acme, None, receiver)
    check_page(page)
    page.get_by_role("link", name="Directory Sync").click()

    check_page(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Choose your directory provider")
    expect(page.get_by_role("link", name="All setup tasks")).to_be_visible()


def test_expired_link_page_links_back_to_the_app(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any, page: Page, receiver: Receiver
) -> None:
    link = workos.admin_portal.generate_link(
        organization=acme.id, intent="sso", return_url=f"{receiver.url}?later"
    ).link
    sandbox.expire_links()

    page.goto(link)

    check_page(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("This link has expired")
    expect(page.get_by_role("link", name="Go back to your app")).to_have_attribute(
        "href", f"{receiver.url}?later"
    )
