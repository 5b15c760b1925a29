"""Apply waiting events: failures, retries and several workers."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from io import StringIO
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from enterprises.models import Enterprise
from mirror.models import Connection, Organization
from mirror.organizations import close_organizations
from mirror.registry import MIRRORED
from mirror.upsert import upsert
from tests.deliveries import deliver
from webhooks.events import Event
from webhooks.handlers import APPLIED, HANDLERS, Outcome
from webhooks.inbox import MAX_ATTEMPTS, apply_waiting, build_outcome
from webhooks.models import WebhookEvent


def apply_later(minutes: float = 0) -> None:
    apply_waiting(now=timezone.now() + timedelta(minutes=minutes))


@pytest.mark.django_db
def test_apply_events_prints_nothing_when_no_events_wait() -> None:
    out = StringIO()

    call_command("apply_events", stdout=out)

    assert out.getvalue() == ""


@pytest.mark.django_db
def test_apply_events_applies_all_waiting_events_and_reports_counts(acme: Enterprise) -> None:
    for number in range(3):
        deliver("connection.activated", event_id=f"event_{number}", id=f"conn_{number}")
    out = StringIO()

    call_command("apply_events", stdout=out)

    assert out.getvalue() == "3 applied\n"
    assert Connection.objects.count() == 3


@pytest.mark.django_db
def test_applied_event_is_not_applied_again(acme: Enterprise) -> None:
    deliver("connection.activated")
    apply_later()

    assert not apply_waiting(now=timezone.now() + timedelta(days=1))


@pytest.mark.django_db
def test_failing_event_does_not_fail_its_batch_and_keeps_its_error(acme: Enterprise) -> None:
    deliver("connection.activated", event_id="event_1")
    # No id: the handler cannot find the connection.
    deliver(
        {"id": "event_2", "event": "connection.activated", "data": {"organization_id": acme.organization_id}}
    )
    deliver("connection.activated", event_id="event_3", id="conn_other")

    apply_later()

    failed = WebhookEvent.objects.get(event_id="event_2")
    assert (failed.status, failed.reason) == ("failed", "connection: id is missing")
    assert WebhookEvent.objects.filter(status="applied").count() == 2
    assert Connection.objects.count() == 2


@pytest.mark.django_db
def test_writes_of_a_failing_handler_are_rolled_back(
    acme: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    def writes_and_fails(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
        Enterprise.objects.update(name="half done")
        raise RuntimeError("out of paper")

    monkeypatch.setitem(HANDLERS, "connection.activated", writes_and_fails)
    deliver("connection.activated")

    apply_later()

    acme.refresh_from_db()
    assert acme.name == "Acme Inc."
    assert WebhookEvent.objects.get().reason == "RuntimeError: out of paper"


@pytest.mark.django_db
def test_failed_event_is_retried_later_until_the_maximum_attempts(
    acme: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
        raise RuntimeError

    monkeypatch.setitem(HANDLERS, "connection.activated", fails)
    deliver("connection.activated")
    now = timezone.now()

    apply_waiting(now=now)
    assert not apply_waiting(now=now + timedelta(seconds=5)), "it must not be retried immediately"
    for attempt in range(2, MAX_ATTEMPTS + 1):
        now += timedelta(hours=12)
        assert apply_waiting(now=now) == {"failed": 1}, f"attempt {attempt}"

    event = WebhookEvent.objects.get()
    assert (event.attempts, event.due_at) == (MAX_ATTEMPTS, None)
    assert not apply_waiting(now=now + timedelta(days=30))


@pytest.mark.django_db
def test_failed_event_is_applied_on_retry_after_the_handler_is_fixed(
    acme: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setitem(HANDLERS, "connection.activated", lambda events, now: None)
        deliver("connection.activated")
        apply_later()

    apply_later(minutes=1)

    event = WebhookEvent.objects.get()
    assert (event.status, event.reason) == ("applied", "")
    assert Connection.objects.get().state == "active"


@pytest.mark.parametrize(
    ("attempts", "shortest", "longest"),
    [
        (1, timedelta(seconds=11), timedelta(seconds=19)),
        (3, timedelta(seconds=45), timedelta(seconds=75)),
        (7, timedelta(seconds=720), timedelta(seconds=1200)),
    ],
)
def test_retry_delay_starts_at_15_seconds_and_doubles(
    attempts: int, shortest: timedelta, longest: timedelta
) -> None:
    now = timezone.now()

    outcome = build_outcome(Outcome("failed"), attempts, now)

    assert outcome.due_at is not None
    assert shortest <= outcome.due_at - now <= longest


@pytest.mark.django_db(transaction=True)
def test_concurrent_workers_apply_each_event_once(acme: Enterprise, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def collect_ids(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
        seen.extend(event.event_id for event in events)
        return [APPLIED for _ in events]

    monkeypatch.setitem(HANDLERS, "connection.activated", collect_ids)
    for number in range(40):
        deliver("connection.activated", event_id=f"event_{number}")
    barrier = Barrier(4)

    def apply_batches() -> None:
        barrier.wait()
        while apply_waiting(now=timezone.now(), size=3):
            pass
        connection.close()

    workers = [Thread(target=apply_batches) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(seen) == sorted(f"event_{number}" for number in range(40))
    assert WebhookEvent.objects.filter(status="applied").count() == 40


@pytest.mark.django_db(transaction=True)
def test_organization_deletion_includes_a_connection_written_concurrently(acme: Enterprise) -> None:
    deliver("organization.deleted", event_id="event_2")

    def apply_in_other_worker() -> None:
        apply_waiting(now=timezone.now())
        connection.close()

    with transaction.atomic():
        data = {"id": "conn_1", "organization_id": acme.organization_id, "state": "active"}
        upsert("connection", [MIRRORED["connection"].observe(data, happened_at=timezone.now())])
        thread = Thread(target=apply_in_other_worker)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive(), "the deletion must wait for the connection's write"
    thread.join(10)

    assert Connection.objects.get().state == "deleted"


def restore_organizations() -> None:
    # Locked in one order: an UPDATE alone locks them as they lie on the disk.
    with transaction.atomic():
        list(Organization.objects.select_for_update().order_by("organization_id"))
        Organization.objects.update(deleted_at=None)


@pytest.mark.django_db(transaction=True)
def test_workers_deleting_the_same_organizations_do_not_deadlock(acme: Enterprise, birch: Enterprise) -> None:
    ids = [str(acme.organization_id), str(birch.organization_id)]
    results: list[Any] = []

    def delete_organizations(order: list[str]) -> None:
        for _ in range(30):
            restore_organizations()
            results.append(close_organizations([(one, timezone.now()) for one in order], now=timezone.now()))
        connection.close()

    threads = [Thread(target=delete_organizations, args=(order,)) for order in (ids, ids[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(results) == 60, "a deadlock stopped a worker"


@pytest.mark.django_db(transaction=True)
def test_workers_updating_the_same_organizations_do_not_deadlock(acme: Enterprise, birch: Enterprise) -> None:
    start = timezone.now()

    def build_event(number: int, organization_id: str | None, minutes: int) -> Event:
        at = start + timedelta(minutes=minutes)
        domain = {"id": f"domain_{organization_id}", "domain": "a.example", "updated_at": at.isoformat()}
        data = {"id": organization_id, "name": f"At {minutes}", "domains": [domain]}
        return Event(f"event_{number}", "organization.updated", data, at, at)

    results: list[Sequence[Outcome]] = []

    def update_organizations(newer: Enterprise, older: Enterprise) -> None:
        for number in range(1, 40):
            events = [
                build_event(2 * number, newer.organization_id, number),
                build_event(2 * number + 1, older.organization_id, -number),
            ]
            with transaction.atomic():
                results.append(HANDLERS["organization.updated"](events, start))
        connection.close()

    threads = [Thread(target=update_organizations, args=order) for order in ((acme, birch), (birch, acme))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(results) == 78, "a deadlock stopped a worker"


@pytest.mark.django_db(transaction=True)
def test_event_locked_by_another_worker_is_skipped(acme: Enterprise) -> None:
    deliver("connection.activated")
    applied_counts: list[int] = []

    def apply_in_other_worker() -> None:
        applied_counts.append(sum(apply_waiting(now=timezone.now()).values()))
        connection.close()

    with transaction.atomic():
        WebhookEvent.objects.select_for_update().get()
        thread = Thread(target=apply_in_other_worker)
        thread.start()
        thread.join(10)

    assert applied_counts == [0]
