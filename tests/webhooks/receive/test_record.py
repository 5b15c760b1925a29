"""An event is recorded once, even when it is delivered several times at once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction

from tests.deliveries import deliver, payload
from tests.processes import someone_waits_for_a_lock, wait_until
from webhooks.models import LateDelivery, WebhookEvent
from webhooks.receive.accept import Delivery, accept_listed
from webhooks.receive.record import build_insert

THREADS = 16
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def list_event(event_id: str) -> Delivery:
    return accept_listed(build_item(event_id), now=NOW)


def build_item(event_id: str) -> dict[str, Any]:
    return payload("connection.activated", event_id=event_id)


def record(*deliveries: Delivery) -> Sequence[str]:
    """Record them in one statement. Returns the ids that are new."""
    statement = build_insert((delivery, NOW) for delivery in deliveries)
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.parameters)
        return sorted(event_id for (event_id,) in cursor.fetchall())


def deliver_in_a_thread(item: dict[str, Any]) -> int:
    try:
        return deliver(item).status_code
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_simultaneous_deliveries_create_one_event_and_are_all_acknowledged() -> None:
    barrier = Barrier(THREADS)

    def deliver_once(_: int) -> int:
        barrier.wait()
        try:
            return deliver("connection.activated").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        statuses = list(pool.map(deliver_once, range(THREADS)))

    assert statuses == [200] * THREADS
    assert WebhookEvent.objects.count() == 1


@pytest.mark.django_db
def test_delivery_of_a_listed_event_is_late_and_no_other_is() -> None:
    listed, delivered, new = (list_event(f"event_{name}") for name in ("listed", "delivered", "new"))
    delivered, new = (replace(one, secret_name="current") for one in (delivered, new))
    record(listed, delivered)

    assert record(new, replace(listed, secret_name="current"), delivered, new) == ["event_new"]
    assert record(listed, new) == []

    assert LateDelivery.objects.get().event_id == "event_listed"
    assert WebhookEvent.objects.get(event_id="event_listed").source == "events_api"


@pytest.mark.django_db(transaction=True)
def test_delivery_during_catch_up_is_recorded_as_late() -> None:
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            record(list_event("event_1"))
            delivering = pool.submit(deliver_in_a_thread, build_item("event_1"))
            wait_until(someone_waits_for_a_lock)
        assert delivering.result() == 200

    assert WebhookEvent.objects.get().source == "events_api"
    assert LateDelivery.objects.get().event_id == "event_1"


@pytest.mark.django_db(transaction=True)
def test_late_delivery_does_not_wait_for_the_worker_that_applies_the_event() -> None:
    record(list_event("event_1"))

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        WebhookEvent.objects.select_for_update().get()
        assert pool.submit(deliver_in_a_thread, build_item("event_1")).result(timeout=15) == 200

    assert LateDelivery.objects.get().event_id == "event_1"
