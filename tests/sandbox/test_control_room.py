"""What one does in the control room: requests, events, directories, domains, presets, saved states."""

import http.client
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from workos import WorkOSClient

from sandbox.client import Sandbox
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


def test_request_log_keeps_the_latest_200(sandbox: Sandbox, workos: WorkOSClient, page: Page) -> None:
    there = http.client.HTTPConnection("127.0.0.1", int(sandbox.url.rsplit(":", 1)[1]), timeout=10)
    for number in range(205):
        there.request(
            "GET", f"/organizations/org_{number}", headers={"Authorization": f"Bearer {sandbox.api_key}"}
        )
        there.getresponse().read()
    there.close()
    show(page, sandbox, "dashboard/requests")
    expect(page.locator("tbody tr")).to_have_count(100)
    newest = page.locator("tbody a").first.get_attribute("href")
    assert newest
    oldest = int(newest.rsplit("/", 1)[1]) - 199

    page.goto(f"{sandbox.url}/_sandbox/dashboard/requests/{oldest}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("GET /organizations/")
    page.goto(f"{sandbox.url}/_sandbox/dashboard/requests/{oldest - 1}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Page not found")


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
    show(page, sandbox, "dashboard/requests")
    page.get_by_role("link", name="POST /organizations").focus()

    workos.organizations.get_organization(acme.id)

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
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("window.away = true")
    page.clock.run_for(10_000)
    assert asked == []

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
    with pytest.raises(Exception, match="503"):
        workos.organizations.get_organization(acme.id)
    press(page, "End the outage")
    assert workos.organizations.get_organization(acme.id).name == "Acme"

    sandbox.set_webhook(receiver.url)
    press(page, "Rotate")
    expect_message(page, "Added an endpoint with a new secret")
    endpoints = sandbox.state()["webhook_endpoints"]
    assert len({row["secret"] for row in endpoints}) == len(endpoints) == 2


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
