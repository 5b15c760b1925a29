"""News and times: what changes by itself does not disturb, and times are the reader's."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from enterprises.models import Enterprise
from hostapp.models import User
from sandbox.client import Sandbox
from tests.browser.app import App, organization, sign_in

pytestmark = pytest.mark.browser


def test_times_are_in_the_reader_s_zone_with_utc_on_hover(
    browser: Browser, app: App, sandbox: Sandbox, acme: Enterprise, ada: User
) -> None:
    organization(sandbox, acme)
    Enterprise.objects.update(checked_at="2026-05-03T20:00:00Z")
    context = browser.new_context(timezone_id="Asia/Tokyo")
    page = context.new_page()
    sign_in(page, app.url, ada)
    page.goto(f"{app.url}/enterprises/acme-inc/")

    checked = page.get_by_text("Last checked with WorkOS").get_by_role("time")
    expect(checked).to_have_text(re.compile("4 May 2026.* 05:00:00"))
    expect(checked).to_have_attribute("title", "3 May 2026, 20:00:00 UTC")
    context.close()


def test_news_leaves_the_keyboard_where_it_is_and_speaks_only_when_it_is_new(
    app: App, page: Page, sandbox: Sandbox, acme: Enterprise, ada: User
) -> None:
    organization(sandbox, acme)
    sign_in(page, app.url, ada)
    sandbox.fault("status", status=500, method="GET", path="/organizations/*", times=None)
    page.goto(f"{app.url}/enterprises/acme-inc/")
    page.get_by_role("button", name="Configure SSO").click()
    page.get_by_role("link", name="Back to your app").click()
    page.wait_for_url(f"{app.url}/enterprises/acme-inc/")
    button = page.get_by_role("button", name="Configure Directory Sync")
    button.focus()
    # Counts what a screen reader would be told.
    page.evaluate(
        "window.said = 0; new MutationObserver(() => window.said++)"
        ".observe(document.getElementById('news'), {childList: true, subtree: true})"
    )
    with page.expect_response("**/status/**"):
        pass
    with page.expect_response("**/status/**"):
        pass

    expect(button).to_be_focused()
    assert page.evaluate("window.said") == 0
