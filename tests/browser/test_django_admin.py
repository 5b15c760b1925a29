"""The Django admin as staff see it."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

import gateway
from audit.actions import Action
from audit.actor import Actor
from audit.log import append_audit_entry
from enterprises.failures import record_failure
from enterprises.models import Enterprise, Failure, Invitation
from enterprises.tasks import TaskKind
from hostapp.models import SignInAttempt, User
from outbox import queue
from outbox.heartbeat import Heartbeat
from outbox.models import Task
from portal.models import PortalSession, SetupLink
from tests.browser.app import check_page, sign_in
from tests.deliveries import deliver, post, signed
from tests.factories import create_certificate, create_connection, create_directory, create_domain
from webhooks.claims import Rotation, claim_batches
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
    create_connection(acme, name="Okta of Acme")
    create_directory(acme)
    create_domain(acme)
    create_certificate(acme, expires_at=now)
    queue.enqueue(TaskKind.PUSH_NAME, acme.external_id)
    Heartbeat(now=now).beat(now=now)
    Task.objects.update(error="WorkOS has a problem of its own.", attempts=3)
    refused = gateway.Refused("WorkOS did not accept what we sent.", status=422, request_id="req_7b6b")
    record_failure(acme, Failure.Activity.PORTAL_LAUNCH, refused, Actor.from_user(ada), now)
    append_audit_entry(acme, Action.INVITED, Actor.from_user(ada), now, target=LONG)
    Invitation.objects.create(
        enterprise=acme, email=LONG, role="it_admin", token_hash="x", invited_at=now, expires_at=now
    )
    SetupLink.objects.create(
        enterprise=acme, email=LONG, intents=["sso"], sent_by=ada, requested_at=now,
        expires_at=now + timedelta(days=30),
    )  # fmt: skip
    PortalSession.objects.create(enterprise=acme, user=ada, intent="sso", launched_at=now)
    SignInAttempt.objects.create(email=LONG, source="192.0.2.7", at=now)
    deliver("connection.activated", event_id="event_1")
    claim_batches(timezone.now(), 1, Rotation())
    WebhookEvent.objects.update(status="failed", reason="A long reason " * 20)
    body = b"{}"
    post(body, signed(body, at=time.time() - 43_200))
    post(body, signed(body))
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
    check_page(page, f"administration-{name}-list", keyboard=keyboard)

    rows = page.locator("#result_list tbody tr")
    assert rows.count() > 0 or model == "auth.group"
    link = rows.locator("th a").first
    if link.count():
        page.goto(f"{url}{link.get_attribute('href')}")
        check_page(page, f"administration-{name}", keyboard=keyboard)


def test_admin_front_page_is_accessible(staff: tuple[Page, str]) -> None:
    page, url = staff
    page.goto(f"{url}/admin/")
    expect(page.get_by_role("banner")).to_contain_text("Portal Host administration")
    check_page(page, "administration")


def test_admin_add_user_form_shows_errors_accessibly(staff: tuple[Page, str]) -> None:
    page, url = staff
    page.goto(f"{url}/admin/hostapp/user/add/")
    check_page(page, "administration-user-add")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("body")).to_contain_text("Please correct the errors below")
    check_page(page, "administration-user-add-error")


def test_staff_can_replay_an_event_in_the_admin(staff: tuple[Page, str]) -> None:
    page, url = staff
    page.goto(f"{url}/admin/webhooks/webhookevent/")
    page.locator("#result_list tbody").get_by_role("checkbox").first.check()
    page.locator("select[name=action]").select_option("replay")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_role("heading", name="Data")).to_be_visible()
    check_page(page, "administration-replay")
    page.get_by_role("button", name="Replay").click()
    expect(page.locator("body")).to_contain_text("Replayed")
    check_page(page, "administration-replayed")


def test_staff_can_retry_a_task_in_the_admin(staff: tuple[Page, str]) -> None:
    page, url = staff
    Task.objects.update(due_at=timezone.now() + timedelta(hours=1))
    page.goto(f"{url}/admin/outbox/task/")
    page.locator("#result_list tbody").get_by_role("checkbox").first.check()
    page.locator("select[name=action]").select_option("retry_now")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_role("main")).to_contain_text("A worker will run 1 task now")
    check_page(page, "administration-retry")
    page.get_by_role("button", name="Retry now").click()
    expect(page.locator("body")).to_contain_text("1 task will run now.")
