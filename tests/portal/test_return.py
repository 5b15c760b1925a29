"""A return from the Admin Portal triggers a reconcile; it is no proof of the set-up."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import responses
from django.test import Client
from django.utils import timezone

from audit.models import AuditEntry
from enterprises.models import Enterprise
from hostapp.models import User
from mirror.models import Connection, Organization
from outbox.models import Task
from portal.page.sessions import polling_delay, recently_returned_sessions
from tests.conftest import signed_in
from tests.factories import (
    create_certificate,
    create_connection,
    create_directory,
    create_domain,
    create_portal_session,
)
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


def notices(client: Client) -> list[str]:
    """The notices in the cards, with their tones."""
    found = re.findall(r'<p class="notice (\w+)">(.*?)</p>', client.get(PATH).text, re.DOTALL)
    return [f"{tone}: {text(words).strip()}" for tone, words in found]


@pytest.mark.parametrize(
    ("state", "notice"),
    [
        ("active", "good: Single sign-on is active."),
        ("inactive", "bad: Single sign-on was turned off at "),
        ("deleted", "off: Single sign-on was removed at "),
    ],
)
def test_notice_says_the_state_in_its_tone(acme: Enterprise, ada: User, state: str, notice: str) -> None:
    create_connection(acme, state=state)

    (shown,) = notices(signed_in(ada))
    assert shown.startswith(notice)


def test_only_the_newest_notice_is_shown(acme: Enterprise, ada: User) -> None:
    now = timezone.now()
    create_domain(acme, as_of=now - timedelta(seconds=20), observed_at=now - timedelta(seconds=20))
    create_directory(acme, as_of=now - timedelta(seconds=5), observed_at=now - timedelta(seconds=5))

    assert notices(signed_in(ada)) == ["good: Directory sync is active."]


def test_notice_ends_after_a_minute(acme: Enterprise, ada: User) -> None:
    at = timezone.now() - timedelta(seconds=61)
    create_connection(acme, state="active", as_of=at, observed_at=at)

    assert notices(signed_in(ada)) == []


def test_change_made_in_the_portal_is_shown_after_the_return(acme: Enterprise, ada: User) -> None:
    now = timezone.now()
    at = now - timedelta(minutes=20)
    create_portal_session(acme, ada, launched_at=at, returned_at=now)
    create_connection(acme, state="active", as_of=at, observed_at=at)

    assert notices(signed_in(ada)) == ["good: Single sign-on is active."]


def test_next_action_ends_the_notice(workos_api: responses.RequestsMock, acme: Enterprise, ada: User) -> None:
    create_connection(acme, state="active")
    client = signed_in(ada)
    before = notices(client)
    client.post(f"{PATH}check/")

    assert (len(before), notices(client)) == (1, [])


def test_renewed_certificate_is_announced_with_its_end(acme: Enterprise, ada: User) -> None:
    create_connection(acme, as_of=timezone.now() - timedelta(days=9))
    create_certificate(acme, state="renewed", expires_at=datetime(2027, 11, 25, tzinfo=UTC))

    (shown,) = notices(signed_in(ada))
    assert shown == "good: Certificate renewed. It’s valid until 25 November 2027."


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
    Organization.objects.update(reconciled_at=timezone.now())
    reconciled = client.get(f"{PATH}status/")

    assert "Checking…" in requested.text
    assert "load delay" in requested.text
    assert "load delay" not in reconciled.text


def check_line(client: Client) -> str:
    """The line beside “Check now”."""
    html = client.get(PATH).text.split('<div class="checked">')[1].split("</p>")[0]
    return text(html.replace("<noscript>", "<!--").replace("</noscript>", "-->")).strip()


def test_check_says_what_it_found(acme: Enterprise, ada: User) -> None:
    now = timezone.now()
    client = signed_in(ada)
    assert check_line(client) == "Updates automatically."

    Organization.objects.update(reconciled_at=now - timedelta(hours=1))
    assert check_line(client).startswith("Last checked ")

    client.post(f"{PATH}check/")
    assert check_line(client) == "Checking…"

    Organization.objects.update(reconciled_at=timezone.now())
    assert check_line(client).startswith("Up to date. Nothing changed since ")

    create_connection(acme, as_of=now - timedelta(days=1))
    assert check_line(client).startswith("Up to date, checked ")


def test_answer_of_a_check_ends_after_a_minute(acme: Enterprise, ada: User) -> None:
    now = timezone.now()
    client = signed_in(ada)
    client.post(f"{PATH}check/")
    session = client.session
    session[f"portal_action_{acme.pk}"]["at"] = (now - timedelta(seconds=70)).isoformat()
    session.save()
    Organization.objects.update(reconciled_at=now - timedelta(seconds=65))

    assert check_line(client).startswith("Last checked ")


def test_check_without_an_answer_says_that_it_waits(acme: Enterprise, ada: User) -> None:
    client = signed_in(ada)
    client.post(f"{PATH}check/")
    session = client.session
    session[f"portal_action_{acme.pk}"]["at"] = (timezone.now() - timedelta(seconds=30)).isoformat()
    session.save()

    assert check_line(client) == "Still waiting for WorkOS…"


def test_page_stops_polling_when_the_reconcile_does_not_succeed(acme: Enterprise, ada: User) -> None:
    client = signed_in(ada)
    client.post(f"{PATH}check/")
    session = client.session
    session[f"portal_action_{acme.pk}"]["at"] = (timezone.now() - timedelta(minutes=11)).isoformat()
    session.save()

    assert "load delay" not in client.get(PATH).text


def test_return_without_a_change_says_nothing(acme: Enterprise, ada: User) -> None:
    create_portal_session(acme, ada, returned_at=timezone.now())
    Organization.objects.update(reconciled_at=timezone.now() + timedelta(seconds=20))
    page = signed_in(ada).get(PATH)

    assert "hanged since" not in text(page.text)
    assert "load delay" not in page.text


def test_finish_after_a_look_at_a_settled_directory_does_not_wait(acme: Enterprise, ada: User) -> None:
    create_directory(acme, as_of=timezone.now() - timedelta(days=9))
    session = create_portal_session(acme, ada, intent="dsync")
    page = signed_in(ada).get(f"{PATH}portal/finished/{session.nonce}/", follow=True)

    assert "Waiting" not in page.text


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

    assert "You started this" not in signed_in(ada).get(PATH).text
