"""A setup link for an IT contact outside the app: WorkOS mails it, and the application never sees it."""

import re
from email import message_from_string, policy

import pytest
from playwright.sync_api import Page, expect

from audit.models import AuditEntry
from enterprises.models import Enterprise, ITContact
from hostapp.models import User
from portal.models import SetupLink
from sandbox.client import Sandbox
from tests.browser.app import App, check_page, create_organization, sign_in
from tests.processes import wait_until

pytestmark = pytest.mark.browser


@pytest.fixture
def ready(app: App, page: Page, sandbox: Sandbox, acme: Enterprise, ada: User) -> Page:
    create_organization(sandbox, acme)
    sign_in(page, app.url, ada)
    page.goto(f"{app.url}/enterprises/acme-inc/")
    page.get_by_role("link", name="Setup links").click()
    return page


def send(page: Page, email: str = "Ines@provider.example") -> None:
    page.get_by_label("Email of the IT contact").fill(email)
    page.get_by_label("Single sign-on").check()
    page.get_by_label("Directory sync").check()
    page.get_by_role("button", name="Send setup link").click()


def test_setup_link_is_mailed_by_workos_and_opens_the_portal(
    ready: Page, sandbox: Sandbox, app: App, acme: Enterprise
) -> None:
    check_page(ready, "setup-links-none")
    send(ready)

    expect(ready.get_by_role("main")).to_contain_text("Setup link sent to ines@provider.example")
    expect(ready.get_by_role("region", name="Sent")).to_contain_text(re.compile(r"Valid until \d+ \w+ \d{4}"))
    expect(ready.get_by_role("region", name="Send a setup link")).to_contain_text(
        "allows one setup link at a time"
    )
    for email, purpose in (
        ("ada@acme.example", "alerts"),
        ("ines@provider.example", "alerts"),
        ("monitoring-and-on-call@infrastructure.acme.example", "other"),
    ):
        ITContact.objects.create(enterprise=acme, email=email, purpose=purpose, contact_id=f"contact_{email}")
    ready.reload()
    contacts = ready.get_by_role("region", name="IT contacts")
    # One line for an address, whatever it is there for.
    expect(contacts.get_by_role("listitem")).to_have_text(
        [
            re.compile(r"ada@acme.example\s+IT admin$"),
            re.compile(r"ines@provider.example\s+IT admin and setup link$"),
            re.compile(r"monitoring-and-on-call@\S+\s+Added in WorkOS, not managed here$"),
        ]
    )
    check_page(ready, "setup-links-sent")

    mail = sandbox.mails()[0]
    assert mail["to"] == "ines@provider.example"
    secret = mail["link"].rpartition("=")[2]
    assert secret not in ready.content()
    assert secret not in app.log_file.read_text()
    wait_until(app.read_mails)
    notification = message_from_string(app.read_mails()[0], policy=policy.default)
    assert "Setup link sent to ines@provider.example" in notification["Subject"]
    assert AuditEntry.objects.filter(action="setup_link_sent", target="ines@provider.example").exists()

    ready.goto(mail["link"])
    expect(ready.locator("body")).to_contain_text("Acme Inc.")


def test_revoked_setup_link_is_rejected_and_another_can_be_sent(ready: Page, sandbox: Sandbox) -> None:
    send(ready)
    ready.get_by_role("button", name="Revoke ines@provider.example").click()

    expect(ready.get_by_role("region", name="Sent")).to_contain_text("Revoked")
    expect(ready.get_by_role("button", name="Send setup link")).to_be_visible()
    assert SetupLink.objects.get().state == "revoked"
    check_page(ready, "setup-links-revoked")
    response = ready.request.get(sandbox.mails()[0]["link"])
    assert response.status == 403


def test_resent_setup_link_replaces_the_old_one(ready: Page, sandbox: Sandbox) -> None:
    send(ready)
    ready.get_by_role("button", name="Send again").click()

    expect(ready.get_by_role("main")).to_contain_text("Setup link sent to")
    old, new = [mail["link"] for mail in sandbox.mails()]
    assert ready.request.get(old).status == 403
    assert ready.request.get(new).ok
    assert sorted(SetupLink.objects.values_list("state", flat=True)) == ["revoked", "sent"]


def test_setup_link_that_we_did_not_send_is_explained(
    ready: Page, sandbox: Sandbox, acme: Enterprise
) -> None:
    send(ready)
    SetupLink.objects.all().delete()
    ready.reload()
    send(ready, "other@provider.example")

    expect(ready.get_by_role("main")).to_contain_text("WorkOS allows one at a time")
    assert SetupLink.objects.get().state == "failed"
    check_page(ready, "setup-links-failed")


def test_setup_link_form_requires_an_intent(ready: Page) -> None:
    ready.get_by_label("Email of the IT contact").fill("ines@provider.example")
    ready.get_by_role("button", name="Send setup link").click()

    expect(ready.get_by_text("Choose at least one.")).to_be_visible()
    expect(ready).to_have_title(re.compile("^Error"))
    check_page(ready, "setup-links-error")


def test_interrupted_sending_is_shown_as_not_certain(ready: Page, sandbox: Sandbox) -> None:
    sandbox.fault("cut", path="*/invite")
    send(ready)

    expect(ready.get_by_role("main")).to_contain_text("and quote")
    expect(ready.get_by_role("region", name="Sent")).to_contain_text("Unconfirmed")
    check_page(ready, "setup-links-not-certain")
