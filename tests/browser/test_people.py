"""The pages for people and of the past: usable by everybody, on a phone, in the dark and without a script."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core import mail
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from enterprises import errands, history
from enterprises.models import Enterprise, Errand, Invitation
from hostapp.models import User
from tests.conftest import signed_in

# Playwright keeps an event loop in this thread; the ORM is used between its calls, never within one.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cast(acme: Enterprise, ada: User, ben: User, sam: User) -> None:
    now = timezone.now()
    Invitation.objects.create(
        enterprise=acme,
        email="a.colleague.with.a.long.name@acme.example",
        role="it_admin",
        token_hash="x",
        invited_at=now,
        expires_at=now + timedelta(days=30),
    )
    for deed in history.Deed:
        history.record(
            acme, deed=deed, who=ada, for_whom=ben, at=now, client_address="192.0.2.7", outcome="An outcome."
        )
    Errand.objects.record(Errand.Kind.RENAME, enterprise=acme)
    Errand.objects.update(error="WorkOS has a problem of its own.", attempts=3)


def as_person(page: Page, user: User, url: str) -> None:
    cookie = signed_in(user).cookies["sessionid"]
    page.context.add_cookies([{"name": "sessionid", "value": cookie.value, "url": url}])


PAGES = {
    "members": ("ada", "/enterprises/acme-inc/members/"),
    "members_as_member": ("ben", "/enterprises/acme-inc/members/"),
    "history": ("ada", "/enterprises/acme-inc/history/"),
    "refused": ("ben", "/enterprises/acme-inc/history/"),
    "staff_list": ("sam", "/staff/enterprises/"),
    "staff_enterprise": ("sam", "/staff/enterprises/acme-inc/"),
    "too_late": ("sam", "/invitations/accept/"),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_everybody_can_use_it(
    name: str,
    scheme: Any,
    cast: None,
    ada: User,
    ben: User,
    sam: User,
    live_server: Any,
    page: Page,
) -> None:
    who, path = PAGES[name]
    as_person(page, {"ada": ada, "ben": ben, "sam": sam}[who], live_server.url)
    page.emulate_media(color_scheme=scheme)

    page.goto(live_server.url + path)
    _picture(page, f"{name}_{scheme}")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()

    page.set_viewport_size({"width": 320, "height": 700})
    _picture(page, f"{name}_{scheme}_320")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def _picture(page: Page, name: str) -> None:
    # For whoever wants to look: SCREENSHOTS=folder pytest tests/browser/test_people.py
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.fixture
def plain_page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_a_colleague_is_invited_and_joins_without_a_script(
    acme: Enterprise, ada: User, live_server: Any, plain_page: Page, settings: Any
) -> None:
    settings.SITE_URL = live_server.url
    page = plain_page
    as_person(page, ada, live_server.url)
    page.goto(f"{live_server.url}/enterprises/acme-inc/members/")
    page.get_by_label("E-mail address").fill("eve@acme.example")
    page.get_by_role("radio", name="IT admin").check()
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_role("status")).to_contain_text("eve@acme.example is invited")

    errands.run_due(now=timezone.now())
    (link,) = [line for line in mail.outbox[-1].body.splitlines() if line.startswith("http")]
    page.context.clear_cookies()
    page.goto(link)
    assert page.url == f"{live_server.url}/invitations/accept/"
    _picture(page, "join_new")
    page.get_by_label("Your name").fill("Eve Engel")
    for label in ("Password", "The password again"):
        page.get_by_label(f"{label}:", exact=True).fill("a very good battery")
    page.get_by_role("button", name="Join Acme Inc.").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Acme Inc.")
    expect(page.get_by_role("status").filter(has_text="Welcome to Acme Inc.")).to_be_visible()
