"""What holds of every page: axe finds nothing, it fits a phone, and its times are the reader's."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from enterprises.models import Enterprise
from hostapp.models import User
from sandbox.client import Sandbox
from tests.browser.app import App, look, organization, sign_in

pytestmark = pytest.mark.browser


@pytest.fixture
def staff(app: App, page: Page, sandbox: Sandbox, acme: Enterprise, ada: User) -> Page:
    """Ada, who also is staff, so that she sees every page."""
    User.objects.filter(pk=ada.pk).update(is_staff=True)
    organization(sandbox, acme)
    sign_in(page, app, ada)
    return page


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("home", "/"),
        ("password-change", "/account/password_change/"),
        ("members", "/enterprises/acme-inc/members/"),
        ("history", "/enterprises/acme-inc/history/"),
        ("staff-list", "/staff/enterprises/"),
        ("staff-new", "/staff/enterprises/new/"),
        ("staff-enterprise", "/staff/enterprises/acme-inc/"),
        ("not-found", "/no-such-page/"),
    ],
)
def test_a_page_behind_the_sign_in_is_accessible(staff: Page, app: App, name: str, path: str) -> None:
    staff.goto(app.url + path)
    look(staff, name)


@pytest.mark.parametrize(
    ("name", "path"), [("login", "/account/login/"), ("password-reset", "/account/password_reset/")]
)
def test_a_public_page_is_accessible(app: App, page: Page, name: str, path: str) -> None:
    page.goto(app.url + path)
    look(page, name)


def test_times_are_in_the_reader_s_zone_with_utc_on_hover(
    browser: Browser, app: App, sandbox: Sandbox, acme: Enterprise, ada: User
) -> None:
    organization(sandbox, acme)
    Enterprise.objects.update(checked_at="2026-05-03T20:00:00Z")
    context = browser.new_context(timezone_id="Asia/Tokyo")
    page = context.new_page()
    sign_in(page, app, ada)
    page.goto(f"{app.url}/enterprises/acme-inc/")

    checked = page.get_by_text("Last checked with WorkOS").get_by_role("time")
    expect(checked).to_have_text(re.compile("4 May 2026.* 05:00:00"))
    expect(checked).to_have_attribute("title", "3 May 2026, 20:00:00 UTC")
    context.close()


def test_news_leaves_the_keyboard_where_it_is_and_speaks_only_when_it_is_new(
    staff: Page, app: App, sandbox: Sandbox
) -> None:
    sandbox.fault("status", status=500, method="GET", path="/organizations/*", times=None)
    staff.goto(f"{app.url}/enterprises/acme-inc/")
    staff.get_by_role("button", name="Configure SSO").click()
    staff.get_by_role("link", name="Back to your app").click()
    staff.wait_for_url(f"{app.url}/enterprises/acme-inc/")
    button = staff.get_by_role("button", name="Configure Directory Sync")
    button.focus()
    # Counts what a screen reader would be told.
    staff.evaluate(
        "window.said = 0; new MutationObserver(() => window.said++)"
        ".observe(document.getElementById('news'), {childList: true, subtree: true})"
    )
    with staff.expect_response("**/status/**"):
        pass
    with staff.expect_response("**/status/**"):
        pass

    expect(button).to_be_focused()
    assert staff.evaluate("window.said") == 0
