"""Status updates do not disturb the user, and times are in the user's time zone."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from enterprises.models import Enterprise
from hostapp.models import Session, User
from mirror.models import Connection, Organization
from sandbox.client import Sandbox
from tests.browser.app import App, create_organization, sign_in
from tests.processes import wait_until

pytestmark = pytest.mark.browser


@pytest.fixture
def organization_id(app: App, page: Page, sandbox: Sandbox, acme: Enterprise, ada: User) -> str:
    """The id of Acme's organization; Ada is on Acme's page."""
    organization_id = create_organization(sandbox, acme)
    sign_in(page, app.url, ada)
    page.goto(f"{app.url}/enterprises/acme-inc/")
    return organization_id


def test_times_are_shown_in_the_browser_s_time_zone_with_utc_on_hover(
    browser: Browser, app: App, sandbox: Sandbox, acme: Enterprise, ada: User
) -> None:
    create_organization(sandbox, acme)
    Organization.objects.update(reconciled_at="2026-05-03T20:00:00Z")
    context = browser.new_context(timezone_id="Asia/Tokyo")
    page = context.new_page()
    sign_in(page, app.url, ada)
    page.goto(f"{app.url}/enterprises/acme-inc/")

    checked = page.get_by_text("Last checked").get_by_role("time")
    expect(checked).to_have_text(re.compile("4 May 2026.* 05:00"))
    expect(checked).to_have_attribute("title", "3 May 2026, 20:00:00 UTC")
    context.close()


def test_unchanged_status_update_keeps_focus_and_announces_nothing(
    app: App, page: Page, sandbox: Sandbox, acme: Enterprise, ada: User
) -> None:
    create_organization(sandbox, acme)
    sign_in(page, app.url, ada)
    sandbox.fault("status", status=500, method="GET", path="/organizations/*", times=None)
    page.goto(f"{app.url}/enterprises/acme-inc/")
    page.get_by_role("button", name="Configure SSO").click()
    page.get_by_role("link", name="Back to your app").click()
    page.wait_for_url(f"{app.url}/enterprises/acme-inc/")
    button = page.get_by_role("button", name="Configure directory sync")
    button.focus()
    # Count what a screen reader would announce.
    page.evaluate(
        "window.announcements = 0; new MutationObserver(() => window.announcements++)"
        ".observe(document.getElementById('updates'), {childList: true, subtree: true})"
    )
    with page.expect_response("**/status/**"):
        pass
    with page.expect_response("**/status/**"):
        pass

    expect(button).to_be_focused()
    assert page.evaluate("window.announcements") == 0


def test_later_domain_verification_is_shown_without_reloading(
    page: Page, sandbox: Sandbox, organization_id: str
) -> None:
    page.get_by_role("button", name=re.compile("domain")).click()
    page.get_by_role("link", name="Back to your app").click()
    # The first reconcile is done and found no change.
    expect(page.get_by_text("Last checked")).to_be_visible()
    expect(page.get_by_text("Nothing changed")).to_have_count(0)
    sandbox.verify_domain(organization_id, "acme.example")

    expect(page.get_by_role("status")).to_contain_text("acme.example is verified.")
    expect(page.get_by_role("region", name="Domains")).to_contain_text("Verified")


def test_check_now_shows_the_result_without_reloading(
    page: Page, sandbox: Sandbox, organization_id: str
) -> None:
    sandbox.fault("drop", event="*", times=None)
    sandbox.activate_connection(organization_id)
    page.get_by_role("button", name="Check now").click()

    expect(page.get_by_role("region", name="Single sign-on")).to_contain_text("Active")


def test_returning_to_the_tab_updates_the_page(page: Page, sandbox: Sandbox, organization_id: str) -> None:
    sandbox.activate_connection(organization_id)
    sandbox.settle()
    wait_until(lambda: Connection.objects.filter(state="active").exists())
    expect(page.get_by_role("region", name="Single sign-on")).to_contain_text("Not set up")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    expect(page.get_by_role("region", name="Single sign-on")).to_contain_text("Active")


def test_expired_session_leads_from_the_polling_page_to_the_sign_in(
    page: Page, app: App, sandbox: Sandbox, organization_id: str
) -> None:
    sandbox.fault("status", status=500, method="GET", path="/organizations/*", times=None)
    page.get_by_role("button", name="Configure SSO").click()
    page.get_by_role("link", name="Back to your app").click()
    page.wait_for_url(f"{app.url}/enterprises/acme-inc/")
    Session.objects.all().delete()

    page.wait_for_url("**/account/login/**")
    expect(page.get_by_role("main")).to_have_count(1)
