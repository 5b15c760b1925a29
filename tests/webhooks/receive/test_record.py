"""An event is recorded once, even when it is delivered several times at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from tests.deliveries import deliver
from webhooks.models import WebhookEvent

THREADS = 16


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
