"""Deliveries in batches: one bad event harms no other, and what is acknowledged is stored."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psutil
import psycopg
import pytest
from django.db import connection

from hostapp.asgi import get_connection_parameters
from tests.deliveries import payload, signed
from tests.processes import ROOT, wait_until
from tests.webhooks.receive.senders import events_refused
from tests.webhooks.receive.server import Server, answer, request, serving, status
from webhooks.models import Secret, UnreadableDelivery, WebhookEvent
from webhooks.receive import batches
from webhooks.receive.accept import Delivery
from webhooks.receive.batches import BatchRecorder, Connection
from webhooks.receive.queues import Queue
from webhooks.receive.waiting import QueueFull, Unavailable, Unstorable
from webhooks.receive.wake_ups import WakeUps

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def build_delivery(number: int, event: str = "connection.activated") -> Delivery:
    event_id = f"event_{number:04}"
    text = json.dumps(payload(event, event_id=event_id))
    return Delivery(
        event_id, event, text, issued_at=NOW, created_at=None, secret_name="current", queue=Queue(False, "")
    )


async def connect() -> Connection:
    parameters = get_connection_parameters()
    return await psycopg.AsyncConnection.connect(**parameters, autocommit=True, prepare_threshold=None)


def with_recorder(work: Callable[[BatchRecorder], Coroutine[Any, Any, Any]]) -> Any:
    """Run `work` with a recorder. In a thread, because the tests' own may run the event loop of a browser."""

    async def run() -> Any:
        recorder = BatchRecorder(connect)
        await recorder.start()
        try:
            return await work(recorder)
        finally:
            await recorder.stop()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, run()).result()


async def record_all(recorder: BatchRecorder, count: int) -> list[BaseException | None]:
    records = (recorder.record(build_delivery(number), NOW) for number in range(count))
    return await asyncio.gather(*records, return_exceptions=True)


def test_simultaneous_deliveries_share_commits() -> None:
    results = with_recorder(lambda recorder: record_all(recorder, 300))

    assert results == [None] * 300
    assert WebhookEvent.objects.count() == 300
    # Each transaction has a number of its own.
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT xmin::text) FROM webhooks_webhookevent")
        assert cursor.fetchone()[0] <= 10


def test_event_that_cannot_be_stored_fails_alone() -> None:
    with events_refused("event_0007"):
        results = with_recorder(lambda recorder: record_all(recorder, 60))

    assert isinstance(results.pop(7), Unstorable)
    assert results == [None] * 59
    assert WebhookEvent.objects.count() == 59


@contextmanager
def insert_uncommitted(number: int) -> Iterator[None]:
    """Hold up all that insert the same event."""
    with psycopg.connect(**get_connection_parameters()) as other:
        other.execute(
            "INSERT INTO webhooks_webhookevent (event_id, event, issued_at, received_at, payload,"
            " secret_name, status, reason, attempts, unfinished_attempts, awaited_organization_id)"
            " VALUES (%s, '', now(), now(), '{}', '', 'ignored', '', 0, 0, '')",
            [build_delivery(number).event_id],
        )
        yield
        other.rollback()


async def record_beside_a_commit_that_hangs(
    recorder: BatchRecorder, count: int
) -> list[BaseException | None]:
    """Record event 0, which hangs, and so many others. Returns the results of the others."""
    with insert_uncommitted(0):
        hanging = asyncio.ensure_future(recorder.record(build_delivery(0), NOW))
        while len(recorder._idle) > 1:
            await asyncio.sleep(0)
        records = (recorder.record(build_delivery(number), NOW) for number in range(1, count + 1))
        results = await asyncio.wait_for(asyncio.gather(*records, return_exceptions=True), 10)
        assert not hanging.done()
    await hanging
    return results


def test_enough_deliveries_are_committed_beside_a_commit_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_PATIENCE_SECONDS", 3600)

    results = with_recorder(lambda recorder: record_beside_a_commit_that_hangs(recorder, 8))

    assert results == [None] * 8


def test_few_deliveries_wait_for_a_commit_under_way_but_not_for_long() -> None:
    results = with_recorder(lambda recorder: record_beside_a_commit_that_hangs(recorder, 7))

    assert results == [None] * 7
    # The seven in one transaction, and the one that hung.
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT xmin::text) FROM webhooks_webhookevent")
        assert cursor.fetchone() == (2,)


def test_same_events_in_opposite_order_do_not_deadlock() -> None:
    async def record_twice(recorder: BatchRecorder) -> list[BaseException | None]:
        numbers = [*range(50), *reversed(range(50))] * 4
        records = (recorder.record(build_delivery(number), NOW) for number in numbers)
        return await asyncio.gather(*records, return_exceptions=True)

    assert with_recorder(record_twice) == [None] * 400
    assert WebhookEvent.objects.count() == 50


def test_delivery_that_arrives_while_workers_are_notified_is_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both flushers have nothing to record and are sending notifications: none of them is idle."""
    original = batches._notify

    async def record(recorder: BatchRecorder) -> list[BaseException | None]:
        notifying = asyncio.Semaphore(0)
        go_on = asyncio.Event()

        async def notify_slowly(connection: Connection) -> None:
            notifying.release()
            await go_on.wait()
            await original(connection)

        monkeypatch.setattr(batches, "_notify", notify_slowly)
        for _ in range(2):
            recorder._wake_ups = WakeUps()
            recorder._wake_ups.request()
            recorder._wake_one()
            await notifying.acquire()
        arriving = asyncio.ensure_future(record_all(recorder, 3))
        await asyncio.sleep(0)
        go_on.set()
        return await asyncio.wait_for(arriving, 10)

    assert with_recorder(record) == [None] * 3


def test_connecting_goes_on_after_an_error_that_is_not_the_databases() -> None:
    """Such as that of a process that has as many threads as it may."""
    errors = [RuntimeError("can't start new thread")] * 4

    async def connect_in_the_end() -> Connection:
        if errors:
            raise errors.pop()
        return await connect()

    async def run() -> list[BaseException | None]:
        recorder = BatchRecorder(connect_in_the_end)
        await recorder.start()
        try:
            refused = await asyncio.wait_for(record_all(recorder, 1), 10)
            while not recorder.is_ready:
                await asyncio.sleep(0.01)
            return refused + await asyncio.wait_for(record_all(recorder, 1), 10)
        finally:
            await recorder.stop()

    with ThreadPoolExecutor(1) as thread:
        first, second = thread.submit(asyncio.run, run()).result()

    assert isinstance(first, Unavailable)
    assert second is None


def test_use_of_a_secret_by_ignored_events_is_saved() -> None:
    async def record(recorder: BatchRecorder) -> None:
        await recorder.record(build_delivery(1, "dsync.token.created"), NOW)

    with_recorder(record)

    assert list(Secret.objects.values_list("name", "last_used_at")) == [("current", NOW)]


def test_connections_that_died_are_replaced_without_a_failed_delivery() -> None:
    async def record(recorder: BatchRecorder) -> list[BaseException | None]:
        await asyncio.to_thread(end_other_connections)
        return await record_all(recorder, 10)

    # It would die with the others, and every later test would find it dead.
    connection.close()
    assert with_recorder(record) == [None] * 10
    assert WebhookEvent.objects.count() == 10


def end_other_connections() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    connection.close()


def test_full_queue_refuses_at_once_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MAX_WAITING", 20)

    results = with_recorder(lambda recorder: record_all(recorder, 100))

    refused = [result for result in results if result is not None]
    assert refused
    assert all(isinstance(result, QueueFull) for result in refused)
    assert WebhookEvent.objects.count() == 100 - len(refused)


def test_commit_that_takes_too_long_fails_all_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_COMMIT_SECONDS", 0.5)
    with psycopg.connect(**get_connection_parameters()) as other:
        other.execute("LOCK TABLE webhooks_webhookevent")
        began = time.monotonic()
        results = with_recorder(lambda recorder: record_all(recorder, 150))
        took = time.monotonic() - began
        other.rollback()

    assert all(isinstance(result, Unavailable) for result in results)
    assert took < 5


# --- The receiver as a process


def build_request(number: int, event: str = "connection.activated") -> bytes:
    body = json.dumps(payload(event, event_id=f"event_{number}")).encode()
    return request(body, f"WorkOS-Signature: {signed(body)}")


LOADED_MODULES = """
import sys
from hostapp import receiver
receiver.build_application()
print([
    name for name in sys.modules
    if name.split(".")[:2] in (["django", "apps"], ["django", "db"], ["django", "conf"])
    or name.split(".")[0] == "workos" or name.endswith((".models", ".apps"))
])
"""


def test_receiver_alone_loads_no_django_app_and_needs_no_other_secret() -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOADED_MODULES],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "ENV_FILE": "",
            "DATABASE_URL": "postgres://user:password@db.acme.example/app",
            "WORKOS_WEBHOOK_SECRET": "whsec_x-and-random",
        },
        capture_output=True,
        text=True,
    )

    assert (result.stdout.strip(), result.stderr) == ("[]", "")


def test_receiver_alone_names_the_settings_that_are_missing() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "hostapp.receiver"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "ENV_FILE": ""},
        capture_output=True,
        text=True,
    )

    assert result.returncode == 1
    assert "WORKOS_WEBHOOK_SECRET is not set" in result.stderr
    assert "DATABASE_URL is not set" in result.stderr


def test_receiver_alone_answers_no_page() -> None:
    with serving(program="receiver") as server:
        assert status(server.send(request(b"", method="GET", path="/account/login/"))) == 404
        assert status(server.send(request(b"", method="GET", path="/webhooks/other/"))) == 404


def test_stopped_receiver_ends_within_two_seconds_although_a_sender_is_slow() -> None:
    with serving(program="receiver", WEB_CONCURRENCY="1") as server, server.connect() as slow:
        slow.sendall(build_request(1)[:-20])
        assert status(server.send(build_request(2))) == 200
        began = time.monotonic()
        server.process.terminate()
        server.process.wait(10)
        # On a busy machine the process itself needs a moment to end.
        assert time.monotonic() - began < 4

    assert list(WebhookEvent.objects.values_list("event_id", flat=True)) == ["event_2"]


def test_refusals_that_are_counted_in_memory_are_written_when_the_receiver_stops() -> None:
    with serving(program="receiver", WEB_CONCURRENCY="1", TEST_REFUSALS_INTERVAL="3600") as server:
        for _ in range(5):
            assert status(server.send(request(b"{}"))) == 400
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(count) FROM webhooks_refusalcount")
        assert cursor.fetchone()[0] == 5


def test_unreadable_deliveries_and_events_arrive_together() -> None:
    def send(number: int) -> int:
        body = b"[%d]" % number
        raw = request(body, f"WorkOS-Signature: {signed(body)}") if number % 2 else build_request(number)
        return status(server.send(raw))

    with serving(program="receiver") as server, ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(80))) == {200}

    assert (WebhookEvent.objects.count(), UnreadableDelivery.objects.count()) == (40, 40)


def is_running_worker(process: psutil.Process) -> bool:
    """Whether it serves: neither killed before, nor the tracker of multiprocessing's resources."""
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        # A zombie is one, too.
        return False


@pytest.mark.parametrize("program", ["receiver", "serve"])
def test_acknowledged_deliveries_survive_the_kill_of_a_receiver(program: str) -> None:
    acknowledged: set[str] = set()

    def send(server: Server, sender: int, deadline: float) -> None:
        number = sender * 1_000_000
        while time.monotonic() < deadline:
            try:
                with server.connect() as sock:
                    while time.monotonic() < deadline:
                        number += 1
                        sock.sendall(build_request(number))
                        if status(answer(sock)) != 200:
                            break
                        acknowledged.add(f"event_{number}")
            except OSError:
                time.sleep(0.05)

    with serving(program=program) as server, ThreadPoolExecutor(8) as pool:
        deadline = time.monotonic() + 6
        senders = [pool.submit(send, server, sender, deadline) for sender in range(8)]
        killed = 0
        for _ in range(4):
            time.sleep(1)
            if workers := [one for one in server.workers() if is_running_worker(one)]:
                os.kill(workers[0].pid, signal.SIGKILL)
                killed += 1
        for sender in senders:
            sender.result()

    wait_until(lambda: acknowledged <= set(WebhookEvent.objects.values_list("event_id", flat=True)))
    assert killed >= 2
    assert len(acknowledged) > 50
