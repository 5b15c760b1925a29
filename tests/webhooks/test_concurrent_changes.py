"""Two workers that apply events of one object at once: one audit entry and one mail per change of state.

When the workers are released, either may write first, and only one of the two orders would show that a worker
acts on a state that it read before its write. So each test repeats the race with several connections.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone

from audit.log import audit_entries_for
from enterprises.models import Enterprise
from enterprises.tasks import TaskKind
from hostapp.models import User
from mirror.models import Connection
from outbox.models import Task
from outbox.runner import run_due_tasks
from tests.deliveries import deliver
from tests.processes import count_lock_waiters, wait_until
from webhooks.inbox import apply_waiting
from webhooks.models import EventBatch, WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 8
# Of today: a change that is learned a day late sends no mail.
START = datetime.now(UTC) - timedelta(hours=1)
STATES = {"activated": "active", "deactivated": "inactive"}


def deliver_event(event: str, connection_id: str, minute: int, **data: str) -> None:
    at = (START + timedelta(minutes=minute)).isoformat()
    data = {"id": connection_id, "name": connection_id, "updated_at": at, **data}
    response = deliver(
        f"connection.{event}", event_id=f"event_{connection_id}_{minute}", created_at=at, **data
    )
    assert response.status_code == 200


def begin_in_state(event: str, connection_id: str) -> None:
    """Apply an earlier event, if any, and send its mail."""
    if event:
        deliver_event(event, connection_id, 0)
        apply_waiting(now=timezone.now())
        run_all_tasks()
    mail.outbox.clear()


def run_all_tasks() -> None:
    while run_due_tasks(now=timezone.now()):
        pass


@contextmanager
def hold_writes_of_connections() -> Iterator[None]:
    """Let workers read the connections, and hold their writes until the block ends."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE mirror_connection IN SHARE MODE")
        yield


def apply_with_two_workers(size: int = 1) -> None:
    """Apply `size` events with each worker, and hold each at its write until both have got there."""

    def apply_events() -> None:
        try:
            apply_waiting(now=timezone.now(), size=size)
        finally:
            connection.close()

    workers = [threading.Thread(target=apply_events) for _ in range(2)]
    with hold_writes_of_connections():
        for number, worker in enumerate(workers, start=1):
            worker.start()
            wait_until(lambda number=number: count_lock_waiters() == number)  # type: ignore[misc]
        assert EventBatch.objects.count() == 2
    for worker in workers:
        worker.join(20)
    assert not WebhookEvent.objects.exclude(status__in=["applied", "stale"]).exists()


def audited_actions(enterprise: Enterprise, connection_id: str) -> list[str]:
    entries = audit_entries_for(enterprise).filter(target=connection_id).order_by("id")
    return [entry.action for entry in entries]


@pytest.mark.parametrize("before", ["", "deactivated"], ids=["first inserts", "updates"])
def test_two_activations_are_one_audit_entry_and_one_mail(acme: Enterprise, ada: User, before: str) -> None:
    for number in range(ROUNDS):
        connection_id = f"conn_{number}"
        begin_in_state(before, connection_id)
        deliver_event("activated", connection_id, 1)
        deliver_event("activated", connection_id, 2)

        apply_with_two_workers()

        assert audited_actions(acme, connection_id).count("connection_activated") == 1
        # Enqueued once, not twice and coalesced.
        assert [task.requests for task in Task.objects.filter(kind=TaskKind.NOTIFY_STATE)] == [1]
        run_all_tasks()
        assert [message.subject for message in mail.outbox] == ["Single sign-on is active · Acme Inc."]


def test_batches_of_activations_are_one_audit_entry(acme: Enterprise, ada: User) -> None:
    for number in range(ROUNDS):
        for minute in range(6):
            deliver_event("activated", f"conn_{number}", minute)

        apply_with_two_workers(size=3)

        assert audited_actions(acme, f"conn_{number}") == ["connection_activated"]
        assert [task.requests for task in Task.objects.filter(kind=TaskKind.NOTIFY_STATE)] == [1]
        run_all_tasks()


def test_events_that_change_no_state_write_neither_audit_entry_nor_mail(acme: Enterprise, ada: User) -> None:
    for number in range(ROUNDS):
        connection_id = f"conn_{number}"
        begin_in_state("activated", connection_id)
        deliver_event("activated", connection_id, 1, connection_type="GoogleSAML")
        deliver_event("activated", connection_id, 2, connection_type="GoogleSAML")

        apply_with_two_workers()

        assert Connection.objects.get(connection_id=connection_id).connection_type == "GoogleSAML"
        assert audited_actions(acme, connection_id) == ["connection_activated"]
        assert not Task.objects.exists()


@pytest.mark.parametrize("events", [("deactivated", "activated"), ("activated", "deactivated")])
@pytest.mark.parametrize("before", ["", "activated", "deactivated"], ids=["new", "active", "inactive"])
def test_audit_entries_and_mails_follow_the_changes_of_state(
    acme: Enterprise, ada: User, before: str, events: tuple[str, str]
) -> None:
    for number in range(ROUNDS):
        connection_id = f"conn_{number}"
        begin_in_state(before, connection_id)
        deliver_event(events[0], connection_id, 1)
        deliver_event(events[1], connection_id, 2)

        apply_with_two_workers()

        # Whichever worker wrote first, the newer event wins, and each state was entered once.
        actions = audited_actions(acme, connection_id)
        assert Connection.objects.get(connection_id=connection_id).state == STATES[events[1]]
        assert actions[-1] == f"connection_{events[1]}"
        assert all(earlier != later for earlier, later in pairwise(actions))
        run_all_tasks()
        assert len(mail.outbox) == len(actions) - bool(before)
