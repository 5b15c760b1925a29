"""Each worker process shows in a row of its own that it is alive."""

from datetime import timedelta

import pytest
from django.utils import timezone

from outbox.heartbeat import Heartbeat, count_live_workers
from outbox.models import WorkerHeartbeat
from tests.processes import Manage, wait_until

pytestmark = pytest.mark.django_db


def test_heartbeat_of_a_live_worker_counts_until_it_is_old() -> None:
    now = timezone.now()
    heartbeat = Heartbeat(now=now)
    heartbeat.beat(now=now)
    heartbeat.beat(now=now + timedelta(seconds=5))

    assert WorkerHeartbeat.objects.get().last_seen_at == now + timedelta(seconds=5)
    assert count_live_workers(now=now + timedelta(seconds=30)) == 1
    assert count_live_workers(now=now + timedelta(seconds=36)) == 0


def test_heartbeats_of_workers_that_died_long_ago_are_deleted() -> None:
    now = timezone.now()
    Heartbeat(now=now).beat(now=now)

    Heartbeat(now=now).beat(now=now + timedelta(days=2))

    assert WorkerHeartbeat.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_worker_writes_its_heartbeat_and_deletes_it_when_it_stops(manage: Manage) -> None:
    workers = [manage("worker", "--interval", "0.05") for _ in range(2)]
    wait_until(lambda: WorkerHeartbeat.objects.count() == 2, seconds=30)
    assert {row.pid for row in WorkerHeartbeat.objects.all()} == {worker.pid for worker in workers}

    workers[0].terminate()
    workers[1].kill()
    for worker in workers:
        worker.communicate(timeout=20)
    assert workers[0].returncode == 0

    # The one that was killed stays, and counts as dead when its row is old.
    assert WorkerHeartbeat.objects.get().pid == workers[1].pid
