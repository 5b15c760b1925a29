"""Once, however often and however simultaneously it is delivered."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from tests.deliveries import deliver
from webhooks.models import WebhookEvent

THREADS = 16


@pytest.mark.django_db(transaction=True)
def test_deliveries_in_the_same_moment_leave_one_row_and_are_all_acknowledged() -> None:
    together = Barrier(THREADS)

    def one(_: int) -> int:
        together.wait()
        try:
            return deliver("connection.activated").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(one, range(THREADS)))

    assert answers == [200] * THREADS
    assert WebhookEvent.objects.count() == 1
