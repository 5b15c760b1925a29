"""A person with a browser, on the portal page…"""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from workos import WorkOSClient

from sandbox.client import Sandbox
from tests.sandbox.conftest import Receiver

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=request.param, viewport={"width": 375, "height": 700})
    page = context.new_page()
    page.set_default_timeout(5000)
    yield page
    context.close()


def open_portal(workos: WorkOSClient, page: Page, intent: str, receiver: Receiver) -> Any:
    acme = workos.organizations.create_organization(name="Acme")
    link = workos.admin_portal.generate_link(
        organization=acme.id, intent=intent, success_url=receiver.url, return_url=receiver.url
    )
    page.goto(link.link)
    return acme


def test_sets_up_single_sign_on(
    sandbox: Sandbox, workos: WorkOSClient, page: Page, receiver: Receiver
) -> None:
    acme = open_portal(workos, page, "sso", receiver)
    page.get_by_role("radio", name="Okta", exact=True).check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Continue").click()
    [connection] = workos.sso.list_connections(organization_id=acme.id).data
    assert connection.state == "validating"

    page.get_by_role("button", name="Test sign-in").click()
    page.get_by_role("button", name="Finish").click()

    expect(page).to_have_url(receiver.url)
    [connection] = workos.sso.list_connections(organization_id=acme.id).data
    assert connection.state == "active"
    assert [event["data"]["id"] for event in sandbox.events("connection.activated")] == [connection.id]


def test_sets_up_directory_sync(
    sandbox: Sandbox, workos: WorkOSClient, page: Page, receiver: Receiver
) -> None:
    acme = open_portal(workos, page, "dsync", receiver)
    page.get_by_role("radio", name="Okta", exact=True).check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Test connection").click()
    page.get_by_role("button", name="Finish").click()

    expect(page).to_have_url(receiver.url)
    [directory] = workos.directory_sync.list_directories(organization_id=acme.id).data
    assert directory.state == "linked"
    assert len(sandbox.events("dsync.activated")) == 1
