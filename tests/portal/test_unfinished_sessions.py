"""Unfinished portal sessions are listed with their user and time; the section's button continues them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from enterprises.models import Enterprise
from hostapp.models import User
from tests.conftest import signed_in
from tests.factories import create_connection, create_portal_session
from tests.portal.test_overview import PATH, text

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def page_text(user: User) -> str:
    """Without the account menu, which names the person who is signed in."""
    return text(signed_in(user).get(PATH).text.split("<main")[1].split('class="printed"')[0])


def test_unfinished_sessions_of_all_users_are_listed_newest_first(
    acme: Enterprise, ada: User, ben: User
) -> None:
    now = timezone.now()
    create_portal_session(acme, ada, launched_at=now - 12 * MINUTE)
    create_portal_session(acme, ben, launched_at=now - 3 * MINUTE)
    create_portal_session(acme, ben, launched_at=now - 90 * MINUTE)

    shown = page_text(ada)

    first = "Ben Brandt started this 3 minutes ago. You can continue it."
    assert f"{first} You also started it 12 minutes ago." in shown
    assert "hour ago" not in shown
    assert shown.count("Continue setup") == 1


def test_unfinished_session_is_listed_with_its_intent(acme: Enterprise, ada: User) -> None:
    create_portal_session(acme, ada)
    create_portal_session(acme, ada, intent="dsync")

    shown = page_text(ada)

    assert shown.count("Continue setup") == 2
    assert shown.count("You started this 2 minutes ago. Continue where you left off.") == 2


def test_later_finished_session_hides_earlier_unfinished_ones(acme: Enterprise, ada: User, ben: User) -> None:
    now = timezone.now()
    create_portal_session(acme, ada, launched_at=now - 60 * MINUTE)
    create_portal_session(acme, ben, launched_at=now - 40 * MINUTE, finished_at=now - 30 * MINUTE)

    assert "started" not in page_text(ada)


def test_finished_session_still_counts_when_the_same_user_starts_again(
    acme: Enterprise, ada: User, ben: User
) -> None:
    """Otherwise Ada's session of an hour ago would be listed as unfinished again."""
    now = timezone.now()
    Enterprise.objects.update(intents=["log_streams"])
    streams = {"intent": "log_streams"}
    create_portal_session(acme, ada, launched_at=now - 60 * MINUTE, **streams)
    create_portal_session(acme, ben, launched_at=now - 40 * MINUTE, finished_at=now - 30 * MINUTE, **streams)
    create_portal_session(acme, ben, launched_at=now - 2 * MINUTE, **streams)

    shown = page_text(ada)

    assert "Ben Brandt started this 2 minutes ago." in shown
    assert "Ben Brandt finished setup 30 minutes ago." in shown
    assert "Ada Adeyemi" not in shown


def test_unfinished_session_is_hidden_once_the_connection_has_changed(acme: Enterprise, ada: User) -> None:
    create_portal_session(acme, ada)
    create_connection(acme, state="active", as_of=timezone.now())

    assert "started" not in page_text(ada)


def test_begun_connection_and_its_session_are_one_row(acme: Enterprise, ada: User) -> None:
    create_portal_session(acme, ada, launched_at=timezone.now())
    create_connection(acme, state="draft", name="Acme Okta")

    shown = page_text(ada)

    assert shown.count("In progress") == 1
    assert "Okta SAML · Acme Okta You started this just now. Continue where you left off." in shown


def test_unfinished_sessions_beyond_three_are_counted(acme: Enterprise, ada: User) -> None:
    for number in range(5):
        colleague = User.objects.create_user(f"c{number}@acme.example", name=f"Colleague {number}")
        create_portal_session(acme, colleague, launched_at=timezone.now() - number * MINUTE)

    shown = page_text(ada)

    assert "Colleague 2 also started it 2 minutes ago. 2 more people started it." in shown
    assert "Colleague 3" not in shown


def test_new_session_of_a_colleague_does_not_hide_the_waiting_message(
    acme: Enterprise, ada: User, ben: User
) -> None:
    now = timezone.now()
    create_portal_session(acme, ben, launched_at=now - 5 * MINUTE, finished_at=now - MINUTE)
    create_portal_session(acme, ada, launched_at=now)
    client = signed_in(ada)

    waiting = client.get(PATH)
    create_connection(acme, state="active", as_of=now - MINUTE, observed_at=now)
    active = client.get(PATH)

    assert "Ben Brandt finished in the Admin Portal. This page updates when" in text(waiting.text)
    assert "load delay" in waiting.text
    assert "Single sign-on is active." in text(active.text)
