"""Visits that nobody finished are listed, each with who began it and when; the section's button goes on."""

from datetime import timedelta

import pytest
from django.utils import timezone

from enterprises.models import Enterprise
from hostapp.models import User
from tests.conftest import signed_in
from tests.portal.test_coming_back import visit
from tests.portal.test_page import PATH, connection, text

pytestmark = pytest.mark.django_db

AGO = timedelta(minutes=1)


def page(user: User) -> str:
    return text(signed_in(user).get(PATH).text)


def test_everybody_s_is_listed_newest_first(acme: Enterprise, ada: User, ben: User) -> None:
    now = timezone.now()
    visit(acme, ada, launched_at=now - 12 * AGO)
    visit(acme, ben, launched_at=now - 3 * AGO)
    visit(acme, ben, launched_at=now - 90 * AGO)

    shown = page(ada)

    first, second = "3 minutes ago by Ben Brandt, not finished", "12 minutes ago by Ada Adeyemi, not finished"
    assert f"Started {first} Started {second}" in shown
    assert "hour" not in shown
    assert shown.count("Continue: Single Sign-On") == 1


def test_each_stands_with_its_intent(acme: Enterprise, ada: User) -> None:
    visit(acme, ada)
    visit(acme, ada, intent="dsync")

    shown = page(ada)

    assert "Continue: Single Sign-On" in shown
    assert "Continue: Directory Sync" in shown
    assert shown.count("not finished") == 2


def test_whoever_finishes_later_finishes_for_all(acme: Enterprise, ada: User, ben: User) -> None:
    now = timezone.now()
    visit(acme, ada, launched_at=now - 60 * AGO)
    visit(acme, ben, launched_at=now - 40 * AGO, finished_at=now - 30 * AGO)

    assert "not finished" not in page(ada)


def test_a_finish_stays_though_the_same_person_begins_again(acme: Enterprise, ada: User, ben: User) -> None:
    """Otherwise Ada's visit of an hour ago would come back to life."""
    now = timezone.now()
    Enterprise.objects.update(intents=["log_streams"])
    streams = {"intent": "log_streams"}
    visit(acme, ada, launched_at=now - 60 * AGO, **streams)
    visit(acme, ben, launched_at=now - 40 * AGO, finished_at=now - 30 * AGO, **streams)
    visit(acme, ben, launched_at=now - 2 * AGO, **streams)

    shown = page(ada)

    assert "Started 2 minutes ago by Ben Brandt, not finished" in shown
    assert "Finished by Ben Brandt since" in shown
    assert shown.count("not finished") == 1


def test_what_workos_told_since_says_more(acme: Enterprise, ada: User) -> None:
    visit(acme, ada)
    connection(acme, "active", as_of=timezone.now())

    assert "not finished" not in page(ada)


def test_more_than_three_are_counted(acme: Enterprise, ada: User) -> None:
    for number in range(5):
        colleague = User.objects.create_user(f"c{number}@acme.example", name=f"Colleague {number}")
        visit(acme, colleague, launched_at=timezone.now() - number * AGO)

    shown = page(ada)

    assert "by Colleague 2, not finished Started by 2 more, not finished" in shown
    assert "Colleague 3" not in shown


def test_a_colleague_who_begins_does_not_hide_that_news_is_on_the_way(
    acme: Enterprise, ada: User, ben: User
) -> None:
    now = timezone.now()
    visit(acme, ben, launched_at=now - 5 * AGO, finished_at=now - AGO)
    visit(acme, ada, launched_at=now)
    client = signed_in(ada)

    waiting = client.get(PATH)
    connection(acme, "active", as_of=now - AGO, told_at=now)
    there = client.get(PATH)

    assert "Ben Brandt finished in the Admin Portal; its news is on the way." in text(waiting.text)
    assert "load delay" in waiting.text
    assert "Single Sign-On became active 60 seconds after Ben Brandt returned." in text(there.text)
