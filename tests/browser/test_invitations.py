"""A colleague joins by invitation, without JavaScript."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from enterprises.models import Enterprise
from hostapp.models import User
from outbox.runner import run_due_tasks
from tests.browser.app import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page_without_javascript(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_invited_colleague_joins_without_javascript(
    acme: Enterprise, ada: User, live_server: Any, page_without_javascript: Page, settings: Any
) -> None:
    settings.SITE_URL = live_server.url
    page = page_without_javascript
    sign_in(page, live_server.url, ada)
    page.goto(f"{live_server.url}/enterprises/acme-inc/members/")
    page.get_by_label("Email").fill("eve@acme.example")
    page.get_by_role("radio", name="IT admin").check()
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_role("status")).to_contain_text("Invitation sent to eve@acme.example")

    run_due_tasks(now=timezone.now())
    (link,) = [line for line in mail.outbox[-1].body.splitlines() if line.startswith("http")]
    page.context.clear_cookies()
    page.goto(link)
    assert page.url == f"{live_server.url}/invitations/accept/"
    page.get_by_label("Your name").fill("Eve Engel")
    for label in ("Password", "Confirm password"):
        page.get_by_label(label, exact=True).fill("a very good battery")
    page.get_by_role("button", name="Join Acme Inc.").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(page.get_by_role("status").filter(has_text="now a member of Acme Inc.")).to_be_visible()
