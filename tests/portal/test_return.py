"""A return from the Admin Portal triggers a reconcile; it is no proof of the set-up."""

from datetime import timedelta

import pytest
import responses
from django.utils import timezone

from audit.models import AuditEntry
from enterprises.models import Enterprise
from hostapp.models import User
from mirror.models import Connection, Organization
from outbox.models import Task
from portal.page.sessions import polling_delay, recently_returned_sessions
from tests.conftest import signed_in
from tests.factories import create_connection, create_portal_session
from tests.portal.test_overview import PATH, text

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("way", ["finished", "returned"])
def test_return_enqueues_a_reconcile_now_and_another_later(
    workos_api: responses.RequestsMock, acme: Enterprise, ada: User, way: str
) -> None:
    client, session = signed_in(ada), create_portal_session(acme, ada)
    client.get(f"{PATH}portal/{way}/{session.nonce}/")

    assert sorted(Task.objects.values_list("kind", "key")) == [("reconcile", ""), ("reconcile", "recheck")]
    assert not workos_api.calls


def test_opening_the_return_url_again_enqueues_nothing(acme: Enterprise, ada: User) -> None:
    client, session = signed_in(ada), create_portal_session(acme, ada)
    client.get(f"{PATH}portal/finished/{session.nonce}/")
    Task.objects.all().delete()
    client.get(f"{PATH}portal/finished/{session.nonce}/")

    assert not Task.objects.exists()
    assert AuditEntry.objects.filter(action="portal_finished").count() == 1


def test_return_url_of_another_user_or_unknown_session_enqueues_nothing(
    acme: Enterprise, ada: User, ben: User
) -> None:
    session = create_portal_session(acme, ada)
    signed_in(ben).get(f"{PATH}portal/finished/{session.nonce}/")
    signed_in(ada).get(f"{PATH}portal/finished/00000000-0000-0000-0000-000000000001/")

    assert not Task.objects.exists()


def test_return_ignores_the_query_string(acme: Enterprise, ada: User) -> None:
    client, session = signed_in(ada), create_portal_session(acme, ada)
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
    returned_at = timezone.now() - timedelta(minutes=1)
    create_portal_session(acme, ada, returned_at=returned_at)
    create_connection(
        acme, state="active", as_of=returned_at, observed_at=returned_at + timedelta(seconds=seconds)
    )

    assert message in text(signed_in(ada).get(PATH).text)


def test_status_message_names_the_returning_user_to_others(acme: Enterprise, ada: User, ben: User) -> None:
    returned_at = timezone.now()
    create_portal_session(acme, ada, returned_at=returned_at)
    create_connection(acme, state="active", as_of=returned_at, observed_at=returned_at + timedelta(seconds=8))

    assert "8 seconds after Ada Adeyemi returned." in text(signed_in(ben).get(PATH).text)


def test_page_does_not_report_no_change_before_the_second_reconcile(acme: Enterprise, ada: User) -> None:
    returned_at = timezone.now()
    create_portal_session(acme, ada, returned_at=returned_at)
    Organization.objects.update(reconciled_at=returned_at + timedelta(seconds=2))
    page = signed_in(ada).get(PATH)

    assert "nothing has changed" not in page.text
    assert "load delay" in page.text


def test_check_now_makes_the_page_poll_until_the_reconcile_is_done(acme: Enterprise, ada: User) -> None:
    client = signed_in(ada)
    requested = client.post(f"{PATH}check/", follow=True)
    Task.objects.all().delete()
    reconciled = client.get(f"{PATH}status/")

    assert "This page is watching for news." in requested.text
    assert "load delay" in requested.text
    assert "load delay" not in reconciled.text


def test_page_stops_polling_when_the_reconcile_does_not_succeed(acme: Enterprise, ada: User) -> None:
    client = signed_in(ada)
    client.post(f"{PATH}check/")
    Task.objects.update(enqueued_at=timezone.now() - timedelta(minutes=11))

    assert "load delay" not in client.get(PATH).text


def test_page_reports_no_change_after_the_second_reconcile(acme: Enterprise, ada: User) -> None:
    create_portal_session(acme, ada, returned_at=timezone.now())
    Organization.objects.update(reconciled_at=timezone.now() + timedelta(seconds=20))
    page = signed_in(ada).get(PATH)

    assert "WorkOS says that nothing has changed since you left." in text(page.text)
    assert "load delay" not in page.text


def test_status_message_is_sent_again_only_when_it_changed(acme: Enterprise, ada: User) -> None:
    returned_at = timezone.now()
    create_portal_session(acme, ada, returned_at=returned_at)
    client = signed_in(ada)
    first = client.get(f"{PATH}status/").text
    updates_hash = first.split("?updates=")[1][:8]

    assert "hx-swap-oob" not in client.get(f"{PATH}status/?updates={updates_hash}").text
    create_connection(acme, state="active", as_of=returned_at, observed_at=returned_at)
    assert "hx-swap-oob" in client.get(f"{PATH}status/?updates={updates_hash}").text


def test_page_polls_less_and_less_often_and_then_stops(acme: Enterprise, ada: User) -> None:
    now = timezone.now()
    session = create_portal_session(acme, ada, finished_at=now)
    waits = [timedelta(seconds=seconds) for seconds in (0, 29, 31, 119, 121, 301)]

    assert [polling_delay(now, now=now + wait) for wait in waits] == [2, 2, 5, 5, 15, 30]
    assert recently_returned_sessions([session], now=now + timedelta(minutes=9)) == [session]
    assert recently_returned_sessions([session], now=now + timedelta(minutes=11)) == []


def test_check_now_enqueues_nothing_when_a_reconcile_is_pending_or_recent(
    acme: Enterprise, ada: User
) -> None:
    client = signed_in(ada)
    client.post(f"{PATH}check/")
    client.post(f"{PATH}check/")
    assert Task.objects.count() == 1

    Task.objects.all().delete()
    Organization.objects.update(reconciled_at=timezone.now())
    client.post(f"{PATH}check/")
    assert not Task.objects.exists()


def test_old_unfinished_session_is_not_shown(acme: Enterprise, ada: User) -> None:
    create_portal_session(acme, ada, launched_at=timezone.now() - timedelta(days=15))

    assert "not finished" not in signed_in(ada).get(PATH).text
