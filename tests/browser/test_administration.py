"""The Django admin as staff see it."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from enterprises import history
from enterprises.models import (
    Certificate,
    Connection,
    Directory,
    Enterprise,
    Errand,
    Invitation,
    OrganizationDomain,
    SetupLink,
)
from hostapp.models import SignInAttempt, User
from portal.models import PortalSession
from tests.browser.app import look, sign_in
from tests.deliveries import deliver, post, signed
from webhooks.models import Secret, WebhookEvent

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LONG = "a.colleague.with.a.long.name@acme.example"


@pytest.fixture
def staff(
    acme: Enterprise, ada: User, sam: User, live_server: Any, page: Page, settings: Any
) -> tuple[Page, str]:
    """Sam as superuser, with at least one row of each model."""
    now = timezone.now()
    User.objects.filter(pk=sam.pk).update(is_superuser=True)
    told = {"enterprise": acme, "as_of": now}
    Connection.objects.create(connection_id="conn_1", state="active", name="Okta of Acme", **told)
    Directory.objects.create(directory_id="directory_1", state="active", **told)
    OrganizationDomain.objects.create(domain_id="domain_1", domain="acme.example", state="verified", **told)
    Certificate.objects.create(
        key="conn_1/", connection_id="conn_1", renewal_required=True, expires_at=now, **told
    )
    Errand.objects.record(Errand.Kind.RENAME, enterprise=acme)
    Errand.objects.update(error="WorkOS has a problem of its own.", attempts=3)
    history.record(acme, deed=history.Deed.INVITED, who=ada, for_whom=LONG, at=now)
    Invitation.objects.create(
        enterprise=acme, email=LONG, role="it_admin", token_hash="x", invited_at=now, expires_at=now
    )
    SetupLink.objects.create(
        enterprise=acme, email=LONG, intents=["sso"], sent_by=ada, asked_at=now,
        expires_at=now + timedelta(days=30),
    )  # fmt: skip
    PortalSession.objects.create(enterprise=acme, user=ada, intent="sso", launched_at=now)
    SignInAttempt.objects.create(email=LONG, address="192.0.2.7", at=now)
    deliver("connection.activated", event_id="event_1")
    WebhookEvent.objects.update(status="failed", reason="A long reason " * 20)
    body = b"{}"
    post(body, signed(body, at=time.time() - 43_200))
    Secret.objects.get_or_create(name="first", defaults={"last_used_at": now})
    sign_in(page, live_server.url, sam)
    return page, live_server.url


MODELS = [model._meta.label_lower for model in admin.site._registry]


@pytest.mark.parametrize("model", MODELS)
def test_admin_list_and_change_pages_are_accessible(model: str, staff: tuple[Page, str]) -> None:
    page, url = staff
    name = model.replace(".", "_")
    page.goto(url + reverse(f"admin:{name}_changelist"))
    # The header and sidebar are the same for all models: check their keyboard use once.
    keyboard = model == "hostapp.user"
    look(page, f"administration-{name}-list", keyboard=keyboard)

    rows = page.locator("#result_list tbody tr")
    assert rows.count() > 0 or model == "auth.group"
    link = rows.locator("th a").first
    if link.count():
        page.goto(f"{url}{link.get_attribute('href')}")
        look(page, f"administration-{name}", keyboard=keyboard)


def test_admin_front_page_is_accessible(staff: tuple[Page, str]) -> None:
    page, url = staff
    page.goto(f"{url}/admin/")
    expect(page.get_by_role("banner")).to_contain_text("Portal Host administration")
    look(page, "administration")


def test_admin_add_user_form_shows_errors_accessibly(staff: tuple[Page, str]) -> None:
    page, url = staff
    page.goto(f"{url}/admin/hostapp/user/add/")
    look(page, "administration-user-add")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("body")).to_contain_text("Please correct the errors below")
    look(page, "administration-user-add-error")


def test_staff_can_replay_an_event_in_the_admin(staff: tuple[Page, str]) -> None:
    page, url = staff
    page.goto(f"{url}/admin/webhooks/webhookevent/")
    page.locator("#result_list tbody").get_by_role("checkbox").first.check()
    page.locator("select[name=action]").select_option("replay")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_role("heading", name="Data")).to_be_visible()
    look(page, "administration-replay")
    page.get_by_role("button", name="Replay").click()
    expect(page.locator("body")).to_contain_text("Replayed")
    look(page, "administration-replayed")
