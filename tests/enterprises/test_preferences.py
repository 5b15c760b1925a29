"""A person chooses the mails that are not about security; the others always go."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser

from audit.actor import Actor
from enterprises import memberships
from enterprises.models import Enterprise, Membership, NotificationKind, NotificationOptOut, Role
from enterprises.preferences import save_wanted_kinds, wanted_kinds
from hostapp.models import User
from outbox.runner import run_due_tasks
from tests.browser.app import PICTURES_FOLDER, check_page, sign_in
from tests.conftest import signed_in
from tests.enterprises.test_access_mails import join
from tests.enterprises.test_mail_content import (
    MAILS,
    apply_event,
    html_of,
    require_renewal,
    run_all_tasks,
    send_setup_link_mail,
)

pytestmark = pytest.mark.django_db

PATH = "/account/notifications/"


def recipients() -> list[str]:
    while run_due_tasks(now=timezone.now()):
        pass
    return sorted(message.to[0] for message in mail.outbox)


@pytest.fixture
def two_it_admins(ada: User, ben: User) -> None:
    """Ben, who is an IT admin, too, wants none of the mails that he can turn off."""
    Membership.objects.filter(user=ben).update(role=Role.IT_ADMIN)
    save_wanted_kinds(ben, [])


@pytest.mark.parametrize("days", [59.5, 29.5])
def test_early_certificate_reminders_go_to_those_who_want_them(two_it_admins: None, days: float) -> None:
    require_renewal(days)

    assert recipients() == ["ada@acme.example"]
    assert "This email is about security" not in mail.outbox[0].body
    assert f"Manage your notifications: http://localhost:8000{PATH}" in mail.outbox[0].body


@pytest.mark.parametrize("days", [13.5, 6.5, 0.5, -1])
def test_late_certificate_reminders_go_to_all(two_it_admins: None, days: float) -> None:
    require_renewal(days)

    assert recipients() == ["ada@acme.example", "ben@acme.example"]


def test_active_directory_is_mailed_to_those_who_want_it(two_it_admins: None) -> None:
    apply_event("dsync.activated")

    assert recipients() == ["ada@acme.example"]


@pytest.mark.parametrize(
    "event", ["connection.activated", "connection.deactivated", "connection.deleted", "dsync.deleted"]
)
def test_state_mails_about_security_go_to_all(two_it_admins: None, event: str) -> None:
    apply_event(event)

    assert recipients() == ["ada@acme.example", "ben@acme.example"]
    assert all("so it can't be turned off" in message.body for message in mail.outbox)


def test_role_changes_and_new_it_admins_go_to_all(two_it_admins: None, acme: Enterprise, ada: User) -> None:
    join(acme, ada, Role.IT_ADMIN)
    assert recipients() == ["ada@acme.example", "ben@acme.example"]
    mail.outbox.clear()

    eve = Membership.objects.get(user__email="eve@acme.example")
    memberships.remove_member(eve, Actor.from_user(ada), timezone.now())
    assert recipients() == ["ada@acme.example", "ben@acme.example", "eve@acme.example"]


def test_accepted_invitation_is_mailed_to_an_inviter_who_wants_it(
    two_it_admins: None, acme: Enterprise, ben: User
) -> None:
    join(acme, ben, Role.MEMBER)

    assert recipients() == []


def test_preference_is_read_when_the_mail_is_sent(ada: User) -> None:
    apply_event("dsync.activated")
    save_wanted_kinds(ada, [])

    assert recipients() == []


def test_person_wants_everything_until_they_choose(ada: User) -> None:
    page = signed_in(ada).get(PATH)

    assert wanted_kinds(ada) == list(NotificationKind)
    assert page.text.count(" checked") == len(NotificationKind)
    assert "ada@acme.example" in page.text
    assert "Always sent" in page.text


def test_choice_is_saved_and_can_be_repeated_and_taken_back(ada: User, ben: User) -> None:
    client = signed_in(ada)
    for _ in range(2):
        page = client.post(PATH, {"wanted": ["directory_active"]}, follow=True)
        assert "Notifications saved." in page.text
        assert wanted_kinds(ada) == [NotificationKind.DIRECTORY_ACTIVE]
    assert page.text.count(" checked") == 1
    assert wanted_kinds(ben) == list(NotificationKind)

    client.post(PATH, {"wanted": NotificationKind.values})
    assert not NotificationOptOut.objects.exists()


def test_unknown_kind_changes_nothing(ada: User) -> None:
    page = signed_in(ada).post(PATH, {"wanted": ["role_changed"]}, follow=True)

    assert "Nothing was changed." in page.text
    assert not NotificationOptOut.objects.exists()


@pytest.mark.parametrize("query", ["", "?wanted=", "?unsubscribe=1"])
def test_get_changes_nothing(ada: User, query: str) -> None:
    client = signed_in(ada)

    assert client.get(PATH + query).status_code == 200
    assert client.head(PATH + query).status_code == 200
    assert not NotificationOptOut.objects.exists()


def test_choice_needs_a_sign_in_and_a_csrf_token(ada: User) -> None:
    assert Client().post(PATH, {}).headers["Location"].startswith("/account/login/")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)

    assert strict.post(PATH, {}).status_code == 403
    assert not NotificationOptOut.objects.exists()


def test_preferences_end_with_the_account(ada: User) -> None:
    save_wanted_kinds(ada, [])
    ada.delete()

    assert not NotificationOptOut.objects.exists()


@pytest.mark.browser
@pytest.mark.parametrize("has_javascript", [True, False])
def test_preferences_in_a_browser(
    browser: Browser, live_server: Any, ada: User, has_javascript: bool
) -> None:
    context = browser.new_context(java_script_enabled=has_javascript)
    page = context.new_page()
    sign_in(page, live_server.url, ada)
    page.goto(f"{live_server.url}{PATH}")
    if has_javascript:
        check_page(page, "notifications")

    page.get_by_label("Directory sync becomes active").uncheck()
    page.get_by_role("button", name="Save").click()

    assert page.get_by_role("status").inner_text() == "Notifications saved."
    assert not page.get_by_label("Directory sync becomes active").is_checked()
    assert page.get_by_label("A member accepts your invitation").is_checked()
    context.close()


@pytest.mark.browser
def test_mails_fit_their_width_in_light_and_dark(
    browser: Browser, acme: Enterprise, ada: User, ben: User, tmp_path: Any
) -> None:
    """Pictures are saved if PICTURES names a folder."""

    context = browser.new_context()
    page = context.new_page()
    send_setup_link_mail(acme, ada)
    messages = [*mail.outbox]
    for name in ("connection off", "certificate", "role", "password reset", "invitation", "removal"):
        MAILS[name][0](acme, ada, ben)
        messages += run_all_tasks()
    assert len(messages) > 7
    for number, message in enumerate(messages):
        page.set_content(html_of(message))  # type: ignore[arg-type]
        for width in (600, 375, 320):
            page.set_viewport_size({"width": width, "height": 800})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                if PICTURES_FOLDER:
                    page.screenshot(
                        path=f"{PICTURES_FOLDER}/mail-{number}-{width}-{scheme}.png", full_page=True
                    )
    context.close()
