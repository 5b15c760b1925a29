"""The worker as a process: signals, and recovery from a kill."""

import signal
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from enterprises.models import Enterprise
from mirror.models import Connection, Organization
from tests.deliveries import deliver
from tests.processes import Manage, someone_waits_for_a_lock, wait_until
from webhooks.inbox import apply_waiting
from webhooks.models import EventBatch, WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)


def test_worker_applies_new_events_until_sigterm(acme: Enterprise, manage: Manage) -> None:
    worker = manage("worker", "--interval", "0.05")

    deliver("connection.activated", event_id="event_1")
    wait_until(lambda: WebhookEvent.objects.filter(status="applied").count() == 1)
    deliver("connection.deactivated", event_id="event_2")
    wait_until(lambda: WebhookEvent.objects.filter(status="applied").count() == 2)
    worker.send_signal(signal.SIGTERM)
    output, _ = worker.communicate(timeout=10)

    assert worker.returncode == 0
    assert "Worker stopped" in output


def test_killed_worker_loses_no_event_and_applies_none_twice(acme: Enterprise, manage: Manage) -> None:
    for number in range(20):
        deliver("connection.activated", event_id=f"event_{number}", id=f"conn_{number}")

    with transaction.atomic():
        # The worker has claimed all events and waits for this row's lock when it is killed.
        Organization.objects.select_for_update().get(pk=acme.organization_id)
        worker = manage("worker")
        wait_until(someone_waits_for_a_lock)
        worker.kill()
        worker.communicate()

    assert len(EventBatch.objects.get().event_keys) == 20
    assert WebhookEvent.objects.filter(status="waiting").count() == 20
    assert not Connection.objects.exists()
    # Any of them may have ended the worker: each is applied alone.
    now = timezone.now() + timedelta(minutes=1)
    assert [apply_waiting(now=now).total() for _ in range(21)] == [1] * 20 + [0]
    assert Connection.objects.filter(state="active").count() == 20
    assert WebhookEvent.objects.filter(status="applied").count() == 20


def test_sigterm_lets_the_worker_finish_its_batch(acme: Enterprise, manage: Manage) -> None:
    deliver("connection.activated")

    with transaction.atomic():
        Organization.objects.select_for_update().get(pk=acme.organization_id)
        worker = manage("worker")
        wait_until(someone_waits_for_a_lock)
        worker.terminate()
    output, _ = worker.communicate(timeout=10)

    assert worker.returncode == 0, output
    assert WebhookEvent.objects.get().status == "applied"
