"""The events in the Django admin: a list that stays fast, and replays that the audit log names."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.admin_lists import MAX_LISTED
from audit.models import AuditEntry
from enterprises.models import Enterprise
from hostapp.models import User
from mirror.models import Connection
from tests.conftest import signed_in
from tests.deliveries import deliver, payload
from webhooks.claims import Rotation, claim_batches
from webhooks.listed_events import parse_items, record_listed
from webhooks.models import QUARANTINED_PREFIX, EventBatch, WebhookEvent

pytestmark = pytest.mark.django_db

LIST = "/admin/webhooks/webhookevent/"
BATCHES = "/admin/webhooks/eventbatch/"
UNREADABLE = "/admin/webhooks/unreadabledelivery/"


@pytest.fixture
def client(sam: User) -> Client:
    User.objects.filter(pk=sam.pk).update(is_superuser=True)
    return signed_in(sam)


def fail(reason: str) -> WebhookEvent:
    WebhookEvent.objects.update(status="failed", reason=reason)
    return WebhookEvent.objects.get()


def replay(client: Client, event: WebhookEvent) -> str:
    values = {"action": "replay", "_selected_action": [str(event.pk)], "confirmed": "yes"}
    return client.post(LIST, values, follow=True).text


def test_list_shows_the_customer_the_whole_reason_and_iso_times(acme: Enterprise, client: Client) -> None:
    deliver("connection.activated")
    reason = "The handler could not read it. " * 10 + "The end."
    event = fail(reason)

    page = client.get(LIST).text

    assert acme.name in page
    assert reason in page
    assert f"{event.received_at:%Y-%m-%d %H:%M:%S} UTC" in page


def test_list_shows_and_filters_how_events_arrived(acme: Enterprise, client: Client) -> None:
    deliver("connection.activated", id="conn_1")
    by_webhook = WebhookEvent.objects.get()
    item = payload("connection.deactivated", event_id="event_listed", id="conn_1")
    now = timezone.now()
    record_listed(parse_items([item, {"id": "event_odd"}], now=now), pruned_before=None, now=now)

    def listed(query: str) -> list[str]:
        page = client.get(f"{LIST}?{query}").text
        return [one for one in (by_webhook.event_id, "event_listed") if one in page]

    assert listed("") == [by_webhook.event_id, "event_listed"]
    assert listed("source=webhook") == [by_webhook.event_id]
    assert listed("source=events_api") == ["event_listed"]
    assert '<td class="field-arrived_by">Catch-up</td>' in client.get(LIST).text
    assert '<td class="field-arrived_by">Catch-up</td>' in client.get(UNREADABLE).text


def test_list_counts_and_skips_a_bounded_number_of_rows(client: Client) -> None:
    now = timezone.now()
    WebhookEvent.objects.bulk_create(
        WebhookEvent(
            event_id=f"event_{number}",
            event="user.created",
            issued_at=now,
            received_at=now,
            payload={"data": {}},
            status="ignored",
        )
        for number in range(MAX_LISTED + 60)
    )
    with CaptureQueriesContext(connection) as captured:
        first = client.get(LIST)
    counts = [query["sql"] for query in captured.captured_queries if "COUNT(" in query["sql"].upper()]
    last = client.get(LIST, {"p": MAX_LISTED // 50})

    assert first.context["cl"].result_count == MAX_LISTED
    assert len(last.context["cl"].result_list) == 50
    assert counts
    assert all("LIMIT" in sql for sql in counts)


def test_replay_is_audited_with_the_person(acme: Enterprise, client: Client, sam: User) -> None:
    deliver("connection.activated")
    event = fail("KeyError")

    replay(client, event)

    entry = AuditEntry.objects.get(action="event_replayed")
    assert (entry.subject_name, entry.outcome) == (acme.name, "failed → applied")
    assert sam.email in entry.actor


def test_quarantined_event_is_not_replayed_in_the_web_process(acme: Enterprise, client: Client) -> None:
    deliver("connection.activated")
    event = fail(f"{QUARANTINED_PREFIX} 3 workers died while they applied it.")

    assert "may crash this process" in replay(client, event)
    assert not Connection.objects.exists()


def test_batches_in_hand_show_their_events_and_whether_their_worker_died(
    acme: Enterprise, client: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(3):
        deliver("connection.activated", event_id=f"event_{number}")
    now = timezone.now()
    in_hand = claim_batches(now, 2, Rotation())
    suspect = claim_batches(now, 10, Rotation())
    EventBatch.objects.filter(pk=suspect[0].pk).update(leased_until=now)

    with django_assert_max_num_queries(10):
        listed = client.get(BATCHES).text
    opened = client.get(f"{BATCHES}{in_hand[0].pk}/change/").text

    assert '<td class="field-size">2</td>' in listed
    assert '<td class="field-size">1</td>' in listed
    assert listed.count("In progress") == 1
    assert listed.count("Suspect: its worker is slow or has died.") == 1
    for event_id in ("event_0", "event_1"):
        key = WebhookEvent.objects.get(event_id=event_id).pk
        assert f'<a href="{LIST}{key}/change/">{event_id}</a>' in opened
    assert "event_2" not in opened
    assert client.get(f"{BATCHES}add/").status_code == 403
    assert client.get(f"{BATCHES}{in_hand[0].pk}/delete/").status_code == 403
    assert client.post(f"{BATCHES}{in_hand[0].pk}/change/", {}).status_code == 403
