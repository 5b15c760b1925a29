"""Each worker process shows in a row of its own that it is alive."""

import os
from datetime import timedelta

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from outbox.heartbeat import Heartbeat
from outbox.models import WorkerHeartbeat
from tests.processes import Manage, wait_until

pytestmark = pytest.mark.django_db


def rows_of(*pids: int) -> QuerySet[WorkerHeartbeat]:
    """Other workers may write to the same database."""
    return WorkerHeartbeat.objects.filter(pid__in=pids)


def test_worker_is_alive_until_its_heartbeat_is_old() -> None:
    now = timezone.now()
    heartbeat = Heartbeat(now=now)
    heartbeat.beat(now=now)
    heartbeat.beat(now=now + timedelta(seconds=5))

    row = rows_of(os.getpid()).get()
    assert row.last_seen_at == now + timedelta(seconds=5)
    assert row.is_alive(now=now + timedelta(seconds=30))
    assert not row.is_alive(now=now + timedelta(seconds=36))


def test_heartbeats_of_workers_that_died_long_ago_are_deleted() -> None:
    now = timezone.now()
    Heartbeat(now=now).beat(now=now)

    Heartbeat(now=now).beat(now=now + timedelta(days=2))

    assert rows_of(os.getpid()).count() == 1


@pytest.mark.django_db(transaction=True)
def test_worker_writes_its_heartbeat_and_deletes_it_when_it_stops(manage: Manage) -> None:
    workers = [manage("worker", "--interval", "0.05") for _ in range(2)]
    pids = [worker.pid for worker in workers]
    wait_until(lambda: rows_of(*pids).count() == 2, seconds=30)

    workers[0].terminate()
    workers[1].kill()
    for worker in workers:
        worker.communicate(timeout=20)
    assert workers[0].returncode == 0

    # The one that was killed stays, and counts as dead when its row is old.
    assert rows_of(*pids).get().pid == pids[1]
