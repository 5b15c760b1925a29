"""Queues: which event goes first, and how many of each organization are applied together."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from enterprises.models import Enterprise
from mirror.models import Connection
from tests.deliveries import deliver, payload
from tests.processes import someone_waits_for_a_lock, wait_until
from webhooks.claims import Rotation, claim_batches
from webhooks.inbox import FIRST_SIZE, LARGEST_SIZE, SMALLEST_SIZE, Pace, apply_waiting
from webhooks.models import EventBatch, WebhookEvent
from webhooks.receive.queues import Queue, find_queue

pytestmark = pytest.mark.django_db(transaction=True)


def record_waiting(number: int, queue: str, *, is_urgent: bool = False, event: str = "test.bulk") -> None:
    """Record events that wait, of one queue, in one statement."""
    at = timezone.now() - timedelta(minutes=1)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO webhooks_webhookevent (event_id, event, issued_at, received_at, payload,"
            " secret_name, status, reason, attempts, unfinished_attempts, due_at, is_urgent, queue,"
            " awaited_organization_id)"
            " SELECT %(queue)s || %(urgent)s || n, %(event)s, %(at)s, %(at)s, '{\"data\": {}}', 'current',"
            " 'waiting', '', 0, 0, %(at)s, %(urgent)s, %(queue)s, '' FROM generate_series(1, %(number)s) n",
            {"queue": queue, "urgent": is_urgent, "event": event, "at": at, "number": number},
        )


def claim_queues(size: int, rotation: Rotation) -> Counter[str]:
    """How many events of each queue one claim takes."""
    batches = claim_batches(timezone.now(), size, rotation)
    keys = [key for batch in batches for key in batch.event_keys]
    assert len(keys) == len(set(keys))
    return Counter(WebhookEvent.objects.filter(pk__in=keys).values_list("queue", flat=True))


def test_event_of_another_organization_is_in_the_first_batch_behind_thousands(acme: Enterprise) -> None:
    record_waiting(3000, "org_large")
    deliver("connection.activated")

    apply_waiting(now=timezone.now(), size=50)

    assert Connection.objects.get().state == "active"


def test_claim_takes_a_share_of_each_queue_and_fills_the_batch_from_the_largest() -> None:
    record_waiting(300, "org_large")
    record_waiting(300, "org_second")
    record_waiting(2, "org_small")

    assert claim_queues(100, Rotation()) == {"org_large": 49, "org_second": 49, "org_small": 2}


def test_claim_takes_the_events_of_a_queue_that_have_been_due_longest() -> None:
    record_waiting(5, "org_1")
    keys = list(WebhookEvent.objects.order_by("pk").values_list("pk", flat=True))
    WebhookEvent.objects.filter(pk=keys[4]).update(due_at=timezone.now() - timedelta(hours=1))

    (batch,) = claim_batches(timezone.now(), 3, Rotation())

    assert batch.event_keys == [keys[0], keys[1], keys[4]]


def test_claims_reach_every_queue_when_there_are_more_than_one_claim_serves() -> None:
    for number in range(7):
        record_waiting(10, f"org_{number}")
    rotation = Rotation()

    claimed = sum((claim_queues(3, rotation) for _ in range(3)), Counter())

    assert set(claimed) == {f"org_{number}" for number in range(7)}


def test_claim_goes_past_queues_of_which_other_workers_have_every_event() -> None:
    for number in range(5):
        record_waiting(1, f"org_{number}")

    assert set(claim_queues(3, Rotation())) == {"org_0", "org_1", "org_2"}
    # Of another process, which begins with the first queue, too.
    assert set(claim_queues(3, Rotation())) == {"org_3", "org_4"}


def test_claims_begin_again_with_the_first_queue_after_the_last() -> None:
    for number in range(4):
        record_waiting(10, f"org_{number}")
    rotation = Rotation()

    claimed = [set(claim_queues(2, rotation)) for _ in range(3)]

    assert claimed == [{"org_0", "org_1"}, {"org_2", "org_3"}, {"org_0", "org_1"}]


def test_urgent_events_go_first_and_leave_a_fifth_to_the_others() -> None:
    record_waiting(100, "org_1")
    record_waiting(100, "org_1", is_urgent=True)

    claim_batches(timezone.now(), 50, Rotation())

    claimed = [key for batch in EventBatch.objects.all() for key in batch.event_keys]
    assert WebhookEvent.objects.filter(pk__in=claimed, is_urgent=True).count() == 40
    assert WebhookEvent.objects.filter(pk__in=claimed, is_urgent=False).count() == 10


def test_urgent_events_are_applied_before_the_others_of_their_batch(acme: Enterprise) -> None:
    for number, name in enumerate(["dsync.group.created", "connection.activated"]):
        deliver(name, event_id=f"event_{number}")

    batches = claim_batches(timezone.now(), 10, Rotation())

    assert [batch.event for batch in batches] == ["connection.activated", "dsync.group.created"]


def test_two_workers_that_claim_at_once_take_different_events() -> None:
    record_waiting(30, "org_1")

    def claim() -> list[EventBatch]:
        try:
            return claim_batches(timezone.now(), 20, Rotation())
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            first = claim_batches(timezone.now(), 20, Rotation())
            claiming = pool.submit(claim)
            wait_until(lambda: someone_waits_for_a_lock() or claiming.done())
        second = claiming.result()

    keys = [key for batch in (*first, *second) for key in batch.event_keys]
    assert len(keys) == len(set(keys)) == 30


def test_event_that_is_not_due_yet_is_not_claimed() -> None:
    record_waiting(3, "org_1")
    WebhookEvent.objects.update(due_at=timezone.now() + timedelta(minutes=1))

    assert claim_batches(timezone.now(), 20, Rotation()) == []


@pytest.mark.parametrize(
    ("event", "data", "queue"),
    [
        ("connection.activated", {"organization_id": "org_1"}, Queue(True, "org_1")),
        ("connection.saml_certificate_renewed", {}, Queue(True, "org_01EHWNCE74X7JSDV0X3SZ3KJNY")),
        ("organization.updated", {"id": "org_1"}, Queue(True, "org_1")),
        ("dsync.activated", {"organization_id": "org_1"}, Queue(True, "org_1")),
        ("dsync.user.created", {"organization_id": "org_1"}, Queue(False, "org_1")),
        ("dsync.user.created", {"organization_id": "org_1", "state": "inactive"}, Queue(False, "org_1")),
        ("dsync.user.updated", {"organization_id": "org_1", "state": "active"}, Queue(False, "org_1")),
        ("dsync.user.updated", {"organization_id": "org_1", "state": "inactive"}, Queue(True, "org_1")),
        ("dsync.user.deleted", {"organization_id": "org_1"}, Queue(True, "org_1")),
        ("dsync.user.deleted", {"organization_id": None, "directory_id": "dir_1"}, Queue(True, "dir_1")),
        ("dsync.user.deleted", {"organization_id": 7, "directory_id": []}, Queue(True, "")),
        ("dsync.user.created", {"organization_id": "o" * 100}, Queue(False, "o" * 64)),
        (
            "dsync.group.user_added",
            {"group": {"directory_id": "dir_2"}, "user": {"organization_id": "org_2"}},
            Queue(False, "org_2"),
        ),
        ("dsync.group.user_removed", {"group": {"organization_id": "org_2"}}, Queue(True, "org_2")),
    ],
)
def test_queue_follows_from_the_name_and_the_data(event: str, data: dict[str, Any], queue: Queue) -> None:
    assert find_queue(event, data or payload(event)["data"]) == queue


def test_delivery_is_recorded_in_its_queue(acme: Enterprise) -> None:
    deliver("dsync.user.deleted", event_id="event_1", organization_id="org_1")
    deliver("dsync.user.created", event_id="event_2", organization_id="org_1")

    rows = WebhookEvent.objects.order_by("event_id").values_list("is_urgent", "queue")
    assert list(rows) == [(True, "org_1"), (False, "org_1")]


@pytest.mark.parametrize(
    ("seconds_per_event", "size"), [(0.000_05, LARGEST_SIZE), (0.000_25, 1000), (0.1, SMALLEST_SIZE)]
)
def test_claims_grow_or_shrink_until_one_takes_a_quarter_of_a_second(
    seconds_per_event: float, size: int
) -> None:
    pace = Pace()

    for _ in range(20):
        pace.record(pace.size, pace.size * seconds_per_event)

    assert pace.size == pytest.approx(size, abs=1)


def test_small_claim_does_not_change_the_size_of_large_ones() -> None:
    pace = Pace()

    pace.record(1, 0.05)

    assert pace.size == FIRST_SIZE
