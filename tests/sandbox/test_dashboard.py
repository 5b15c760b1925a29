"""The dashboard's pages and forms."""

import http.client
import json

import pytest
from playwright.sync_api import Page, expect
from workos import WorkOSClient

from sandbox.client import Sandbox
from tests.sandbox.accessibility import check_page
from tests.sandbox.conftest import Receiver

pytestmark = pytest.mark.browser


def test_overview_creates_an_organization_and_opens_its_portal(sandbox: Sandbox, page: Page) -> None:
    page.goto(f"{sandbox.url}/")
    check_page(page)
    page.get_by_label("New organization").fill("Acme")
    page.get_by_role("button", name="Add").click()
    page.get_by_role("button", name="Add active Okta connection").click()
    page.get_by_role("button", name="Add linked Okta directory").click()
    check_page(page)
    assert [row["state"] for row in sandbox.connections()] == ["active"]
    assert [row["state"] for row in sandbox.directories()] == ["linked"]

    page.get_by_role("button", name="Domain verification").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Verify your domains")
    page.get_by_role("button", name="Finish").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Acme")


def test_delivery_page_shows_the_attempts_and_resends(
    sandbox: Sandbox, workos: WorkOSClient, page: Page, receiver: Receiver
) -> None:
    sandbox.set_webhook(receiver.url)
    receiver.statuses = [500]
    workos.organizations.create_organization(name="Acme")
    sandbox.settle()
    page.goto(f"{sandbox.url}/_sandbox/dashboard/deliveries")
    check_page(page)
    page.get_by_role("link", name="organization.created").click()
    check_page(page)
    expect(page.get_by_role("heading", name="Attempt 1: 500")).to_be_visible()
    expect(page.get_by_role("region", name="Request of attempt 2")).to_contain_text("WorkOS-Signature: t=")

    page.get_by_role("button", name="Send it again").click()
    sandbox.settle()

    assert [json.loads(body)["event"] for body in receiver.bodies()] == ["organization.created"] * 3


def test_faults_page_adds_and_cancels_faults(sandbox: Sandbox, workos: WorkOSClient, page: Page) -> None:
    page.goto(f"{sandbox.url}/_sandbox/dashboard/faults")
    page.locator("summary", has_text="Deliver it later").click()
    form = page.locator("details[open]")
    form.get_by_label("Events").fill("organization.*")
    form.get_by_label("Seconds later").fill("3")
    form.get_by_label("Every time").check()
    page.get_by_role("button", name="Inject Deliver it later").click()
    expect(page.locator("#message")).to_have_text("Injected: Deliver it later.")
    page.locator("summary", has_text="Answer with an error").click()
    form.get_by_label("Status").fill("429")
    form.get_by_label("Path").fill("/portal/*")
    page.get_by_role("button", name="Inject Answer with an error").click()
    check_page(page)
    expect(page.get_by_role("region", name="Active")).to_contain_text("Every time · organization.*")

    delay, status = sandbox.request("GET", "faults")["data"]
    assert (delay["kind"], delay["event"], delay["seconds"], delay["times"]) == (
        "delay",
        "organization.*",
        3,
        None,
    )
    assert (status["kind"], status["status"], status["path"], status["times"]) == (
        "status",
        429,
        "/portal/*",
        1,
    )
    page.get_by_role("button", name="Cancel all").click()
    assert sandbox.request("GET", "faults")["data"] == []


def test_faults_page_explains_an_invalid_fault(sandbox: Sandbox, page: Page) -> None:
    page.goto(f"{sandbox.url}/_sandbox/dashboard/faults")
    page.locator("summary", has_text="Never deliver it").click()
    page.locator("details[open]").get_by_label("Times").fill("often")
    page.get_by_role("button", name="Inject Never deliver it").click()

    check_page(page)
    expect(page.get_by_role("alert")).to_have_text("Times: 'often' is not a whole number.")


def test_faults_page_starts_a_lifecycle_and_a_burst(
    sandbox: Sandbox, workos: WorkOSClient, page: Page
) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    sandbox.activate_directory(acme.id)
    page.goto(f"{sandbox.url}/_sandbox/dashboard/faults")
    page.get_by_label("How many").fill("40")
    page.get_by_role("button", name="Send many events").click()
    check_page(page)
    assert sandbox.state()["counts"]["users"] == 0
    page.get_by_role("button", name="Send 40 events").click()
    expect(page.locator("#message")).to_have_text("Sending 40 dsync.user.created.")
    page.get_by_role("button", name="Run full lifecycle").click()
    sandbox.settle()

    assert sandbox.state()["counts"]["users"] == 40
    assert len(sandbox.events("organization.deleted")) == 1


def test_switches_page_sets_switches_and_the_clock(sandbox: Sandbox, page: Page) -> None:
    page.goto(f"{sandbox.url}/_sandbox/dashboard/switches")
    check_page(page)
    page.get_by_label("A Portal Link can be opened only once.").check()
    page.get_by_label("Seconds before each retry.").fill("1, 2.5")
    page.get_by_role("button", name="Save settings").click()
    page.get_by_role("button", name="Freeze").click()

    switches = sandbox.request("GET", "switches")
    assert switches["single_use_links"] is True
    assert switches["retry_delays"] == [1, 2.5]
    assert sandbox.request("GET", "health")["frozen"] is True
    before = sandbox.request("GET", "health")["now"]
    page.get_by_label("Seconds to advance").fill("60")
    page.get_by_role("button", name="Advance").click()
    assert sandbox.request("GET", "health")["now"] > before


def test_mails_page_opens_the_link_of_a_mail(sandbox: Sandbox, workos: WorkOSClient, page: Page) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    contact = workos.organizations.create_it_contact(acme.id, email="it@acme.com")
    workos.organizations.invite_it_contact(acme.id, contact.id, intents=["sso"])
    page.goto(f"{sandbox.url}/_sandbox/dashboard/mails")
    check_page(page)

    page.get_by_role("link", name="Open the link").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Choose your identity provider")


@pytest.mark.parametrize("header", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}])
def test_cross_site_request_is_refused(sandbox: Sandbox, header: dict[str, str]) -> None:
    there = http.client.HTTPConnection("127.0.0.1", int(sandbox.url.rsplit(":", 1)[1]), timeout=10)
    there.request("POST", "/_sandbox/reset", b"{}", header)

    answer = there.getresponse()

    assert answer.status == 403
    there.close()
