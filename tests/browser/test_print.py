"""Pages on paper: what can only be clicked is left out, and it says when and by whom it was printed."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from hostapp.models import User
from tests.browser.app import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_printed_page_shows_its_content_and_who_printed_it(ada: User, live_server: Any, page: Page) -> None:
    sign_in(page, live_server.url, ada)
    page.goto(f"{live_server.url}/enterprises/acme-inc/history/")
    printed = page.get_by_text("UTC by Ada Adeyemi")
    expect(printed).to_be_hidden()

    page.emulate_media(media="print")

    expect(printed).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    for hidden in (".bar", ".tabs", ".filter", ".foot"):
        expect(page.locator(hidden)).to_be_hidden()
    expect(page.get_by_role("button")).to_have_count(0)
