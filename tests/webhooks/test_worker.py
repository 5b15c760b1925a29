"""The worker as a process: what it does at signals, and what a kill leaves behind."""

import signal
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from enterprises.models import Connection, Enterprise
from tests.deliveries import deliver
from tests.processes import Manage, wait_until
from webhooks.inbox import apply_waiting
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)


def someone_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        # Within a transaction it would show what it showed first.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database())"
        )
        return bool(cursor.fetchone()[0])


def test_it_applies_what_comes_until_sigterm(acme: Enterprise, manage: Manage) -> None:
    worker = manage("worker", "--interval", "0.05")

    deliver("connection.activated", event_id="event_1")
    wait_until(lambda: WebhookEvent.objects.filter(status="applied").count() == 1)
    deliver("connection.deactivated", event_id="event_2")
    wait_until(lambda: WebhookEvent.objects.filter(status="applied").count() == 2)
    worker.send_signal(signal.SIGTERM)
    said, _ = worker.communicate(timeout=10)

    assert worker.returncode == 0
    assert "Worker stopped" in said


def test_killed_in_the_middle_of_its_work_it_loses_and_doubles_nothing(
    acme: Enterprise, manage: Manage
) -> None:
    for number in range(20):
        deliver("connection.activated", event_id=f"event_{number}", id=f"conn_{number}")

    with transaction.atomic():
        # The worker has claimed them all and stands before this row when it is killed.
        Enterprise.objects.select_for_update().get(pk=acme.pk)
        worker = manage("worker")
        wait_until(someone_waits_for_a_lock)
        worker.kill()
        worker.communicate()

    assert WebhookEvent.objects.filter(status="waiting", attempts=1).count() == 20
    assert not Connection.objects.exists()
    # Any of them may have been what ended it: each is tried alone.
    now = timezone.now() + timedelta(minutes=1)
    assert [apply_waiting(now=now).total() for _ in range(21)] == [1] * 20 + [0]
    assert Connection.objects.filter(state="active").count() == 20
    assert WebhookEvent.objects.filter(status="applied").count() == 20


def test_sigterm_lets_it_finish_the_batch_in_hand(acme: Enterprise, manage: Manage) -> None:
    deliver("connection.activated")

    with transaction.atomic():
        Enterprise.objects.select_for_update().get(pk=acme.pk)
        worker = manage("worker")
        wait_until(someone_waits_for_a_lock)
        worker.terminate()
    said, _ = worker.communicate(timeout=10)

    assert worker.returncode == 0, said
    assert WebhookEvent.objects.get().status == "applied"
