"""What one does in the control room: requests, events, directories, domains, presets, saved states."""

import http.client
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from workos import RateLimitExceededError, ServerError, WorkOSClient

from sandbox.client import Sandbox, SandboxError
from tests.sandbox.accessibility import check_page
from tests.sandbox.conftest import Receiver

pytestmark = pytest.mark.browser

with_and_without_javascript = pytest.mark.parametrize(
    "page", [True, False], ids=["scripted", "scriptless"], indirect=True
)


@pytest.fixture
def acme(workos: WorkOSClient) -> Any:
    return workos.organizations.create_organization(name="Acme")


def show(page: Page, sandbox: Sandbox, path: str) -> None:
    page.goto(f"{sandbox.url}/_sandbox/{path}")


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def expect_message(page: Page, text: str) -> None:
    expect(page.locator("#message")).to_contain_text(text)


@with_and_without_javascript
def test_request_page_shows_bodies_and_hides_the_api_key_and_the_link(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any, page: Page
) -> None:
    link = workos.admin_portal.generate_link(organization=acme.id, intent="sso").link
    show(page, sandbox, "dashboard/requests")
    check_page(page)
    expect(page.locator("tbody a").first).to_have_text("POST /portal/generate_link")

    page.get_by_role("link", name="POST /portal/generate_link").click()

    check_page(page)
    expect(page.get_by_role("region", name="Request", exact=True).last).to_contain_text(acme.id)
    assert link not in page.content()
    assert sandbox.api_key not in page.content()
    assert "Authorization: Bearer $WORKOS_API_KEY" in page.get_by_label("Request as curl").input_value()


def test_request_log_keeps_the_latest_200_on_two_pages(sandbox: Sandbox, page: Page) -> None:
    there = http.client.HTTPConnection("127.0.0.1", int(sandbox.url.rsplit(":", 1)[1]), timeout=10)
    for number in range(205):
        there.request(
            "GET", f"/organizations/org_{number}", headers={"Authorization": f"Bearer {sandbox.api_key}"}
        )
        there.getresponse().read()
    there.close()
    show(page, sandbox, "dashboard/requests")
    expect(page.locator("tbody tr")).to_have_count(100)
    expect(page.locator("tbody a").first).to_have_text("GET /organizations/org_204")

    page.get_by_role("link", name="Next").click()

    expect(page.locator("tbody a").first).to_have_text("GET /organizations/org_104")
    expect(page.get_by_role("navigation", name="Pages of API requests")).to_contain_text("101 to 200")
    expect(page.get_by_role("link", name="Next")).to_have_count(0)
    check_page(page)
    oldest = page.locator("tbody a").last
    expect(oldest).to_have_text("GET /organizations/org_5")
    number = int((oldest.get_attribute("href") or "").rsplit("/", 1)[1])
    page.goto(f"{sandbox.url}/_sandbox/dashboard/requests/{number - 1}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Page not found")


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page=nonsense", "page=99999999999999"])
def test_list_starts_at_its_first_page_for_a_page_that_is_no_number(
    sandbox: Sandbox, acme: Any, page: Page, query: str
) -> None:
    show(page, sandbox, f"?{query}")

    expect(page.get_by_role("link", name="Acme")).to_be_visible()


def test_people_of_a_large_directory_are_on_several_pages(sandbox: Sandbox, acme: Any, page: Page) -> None:
    directory = sandbox.activate_directory(acme.id, users=101)
    show(page, sandbox, f"dashboard/directories/{directory['id']}")
    people = page.get_by_role("region", name="People (101)")
    expect(people.get_by_role("button", name="Deactivate")).to_have_count(100)

    people.get_by_role("link", name="Next").click()

    expect(people.get_by_role("button", name="Deactivate")).to_have_count(1)
    people.get_by_role("link", name="Previous").click()
    expect(people.get_by_role("button", name="Deactivate")).to_have_count(100)


def test_cut_request_is_logged_without_a_response(sandbox: Sandbox, page: Page) -> None:
    sandbox.fault("cut")
    there = http.client.HTTPConnection("127.0.0.1", int(sandbox.url.rsplit(":", 1)[1]), timeout=10)
    there.request("GET", "/organizations")
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        there.getresponse()
    there.close()

    show(page, sandbox, "dashboard/requests")

    expect(page.locator("tbody tr").first).to_contain_text("none")
    expect(page.locator("tbody tr").first).to_contain_text("fault: cut")


def test_page_refreshes_itself_and_keeps_the_focus(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any, page: Page
) -> None:
    page.clock.install()
    show(page, sandbox, "dashboard/requests")
    page.get_by_role("link", name="POST /organizations").focus()

    workos.organizations.get_organization(acme.id)
    page.clock.run_for(3_000)

    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.get_by_role("link", name="POST /organizations")).to_be_focused()


def test_refresh_pauses_when_asked_to(sandbox: Sandbox, workos: WorkOSClient, page: Page) -> None:
    page.clock.install()
    show(page, sandbox, "dashboard/requests")
    press(page, "Pause live updates")
    workos.organizations.create_organization(name="Birch")
    page.clock.run_for(10_000)
    expect(page.locator("tbody tr")).to_have_count(0)

    press(page, "Resume live updates")
    page.clock.run_for(10_000)

    expect(page.locator("tbody tr")).to_have_count(1)


def test_hidden_page_does_not_refresh(sandbox: Sandbox, page: Page) -> None:
    page.clock.install()
    page.add_init_script("Object.defineProperty(document, 'hidden', {get: () => window.away ?? false})")
    show(page, sandbox, "dashboard/requests")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.resource_type))
    page.evaluate("window.away = true")
    page.clock.run_for(10_000)
    assert "fetch" not in asked

    page.evaluate("window.away = false")
    with page.expect_response("**/dashboard/requests"):
        page.clock.run_for(3_000)


@with_and_without_javascript
def test_domain_is_added_failed_and_verified(sandbox: Sandbox, acme: Any, page: Page) -> None:
    show(page, sandbox, f"dashboard/organizations/{acme.id}")
    page.get_by_label("New domain").fill("acme.example")
    press(page, "Add domain")
    press(page, "Fail acme.example")
    expect_message(page, "acme.example failed. Sent organization_domain.verification_failed.")
    press(page, "Verify acme.example")
    expect_message(page, "acme.example is verified.")
    check_page(page)

    assert [
        event["event"] for event in sandbox.events() if event["event"].startswith("organization_domain")
    ] == [
        "organization_domain.created",
        "organization_domain.verification_failed",
        "organization_domain.verified",
    ]
    page.get_by_label("New domain").fill("nonsense")
    press(page, "Add domain")
    expect(page.get_by_role("alert")).to_contain_text("“nonsense” is not a domain.")


@with_and_without_javascript
def test_people_and_groups_of_a_directory_are_changed(sandbox: Sandbox, acme: Any, page: Page) -> None:
    directory = sandbox.activate_directory(acme.id)
    show(page, sandbox, f"dashboard/directories/{directory['id']}")
    page.get_by_text("Add a person").click()
    page.get_by_label("Email").fill("eve@acme.example")
    press(page, "Add person")
    page.get_by_label("New group").fill("Developers")
    press(page, "Add group")
    press(page, "Add to group Developers")
    expect_message(page, "Added eve@acme.example to Developers.")
    check_page(page)
    press(page, "Remove from group Developers: eve@acme.example")
    page.get_by_text("Edit eve@acme.example").click()
    page.get_by_label("Job title").first.fill("Captain")
    press(page, "Save eve@acme.example")
    press(page, "Deactivate eve@acme.example")
    expect_message(page, "eve@acme.example is now inactive.")
    press(page, "Remove eve@acme.example")
    page.get_by_text("Rename or remove Developers").click()
    page.get_by_label("Name of Developers").fill("Engineers")
    press(page, "Rename Developers")
    page.get_by_text("Rename or remove Engineers").click()
    press(page, "Remove group Engineers")

    names = [
        event["event"] for event in sandbox.events() if event["event"].startswith(("dsync.u", "dsync.g"))
    ]
    assert names == [
        "dsync.user.created",
        "dsync.group.created",
        "dsync.group.user_added",
        "dsync.group.user_removed",
        "dsync.user.updated",
        "dsync.user.updated",
        "dsync.user.deleted",
        "dsync.group.updated",
        "dsync.group.deleted",
    ]


@with_and_without_javascript
def test_event_is_sent_with_the_edited_json(
    sandbox: Sandbox, acme: Any, page: Page, receiver: Receiver
) -> None:
    sandbox.set_webhook(receiver.url)
    show(page, sandbox, "dashboard/events?event=organization.updated")
    assert json.loads(page.get_by_label("Data (JSON)").input_value())["name"] == "Acme"
    page.get_by_label("Data (JSON)").fill('{"name":')
    press(page, "Send event")
    check_page(page)
    expect(page.get_by_role("alert")).to_contain_text("Not valid JSON")
    expect(page.get_by_label("Data (JSON)")).to_have_value('{"name":')

    page.get_by_label("Data (JSON)").fill('{"name": "Birch"}')
    press(page, "Send event")

    expect_message(page, "Sent organization.updated.")
    check_page(page)
    sandbox.settle()
    assert json.loads(receiver.bodies()[-1])["data"] == {"name": "Birch"}


def test_stored_event_can_be_edited_and_sent_again(sandbox: Sandbox, acme: Any, page: Page) -> None:
    sandbox.verify_domain(acme.id, "acme.example")
    show(page, sandbox, "dashboard/events")

    page.get_by_role("link", name="Edit and send again organization.created").click()

    expect(page.get_by_label("Event", exact=True)).to_have_value("organization.created")
    expect(page.get_by_label("Organization id")).to_have_value(acme.id)
    press(page, "Send event")
    first, second = sandbox.events("organization.created")
    assert first["id"] != second["id"]
    assert first["data"] == second["data"]


def test_delivery_page_says_what_a_retry_changed(
    sandbox: Sandbox, workos: WorkOSClient, page: Page, receiver: Receiver
) -> None:
    sandbox.set_webhook(receiver.url)
    receiver.statuses = [500]
    workos.organizations.create_organization(name="Acme")
    sandbox.settle()
    sandbox.switch(resign_retries=False)
    receiver.statuses = [500]
    workos.organizations.create_organization(name="Birch")
    sandbox.settle()
    birch, acme = sandbox.deliveries()[::-1]

    show(page, sandbox, f"dashboard/deliveries/{acme['id']}")
    expect(page.get_by_role("region", name="Attempt 2: 200")).to_contain_text(
        "Changed since the attempt before: WorkOS-Signature."
    )
    show(page, sandbox, f"dashboard/deliveries/{birch['id']}")
    expect(page.get_by_role("region", name="Attempt 2: 200")).to_contain_text(
        "The same request as the attempt before."
    )


def test_delivery_can_be_copied_as_curl(
    sandbox: Sandbox, workos: WorkOSClient, page: Page, receiver: Receiver
) -> None:
    sandbox.set_webhook(receiver.url)
    workos.organizations.create_organization(name="Acme")
    sandbox.settle()
    show(page, sandbox, "dashboard/deliveries")
    page.get_by_role("link", name="organization.created").click()

    command = page.get_by_label("Attempt 1 as curl").input_value()

    assert command.startswith(f"curl -X POST {receiver.url} ")
    assert "WorkOS-Signature: t=" in command


def test_presets_expire_certificates_stop_workos_and_rotate_the_secret(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any, page: Page, receiver: Receiver
) -> None:
    show(page, sandbox, "")
    press(page, "Expire certificates")
    expect(page.get_by_role("alert")).to_contain_text("No active connection has a certificate.")
    sandbox.activate_connection(acme.id, "OktaSAML")
    press(page, "Expire certificates")
    expect_message(page, "1 certificate expires in 14 days.")
    assert len(sandbox.events("connection.saml_certificate_renewal_required")) == 1

    press(page, "Start an outage")
    check_page(page)
    with pytest.raises(ServerError):
        workos.organizations.get_organization(acme.id)
    press(page, "End the outage")
    assert workos.organizations.get_organization(acme.id).name == "Acme"

    sandbox.set_webhook(receiver.url)
    press(page, "Rotate")
    expect_message(page, "Added an endpoint with a new secret")
    endpoints = sandbox.state()["webhook_endpoints"]
    assert len({row["secret"] for row in endpoints}) == len(endpoints) == 2


def test_presets_are_applied_by_scripts(sandbox: Sandbox, acme: Any, workos: WorkOSClient) -> None:
    assert sandbox.apply_preset("rotate_secrets") == 0
    sandbox.activate_connection(acme.id)
    assert sandbox.apply_preset("expire_certificates") == 1
    assert [sandbox.apply_preset("start_outage") for _ in range(2)] == [1, 0]
    with pytest.raises(ServerError):
        workos.organizations.get_organization(acme.id)
    assert [sandbox.apply_preset("end_outage") for _ in range(2)] == [1, 0]

    with pytest.raises(SandboxError, match=r"400 .*expire_certificates, start_outage"):
        sandbox.apply_preset("nonsense")


def test_applied_fault_is_listed_after_it_is_used_up(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any, page: Page
) -> None:
    sandbox.fault("status", status=429, retry_after=7)
    with pytest.raises(RateLimitExceededError):
        workos.organizations.get_organization(acme.id)
    show(page, sandbox, "dashboard/faults")

    expect(page.get_by_role("region", name="Active", exact=True)).to_contain_text("No active faults.")
    row = page.get_by_role("region", name="Applied faults").locator("tbody tr")
    expect(row).to_contain_text("Status: 429 · Retry-After in seconds: 7")
    expect(row).to_contain_text(f"GET /organizations/{acme.id}")
    check_page(page)


def test_applied_fault_shows_no_token_of_the_portal(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any, page: Page
) -> None:
    link = workos.admin_portal.generate_link(organization=acme.id, intent="sso").link
    page.goto(link)
    sandbox.fault("empty", path="/portal/*")
    page.reload()

    [applied] = sandbox.request("GET", "faults")["applied"]

    assert applied["subject"] == "GET /portal/…"


def test_saved_state_is_loaded_again(sandbox: Sandbox, acme: Any, page: Page, tmp_path: Path) -> None:
    sandbox.activate_directory(acme.id)
    show(page, sandbox, "")
    with page.expect_download() as download:
        page.get_by_role("link", name="Save the state").click()
    download.value.save_as(tmp_path / "state.json")
    before = sandbox.state()
    page.get_by_text("Reset", exact=True).click()
    press(page, "Reset the sandbox")
    expect_message(page, "The sandbox is reset.")
    assert sandbox.state()["organizations"] == []

    page.get_by_label("Saved state").set_input_files(tmp_path / "state.json")
    press(page, "Load")

    expect_message(page, "Loaded 1 organization. No events were sent")
    assert {**sandbox.state(), "webhook_endpoints": []} == {**before, "webhook_endpoints": []}


def test_scripts_save_and_load_a_state(sandbox: Sandbox, acme: Any) -> None:
    sandbox.activate_directory(acme.id, users=2)
    sandbox.switch(retention_days=7)
    saved, before = sandbox.save_state(), sandbox.state()
    sandbox.reset()

    sandbox.load_state(saved)

    assert sandbox.state() == before
    assert sandbox.switch()["retention_days"] == 7
    with pytest.raises(SandboxError, match=r"400 .*This file was not saved by the sandbox"):
        sandbox.load_state({})
    assert sandbox.state() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nonsense", "Nothing was loaded: the file is not JSON."),
        ("[]", "This file was not saved by the sandbox."),
        ('{"format": "workos-sandbox-state", "version": 2}', "This file has version 2"),
        ('{"format": "workos-sandbox-state", "version": 1, "switches": {}}', "tables must be an object."),
    ],
)
def test_malformed_state_is_refused_and_changes_nothing(
    sandbox: Sandbox, acme: Any, page: Page, content: str, message: str
) -> None:
    show(page, sandbox, "")
    page.get_by_label("Saved state").set_input_files(
        {"name": "state.json", "mimeType": "application/json", "buffer": content.encode()}
    )

    press(page, "Load")

    expect(page.get_by_role("alert")).to_contain_text(message)
    check_page(page)
    assert [row["name"] for row in sandbox.state()["organizations"]] == ["Acme"]


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("organizations", {"name": 1}),
        ("organizations", {"created_at": "yesterday"}),
        ("organizations", {"unknown": "field"}),
        ("domains", {"organization_id": "org_unknown"}),
    ],
)
def test_state_with_a_wrong_row_is_refused(
    sandbox: Sandbox, acme: Any, page: Page, table: str, change: dict[str, Any]
) -> None:
    sandbox.verify_domain(acme.id, "acme.example")
    show(page, sandbox, "")
    with page.expect_download() as download:
        page.get_by_role("link", name="Save the state").click()
    saved = json.loads(Path(download.value.path()).read_text())
    saved["tables"][table][0] |= change
    page.get_by_label("Saved state").set_input_files(
        {"name": "state.json", "mimeType": "application/json", "buffer": json.dumps(saved).encode()}
    )

    press(page, "Load")

    expect(page.get_by_role("alert")).to_contain_text("Nothing was loaded.")
    assert [row["name"] for row in sandbox.state()["organizations"]] == ["Acme"]


def test_message_is_gone_after_a_reload(sandbox: Sandbox, page: Page) -> None:
    show(page, sandbox, "")
    page.get_by_label("New organization").fill("Acme")
    press(page, "Add")
    expect_message(page, "Added Acme.")

    page.reload()

    expect(page.locator("#message")).to_have_count(0)


@pytest.mark.parametrize(
    "path", ["nonsense", "dashboard/organizations/org_unknown", "dashboard/deliveries/none"]
)
def test_unknown_page_says_so(sandbox: Sandbox, page: Page, path: str) -> None:
    show(page, sandbox, path)

    check_page(page)
    expect(page).to_have_title("Page not found · WorkOS sandbox")
    page.get_by_role("link", name="Go to the overview").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
