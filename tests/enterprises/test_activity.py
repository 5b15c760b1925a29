"""The filters of the activity page, for folded portal sessions and for actors that are no people."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from audit.actions import Action
from audit.actor import APPLICATION, COMMAND_LINE, Actor
from audit.log import append_audit_entry, audit_entries_for
from enterprises.models import Enterprise
from hostapp.models import User
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db

ACTIVITY = "/enterprises/acme-inc/history/"
BEFORE_MIDNIGHT = datetime(2026, 1, 15, 23, 58, tzinfo=UTC)
AFTER_MIDNIGHT = datetime(2026, 1, 16, 0, 3, tzinfo=UTC)


@pytest.fixture
def client(ada: User) -> Client:
    return signed_in(ada)


@pytest.mark.parametrize(
    "days", ["until=2026-01-15", "since=2026-01-16", "since=2026-01-15&until=2026-01-16"]
)
def test_portal_session_over_midnight_is_one_row_on_each_of_its_days(
    client: Client, acme: Enterprise, ada: User, days: str
) -> None:
    actor = Actor.from_user(ada)
    for action, at in ((Action.PORTAL_OPENED, BEFORE_MIDNIGHT), (Action.PORTAL_FINISHED, AFTER_MIDNIGHT)):
        append_audit_entry(acme, action, actor, at, target="Single sign-on", session="one")

    page = client.get(f"{ACTIVITY}?{days}").text

    assert page.count("<strong>Admin Portal</strong>") == 1
    assert "finished after 5 minutes" in page


def test_portal_session_of_seconds_is_finished_within_a_minute(
    client: Client, acme: Enterprise, ada: User
) -> None:
    opened_at = timezone.now()
    for action, at in (
        (Action.PORTAL_OPENED, opened_at),
        (Action.PORTAL_RETURNED, opened_at + timedelta(seconds=20)),
        (Action.PORTAL_FINISHED, opened_at + timedelta(seconds=59)),
    ):
        append_audit_entry(acme, action, Actor.from_user(ada), at, target="Single sign-on", session="one")

    page = client.get(ACTIVITY).text

    assert "returned within a minute · finished within a minute" in page


@pytest.mark.parametrize(
    ("actor", "label"), [(APPLICATION, "System"), (COMMAND_LINE, "Support (Portal Host)")]
)
def test_actor_that_is_no_person_is_found_by_what_the_page_calls_it(
    client: Client, acme: Enterprise, actor: Actor, label: str
) -> None:
    append_audit_entry(acme, Action.RENAMED, actor, BEFORE_MIDNIGHT)

    found = client.get(ACTIVITY, {"person": label.lower()}).text

    assert f'<td role="cell">{label}</td>' in found
    assert "No activity matches this filter." in client.get(ACTIVITY, {"person": "nobody.here"}).text


@pytest.mark.parametrize(
    "start", ["before=nothing", "after=99999999999999999999", "before=0", "before={foreign}"]
)
def test_activity_begins_with_the_newest_entry_where_the_url_names_none_of_the_enterprise(
    client: Client, acme: Enterprise, birch: Enterprise, start: str
) -> None:
    append_audit_entry(birch, Action.RENAMED, COMMAND_LINE, BEFORE_MIDNIGHT)
    foreign = audit_entries_for(birch).get()
    append_audit_entry(acme, Action.RENAMED, COMMAND_LINE, AFTER_MIDNIGHT)

    page = client.get(f"{ACTIVITY}?{start.format(foreign=foreign.pk)}").text

    assert "<strong>Renamed</strong>" in page
    assert "Newest" not in page
