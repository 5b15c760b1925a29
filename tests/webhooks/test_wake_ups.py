"""Workers begin when events are recorded, and not only when they look."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import takewhile
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone

from audit.actor import WORKOS
from enterprises.models import Enterprise
from enterprises.provisioning import adopt_organization
from enterprises.tasks import TaskKind
from hostapp.asgi import get_connection_parameters
from outbox import listener as listening
from outbox.models import Task
from tests.deliveries import deliver
from tests.factories import create_enterprise
from tests.processes import Manage, wait_until
from tests.webhooks.receive.test_batches import NOW, build_delivery, with_recorder
from webhooks.models import WebhookEvent
from webhooks.receive.batches import BatchRecorder
from webhooks.receive.wake_ups import CHANNEL, INTERVAL, WakeUps
from webhooks.retry import retry_events
from webhooks.wake_up import _LINGER, LATE, Notifier

pytestmark = pytest.mark.django_db(transaction=True)

# Seconds between two looks. A worker that waits for a notification looks only each ten minutes.
RARELY = "60"


@pytest.fixture
def heard() -> Iterator[Iterator[str]]:
    """The payloads of notifications; it ends when none has come for a while."""
    # Of the deliveries of the test before.
    wait_until(lambda: not is_sending_late())
    with psycopg.connect(**get_connection_parameters(), autocommit=True) as direct:
        direct.execute(f"LISTEN {CHANNEL}")
        # A generator that is not closed keeps the connection's lock.
        with closing(direct.notifies(timeout=15)) as notifications:
            yield (notification.payload for notification in notifications)


def is_sending_late() -> bool:
    return any(thread.name == LATE for thread in threading.enumerate())


# Those of workers that started before the test: one that is ending, or that of the browser tests, which is
# paused and runs until the end.
_earlier: set[int] = set()


@pytest.fixture(autouse=True)
def earlier_listeners(transactional_db: None) -> None:
    _earlier.clear()
    _earlier.update(find_listeners())


def listeners() -> list[int]:
    """Process ids of the server that serve the listeners of the test's own workers."""
    return [pid for pid in find_listeners() if pid not in _earlier]


def find_listeners() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s",
            [listening.APPLICATION_NAME],
        )
        return [row[0] for row in cursor.fetchall()]


def is_applied(event_id: str) -> bool:
    return WebhookEvent.objects.filter(event_id=event_id, status="applied").exists()


def test_worker_is_woken_and_finds_after_a_lost_connection_what_it_missed(
    acme: Enterprise, manage: Manage
) -> None:
    manage("worker", "--interval", RARELY)
    deliver("connection.activated", event_id="event_1", id="conn_1")
    wait_until(lambda: is_applied("event_1"))
    wait_until(listeners)
    deliver("connection.activated", event_id="event_2", id="conn_2")
    wait_until(lambda: is_applied("event_2"))

    (lost,) = listeners()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [lost])
    wait_until(lambda: lost not in listeners())
    deliver("connection.activated", event_id="event_3", id="conn_3")
    wait_until(lambda: is_applied("event_3"))
    wait_until(listeners)
    deliver("connection.activated", event_id="event_4", id="conn_4")
    wait_until(lambda: is_applied("event_4"))


def test_worker_applies_held_events_as_soon_as_a_request_makes_their_organization_known(
    acme: Enterprise, manage: Manage
) -> None:
    new = create_enterprise("Cedar Ltd", "cedar-ltd", None)
    manage("worker", "--interval", RARELY)
    wait_until(listeners)
    deliver("connection.activated", event_id="event_1", organization_id="org_cedar")
    wait_until(lambda: WebhookEvent.objects.filter(awaited_organization_id="org_cedar").exists())

    now = timezone.now()
    adopt_organization(
        organization_id="org_cedar", external_id=str(new.external_id), as_of=now, actor=WORKOS, now=now
    )

    wait_until(lambda: is_applied("event_1"))


def test_task_that_an_event_has_enqueued_runs_at_once(acme: Enterprise, manage: Manage) -> None:
    new = create_enterprise("Cedar Ltd", "cedar-ltd", None)
    manage("worker", "--interval", RARELY)
    wait_until(listeners)

    deliver("organization.created", event_id="event_1", id="org_cedar", external_id=str(new.external_id))
    wait_until(lambda: is_applied("event_1"))

    wait_until(lambda: not Task.objects.filter(kind=TaskKind.RUN_PROVISIONED_HOOK).exists())


def test_worker_without_notifications_says_so_once_and_looks(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Notifications stay in their database, so this listener hears none, as behind a pooler.
    elsewhere = get_connection_parameters() | {"dbname": "postgres"}
    monkeypatch.setattr("outbox.conf.listen_parameters", lambda: elsewhere)
    monkeypatch.setattr(listening, "_TEST_SECONDS", 0.1)
    monkeypatch.setattr(listening, "_TEST_AGAIN_SECONDS", 0.01)
    stop, woken = threading.Event(), threading.Event()
    tests: list[bool] = []
    original = listening.Listener._test

    def count_tests(self: listening.Listener, direct: Any) -> None:
        tests.append(self.is_listening)
        original(self, direct)

    monkeypatch.setattr(listening.Listener, "_test", count_tests)
    with caplog.at_level(logging.WARNING, "outbox.listener"):
        thread = threading.Thread(target=listening.Listener({CHANNEL: woken}, stop).run)
        thread.start()
        wait_until(lambda: len(tests) >= 3)
        stop.set()
        thread.join()

    assert not any(tests)
    assert len(caplog.records) == 1
    assert "DATABASE_LISTEN_URL" in caplog.text


def test_receiver_notifies_after_the_first_and_after_the_last_commit(
    heard: Iterator[str],
) -> None:
    async def record(recorder: BatchRecorder) -> None:
        for number in range(5):
            await recorder.record(build_delivery(number), NOW)

    with_recorder(record)

    connection.cursor().execute(f"NOTIFY {CHANNEL}, 'the end'")
    notified = list(takewhile(lambda payload: payload != "the end", heard))
    # Of the first and of the last. On a slow machine some between them are more than 20 ms apart.
    assert 2 <= len(notified) <= 5


def test_receiver_notifies_nobody_of_an_event_without_a_handler(
    heard: Iterator[str],
) -> None:
    async def record(recorder: BatchRecorder) -> None:
        await recorder.record(build_delivery(1, "dsync.token.created"), NOW)

    with_recorder(record)

    connection.cursor().execute(f"NOTIFY {CHANNEL}, 'the next one'")
    assert next(heard) == "the next one"


def test_last_delivery_to_the_view_is_notified_however_soon_it_follows(
    heard: Iterator[str],
) -> None:
    deliver("connection.activated", event_id="event_1")
    deliver("connection.activated", event_id="event_2")

    assert next(heard) == ""
    # One that is too soon is sent later, by a thread.
    assert next(heard) == ""
    wait_until(lambda: not is_sending_late())


def test_request_that_comes_when_the_thread_of_late_notifications_has_waited_enough_is_notified() -> None:
    """On a busy machine the thread gets the lock long after its wait has timed out."""
    notifier = Notifier()

    class SlowToReturn(threading.Condition):
        is_first = True

        def wait(self, timeout: float | None = None) -> bool:
            if timeout == _LINGER and self.is_first:
                self.is_first = False
                notifier._wake_ups._next_at = time.monotonic() + 0.2
                notifier.notify()
                # If even that was due already, this thread has sent it.
                connection.close()
                return False
            return super().wait(timeout)

    slow = notifier._changed = SlowToReturn()
    # One that is not due needs the thread; one that is due is sent here, and leaves the thread nothing to do.
    notifier._wake_ups._next_at = time.monotonic() + 60
    notifier.notify()
    notifier._wake_ups._next_at = 0
    notifier.notify()
    wait_until(lambda: not slow.is_first)
    wait_until(lambda: not is_sending_late())

    assert notifier._wake_ups.seconds_until_due(time.monotonic()) is None


def test_late_notifications_go_on_after_no_thread_could_be_started(
    heard: Iterator[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    notifier = Notifier()
    notifier.notify()
    with monkeypatch.context() as full, caplog.at_level(logging.WARNING):
        full.setattr(threading.Thread, "start", refuse)
        notifier._wake_ups._next_at = time.monotonic() + 0.2
        notifier.notify()

    assert "The workers were not notified: RuntimeError" in caplog.text
    notifier.notify()
    wait_until(lambda: not is_sending_late())
    assert [next(heard), next(heard)] == ["", ""]


def test_retry_notifies_when_it_is_committed(heard: Iterator[str]) -> None:
    deliver("connection.activated")
    next(heard)
    WebhookEvent.objects.update(status="failed", due_at=None)
    failed = WebhookEvent.objects.all()

    with transaction.atomic():
        retry_events(failed, now=timezone.now())
        transaction.set_rollback(True)
    connection.cursor().execute(f"NOTIFY {CHANNEL}, 'after the rollback'")
    with transaction.atomic():
        retry_events(failed, now=timezone.now())

    assert next(heard) == "after the rollback"
    assert next(heard) == ""


def test_first_request_is_notified_at_once_and_later_ones_together() -> None:
    wake_ups = WakeUps()

    assert not wake_ups.take(0)
    wake_ups.request()
    assert wake_ups.take(0)
    assert wake_ups.seconds_until_due(0) is None
    for _ in range(3):
        wake_ups.request()
    assert not wake_ups.take(INTERVAL / 2)
    assert wake_ups.seconds_until_due(INTERVAL / 2) == INTERVAL / 2
    assert wake_ups.take(INTERVAL)
    assert not wake_ups.take(1)
