"""A return from the Admin Portal triggers a reconcile; it proves nothing about the set-up."""

from datetime import timedelta
from typing import Any

import pytest
import responses
from django.utils import timezone

from enterprises.models import Connection, Enterprise, Errand, HistoryEntry
from hostapp.models import User
from portal import visits
from portal.models import PortalSession
from tests.conftest import signed_in
from tests.portal.test_overview import PATH, connection, text

pytestmark = pytest.mark.django_db


def visit(enterprise: Enterprise, user: User, **fields: Any) -> PortalSession:
    values = {"intent": "sso", "outcome": "opened", "launched_at": timezone.now() - timedelta(minutes=2)}
    return PortalSession.objects.create(enterprise=enterprise, user=user, **(values | fields))


@pytest.mark.parametrize("way", ["finished", "returned"])
def test_return_enqueues_a_reconcile_now_and_another_later(
    workos_api: responses.RequestsMock, acme: Enterprise, ada: User, way: str
) -> None:
    client, session = signed_in(ada), visit(acme, ada)
    client.get(f"{PATH}portal/{way}/{session.nonce}/")

    assert sorted(Errand.objects.values_list("kind", "key")) == [("refresh", ""), ("refresh", "again")]
    assert not workos_api.calls


def test_opening_the_return_url_again_enqueues_nothing(acme: Enterprise, ada: User) -> None:
    client, session = signed_in(ada), visit(acme, ada)
    client.get(f"{PATH}portal/finished/{session.nonce}/")
    Errand.objects.all().delete()
    client.get(f"{PATH}portal/finished/{session.nonce}/")

    assert not Errand.objects.exists()
    assert HistoryEntry.objects.filter(deed="portal_finished").count() == 1


def test_return_url_of_another_user_or_unknown_session_enqueues_nothing(
    acme: Enterprise, ada: User, ben: User
) -> None:
    session = visit(acme, ada)
    signed_in(ben).get(f"{PATH}portal/finished/{session.nonce}/")
    signed_in(ada).get(f"{PATH}portal/finished/00000000-0000-0000-0000-000000000001/")

    assert not Errand.objects.exists()


def test_return_ignores_the_query_string(acme: Enterprise, ada: User) -> None:
    client, session = signed_in(ada), visit(acme, ada)
    page = client.get(f"{PATH}portal/finished/{session.nonce}/?state=active&success=true", follow=True)

    assert "Waiting for WorkOS" in page.text
    assert not Connection.objects.exists()


def test_page_view_never_calls_workos(
    workos_api: responses.RequestsMock, acme: Enterprise, ada: User
) -> None:
    client = signed_in(ada)
    for path in (PATH, f"{PATH}status/", f"{PATH}setup-links/"):
        assert client.get(path).status_code == 200

    assert not workos_api.calls


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        (8, "Single Sign-On became active 8 seconds after you returned."),
        (1, "Single Sign-On became active 1 second after you returned."),
        (-5, "Single Sign-On became active before you returned."),
    ],
)
def test_status_message_says_how_long_the_change_took(
    acme: Enterprise, ada: User, seconds: int, message: str
) -> None:
    back = timezone.now() - timedelta(minutes=1)
    visit(acme, ada, returned_at=back)
    connection(acme, "active", as_of=back, told_at=back + timedelta(seconds=seconds))

    assert message in text(signed_in(ada).get(PATH).text)


def test_status_message_names_the_returning_user_to_others(acme: Enterprise, ada: User, ben: User) -> None:
    back = timezone.now()
    visit(acme, ada, returned_at=back)
    connection(acme, "active", as_of=back, told_at=back + timedelta(seconds=8))

    assert "8 seconds after Ada Adeyemi returned." in text(signed_in(ben).get(PATH).text)


def test_page_does_not_report_no_change_before_the_second_reconcile(acme: Enterprise, ada: User) -> None:
    back = timezone.now()
    visit(acme, ada, returned_at=back)
    Enterprise.objects.update(checked_at=back + timedelta(seconds=2))
    page = signed_in(ada).get(PATH)

    assert "nothing has changed" not in page.text
    assert "load delay" in page.text


def test_check_now_makes_the_page_poll_until_the_reconcile_is_done(acme: Enterprise, ada: User) -> None:
    client = signed_in(ada)
    asked = client.post(f"{PATH}check/", follow=True)
    Errand.objects.all().delete()
    answered = client.get(f"{PATH}status/")

    assert "This page is watching for news." in asked.text
    assert "load delay" in asked.text
    assert "load delay" not in answered.text


def test_page_stops_polling_when_the_reconcile_does_not_succeed(acme: Enterprise, ada: User) -> None:
    client = signed_in(ada)
    client.post(f"{PATH}check/")
    Errand.objects.update(recorded_at=timezone.now() - timedelta(minutes=11))

    assert "load delay" not in client.get(PATH).text


def test_page_reports_no_change_after_the_second_reconcile(acme: Enterprise, ada: User) -> None:
    visit(acme, ada, returned_at=timezone.now())
    Enterprise.objects.update(checked_at=timezone.now() + timedelta(seconds=20))
    page = signed_in(ada).get(PATH)

    assert "WorkOS says that nothing has changed since you left." in text(page.text)
    assert "load delay" not in page.text


def test_status_message_is_sent_again_only_when_it_changed(acme: Enterprise, ada: User) -> None:
    back = timezone.now()
    visit(acme, ada, returned_at=back)
    client = signed_in(ada)
    first = client.get(f"{PATH}status/").text
    mark = first.split("?news=")[1][:8]

    assert "hx-swap-oob" not in client.get(f"{PATH}status/?news={mark}").text
    connection(acme, "active", as_of=back, told_at=back)
    assert "hx-swap-oob" in client.get(f"{PATH}status/?news={mark}").text


def test_page_polls_less_and_less_often_and_then_stops(acme: Enterprise, ada: User) -> None:
    now = timezone.now()
    session = visit(acme, ada, finished_at=now)
    pauses = [visits.pause(now, now=now + timedelta(seconds=waited)) for waited in (0, 29, 31, 119, 121, 301)]

    assert pauses == [2, 2, 5, 5, 15, 30]
    assert visits.recent([session], now=now + timedelta(minutes=9)) == [session]
    assert visits.recent([session], now=now + timedelta(minutes=11)) == []


def test_check_now_enqueues_nothing_when_a_reconcile_is_pending_or_recent(
    acme: Enterprise, ada: User
) -> None:
    client = signed_in(ada)
    client.post(f"{PATH}check/")
    client.post(f"{PATH}check/")
    assert Errand.objects.count() == 1

    Errand.objects.all().delete()
    Enterprise.objects.update(checked_at=timezone.now())
    client.post(f"{PATH}check/")
    assert not Errand.objects.exists()


def test_old_unfinished_session_is_not_shown(acme: Enterprise, ada: User) -> None:
    visit(acme, ada, launched_at=timezone.now() - timedelta(days=15))

    assert "not finished" not in signed_in(ada).get(PATH).text
