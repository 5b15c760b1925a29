"""Two workers that apply events of one object at once write one audit entry and one mail per change."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone

from audit.log import audit_entries_for
from enterprises.models import Enterprise
from hostapp.models import User
from mirror.models import Connection
from outbox.runner import run_due_tasks
from tests.deliveries import deliver
from tests.processes import wait_until
from webhooks.inbox import apply_waiting
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)

START = datetime(2026, 1, 15, 12, tzinfo=UTC)


def deliver_event(state: str, minute: int) -> None:
    at = (START + timedelta(minutes=minute)).isoformat()
    response = deliver(
        f"connection.{state}", event_id=f"event_{minute}", created_at=at, updated_at=at, id="conn_1"
    )
    assert response.status_code == 200


@contextmanager
def held_until_all_write(workers: int) -> Iterator[None]:
    """Hold the workers until all of them wait to write the connection: each has read what it reads before."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE mirror_connection IN SHARE MODE")
        yield
        wait_until(lambda: count_waiting_sessions() == workers)


def count_waiting_sessions() -> int:
    with connection.cursor() as cursor:
        # Without this a transaction sees the sessions as of its first look.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        count: int = cursor.fetchone()[0]
        return count


def apply_with_one_worker_each(events: int) -> None:
    def apply_one() -> None:
        apply_waiting(now=timezone.now(), size=1)
        connection.close()

    workers = [threading.Thread(target=apply_one) for _ in range(events)]
    with held_until_all_write(events):
        for number, worker in enumerate(workers, start=1):
            worker.start()
            # One event each: the next worker claims when this one waits to write.
            wait_until(lambda number=number: count_waiting_sessions() == number)  # type: ignore[misc]
    for worker in workers:
        worker.join()
    assert not WebhookEvent.objects.filter(status="waiting").exists()
    while run_due_tasks(now=timezone.now()):
        pass


def audited_actions(enterprise: Enterprise) -> list[str]:
    return [entry.action for entry in audit_entries_for(enterprise).order_by("id")]


@pytest.mark.parametrize("exists", [False, True], ids=["first inserts", "updates"])
def test_two_activations_are_one_audit_entry_and_one_mail(acme: Enterprise, ada: User, exists: bool) -> None:
    if exists:
        deliver_event("deactivated", 0)
        apply_waiting(now=timezone.now())
        while run_due_tasks(now=timezone.now()):
            pass
        mail.outbox.clear()
    deliver_event("activated", 1)
    deliver_event("activated", 2)

    apply_with_one_worker_each(2)

    assert audited_actions(acme).count("connection_activated") == 1
    assert [message.subject for message in mail.outbox] == ["Single Sign-On of Acme Inc. is active"]


def test_events_that_change_no_state_write_neither_audit_entry_nor_mail(acme: Enterprise, ada: User) -> None:
    deliver_event("activated", 0)
    apply_waiting(now=timezone.now())
    while run_due_tasks(now=timezone.now()):
        pass
    mail.outbox.clear()
    before = audited_actions(acme)
    deliver_event("activated", 1)
    deliver_event("activated", 2)

    apply_with_one_worker_each(2)

    assert audited_actions(acme) == before
    assert mail.outbox == []


@pytest.mark.parametrize(("first", "second"), [("deactivated", "activated"), ("activated", "deactivated")])
def test_audit_log_ends_with_the_state_that_is_stored(
    acme: Enterprise, ada: User, first: str, second: str
) -> None:
    deliver_event("activated", 0)
    apply_waiting(now=timezone.now())
    deliver_event(first, 1)
    deliver_event(second, 2)

    apply_with_one_worker_each(2)

    stored = {"active": "connection_activated", "inactive": "connection_deactivated"}
    assert audited_actions(acme)[-1] == stored[Connection.objects.get().state]
