"""Events that kill the process that takes them."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from enterprises.models import Enterprise
from mirror.models import Connection
from tests.deliveries import deliver
from tests.processes import ROOT, build_environment, wait_until
from webhooks import inbox
from webhooks.claims import Rotation, claim_batches, release_dead_batches
from webhooks.event_names import HANDLED_EVENTS
from webhooks.events import Event
from webhooks.handlers import APPLIED, HANDLERS, Outcome
from webhooks.models import EventBatch, WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def handled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the receiver know the handler of the worker's settings."""
    monkeypatch.setattr("webhooks.receive.record._HANDLED", frozenset({*HANDLED_EVENTS, "test.deadly"}))


def deliver_deadly_event(event_id: str, name: str = "poison") -> None:
    deliver({"id": event_id, "event": "test.deadly", "data": {"name": name}})


def start_worker() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "worker", "--interval", "0.05"],
        cwd=ROOT,
        env={**build_environment(), "DJANGO_SETTINGS_MODULE": "tests.webhooks.deadly_handler_settings"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for_exit_or_until_nothing_is_due(process: "subprocess.Popen[str]") -> None:
    due = WebhookEvent.objects.exclude(due_at=None)
    wait_until(lambda: process.poll() is not None or not due.exists())


def restart_worker_until_nothing_is_due(*, max_starts: int) -> int:
    """Restart the worker whenever it dies, as a supervisor does. Return how often it died."""
    for deaths in range(max_starts):
        process = start_worker()
        try:
            wait_for_exit_or_until_nothing_is_due(process)
        finally:
            alive = process.poll() is None
            if alive:
                process.terminate()
            process.communicate(timeout=15)
        if alive:
            return deaths
        # What the worker had claimed is left to it for a while: end that now.
        EventBatch.objects.update(leased_until=timezone.now())
    raise AssertionError(f"the worker died {max_starts} times")


@pytest.mark.slow
def test_event_that_kills_its_worker_is_quarantined_and_all_others_are_applied(acme: Enterprise) -> None:
    for number in range(10):
        deliver("connection.activated", event_id=f"event_{number:02d}", id=f"conn_{number}")
        deliver_deadly_event(f"event_1{number}", "poison" if number == 5 else "harmless")

    deaths = restart_worker_until_nothing_is_due(max_starts=6)

    assert deaths == inbox.MAX_UNFINISHED_ATTEMPTS
    poison = WebhookEvent.objects.get(event_id="event_15")
    assert (poison.status, poison.due_at) == ("failed", None)
    assert "Quarantined" in poison.reason
    assert WebhookEvent.objects.filter(status="applied").count() == 19
    assert Connection.objects.filter(state="active").count() == 10


def test_new_events_are_applied_while_a_suspect_event_waits(acme: Enterprise) -> None:
    deliver_deadly_event("event_1")
    now = timezone.now()
    claim_batches(now, 500, Rotation())
    deliver("connection.activated", event_id="event_2")

    assert inbox.apply_waiting(now=now + timedelta(seconds=1)) == {"applied": 1}
    assert WebhookEvent.objects.get(event_id="event_1").status == "waiting"


@contextmanager
def run_slow_worker(monkeypatch: pytest.MonkeyPatch, now: datetime) -> Iterator[None]:
    """A worker that applies `connection.activated` until the block ends."""
    is_working, goes_on = threading.Event(), threading.Event()

    def wait(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
        is_working.set()
        goes_on.wait(30)
        return [APPLIED for _ in events]

    def apply_slowly() -> None:
        inbox.apply_waiting(now=now)
        connection.close()

    monkeypatch.setitem(HANDLERS, "connection.activated", wait)
    slow = threading.Thread(target=apply_slowly)
    slow.start()
    try:
        wait_until(is_working.is_set)
        yield
    finally:
        goes_on.set()
        slow.join()


def test_slow_worker_keeps_its_events(acme: Enterprise, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver("connection.activated")
    now = timezone.now()

    with run_slow_worker(monkeypatch, now):
        assert not inbox.apply_waiting(now=now + timedelta(hours=1))

    event = WebhookEvent.objects.get()
    assert (event.status, event.attempts, event.unfinished_attempts) == ("applied", 1, 0)
    assert not EventBatch.objects.exists()


def test_slow_worker_keeps_the_events_of_its_other_batches(
    acme: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has claimed events of two names, and applies those of the first for longer than the lease."""
    deliver("connection.activated", event_id="event_1")
    deliver("dsync.activated", event_id="event_2")
    now = timezone.now()

    with run_slow_worker(monkeypatch, now):
        assert not inbox.apply_waiting(now=now + timedelta(minutes=1))

    assert set(WebhookEvent.objects.values_list("status", "attempts")) == {("applied", 1)}


def test_worker_renews_the_lease_of_the_batches_that_it_applies_next(
    acme: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases: list[datetime] = []

    def look(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
        leases.append(EventBatch.objects.get().leased_until)
        return [APPLIED for _ in events]

    monkeypatch.setitem(HANDLERS, "dsync.activated", look)
    deliver("connection.activated", event_id="event_1")
    deliver("dsync.activated", event_id="event_2")
    long_ago = timezone.now() - timedelta(minutes=1)
    WebhookEvent.objects.update(due_at=long_ago)

    # As if something had held it up since it read the clock.
    inbox.apply_waiting(now=long_ago)

    assert leases[0] > timezone.now()


def test_worker_that_was_taken_for_dead_leaves_its_events_to_others(acme: Enterprise) -> None:
    deliver("connection.activated")
    now = timezone.now()
    (batch,) = claim_batches(now, 500, Rotation())
    release_dead_batches(now + timedelta(minutes=1))

    assert not inbox._apply_batch(batch, now)
    assert WebhookEvent.objects.get().status == "waiting"
    assert inbox.apply_waiting(now=now + timedelta(minutes=1)) == {"applied": 1}
