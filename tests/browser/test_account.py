"""The account menu, the account settings, and a session that ended, in a browser."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from hostapp.models import Session, User
from tests.browser.app import check_page, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def url(live_server: Any) -> str:
    return str(live_server.url)


def test_account_menu_opens_and_closes_and_leads_to_the_settings(ada: User, url: str, page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 720})
    sign_in(page, url, ada)
    page.goto(f"{url}/enterprises/acme-inc/members/")
    settings = page.get_by_role("link", name="Account settings")
    menu = page.locator("details.menu summary")
    bar = page.locator(".bar").bounding_box()
    assert bar is not None
    assert bar["height"] < 64

    menu.click()
    expect(settings).to_be_visible()
    page.keyboard.press("Escape")
    expect(settings).to_be_hidden()
    expect(menu).to_be_focused()
    page.keyboard.press("Enter")
    # The walk of check_page begins outside of the menu, which closes it.
    check_page(page, "account-menu", keyboard=False)
    menu.focus()
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(settings).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Account settings")
    check_page(page, "account")


def test_footer_names_the_time_zone_of_the_browser(ada: User, url: str, browser: Any) -> None:
    context = browser.new_context(timezone_id="Asia/Tokyo")
    page = context.new_page()
    sign_in(page, url, ada)
    page.goto(f"{url}/account/")

    expect(page.get_by_role("contentinfo")).to_contain_text("Times in Asia/Tokyo")
    context.close()


def test_action_of_an_ended_session_is_offered_again(ada: User, url: str, page: Page) -> None:
    sign_in(page, url, ada)
    page.goto(f"{url}/account/")
    page.get_by_label("Name").fill("Ada A.")
    Session.objects.all().delete()
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("status")).to_have_text("Your session ended. Sign in to continue.")
    check_page(page, "session-ended")
    page.get_by_label("Email").fill(ada.email)
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("status")).to_have_text("You’re signed in again. Select Save to continue.")
    expect(page.get_by_role("heading", level=1)).to_have_text("Account settings")
    assert User.objects.get(pk=ada.pk).name == "Ada Adeyemi"
