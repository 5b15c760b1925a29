"""Staff find a failed event, see what its replay would change, and replay it: with the keyboard alone."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from playwright.sync_api import Page, expect

from enterprises.models import Enterprise
from hostapp.models import User
from mirror.models import Connection
from tests.browser.app import check_page, sign_in
from tests.deliveries import deliver
from webhooks.models import WebhookEvent

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_failed_event_is_found_previewed_and_replayed(
    acme: Enterprise, sam: User, live_server: Any, page: Page
) -> None:
    sam.user_permissions.set(Permission.objects.filter(codename__endswith="_webhookevent"))
    deliver("connection.activated", event_id="event_1")
    WebhookEvent.objects.update(status="failed", reason="KeyError: 'state'", due_at=None, attempts=8)
    sign_in(page, live_server.url, sam)
    page.goto(f"{live_server.url}/staff/webhooks/")
    page.get_by_label("State").select_option("failed")
    page.get_by_role("button", name="Apply").press("Enter")
    check_page(page, "staff-webhooks-failed")
    page.get_by_role("link", name="Retry all of these").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Retry 1 event?")
    check_page(page, "staff-webhooks-retry")
    page.get_by_role("link", name="Cancel").press("Enter")

    page.get_by_role("link", name="connection.activated").press("Enter")
    expect(page.locator("pre.payload")).to_contain_text('"organization_id"')
    check_page(page, "staff-event-failed")
    # A long payload is scrolled without a mouse.
    page.locator("pre.payload").focus()
    expect(page.locator("pre.payload")).to_be_focused()
    page.get_by_role("link", name="Preview replay").press("Enter")
    expect(page.get_by_role("main")).to_contain_text("Failed → Applied")
    expect(page.get_by_role("region", name="Changed data")).to_contain_text("state")
    check_page(page, "staff-event-replay")
    assert not Connection.objects.exists()

    page.get_by_role("button", name="Replay event").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The event was replayed. The data has changed.")
    assert Connection.objects.get().state == "active"
    check_page(page, "staff-event-replayed")
