"""Outbox tasks run until they succeed: retries, leases, coalescing and concurrent workers."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

import gateway
from enterprises import errands
from enterprises.models import Enterprise, Errand
from enterprises.models.errand import LEASE

pytestmark = pytest.mark.django_db

PROVISION = Errand.Kind.PROVISION


@pytest.fixture
def completed(monkeypatch: pytest.MonkeyPatch) -> list[Errand]:
    """Collect the tasks of one kind as they run."""
    seen: list[Errand] = []
    monkeypatch.setitem(errands.ERRANDS, PROVISION, seen.append)
    return seen


def test_every_task_kind_has_a_handler() -> None:
    assert set(errands.ERRANDS) == set(Errand.Kind)


def test_task_runs_once_and_its_row_is_deleted(completed: list[Errand], acme: Enterprise) -> None:
    Errand.objects.record(PROVISION, enterprise=acme, arguments={"a": 1})

    assert errands.run_due(now=timezone.now()) == {"done": 1}
    assert errands.run_due(now=timezone.now()) == {}

    assert [errand.arguments for errand in completed] == [{"a": 1}]
    assert not Errand.objects.exists()


def test_task_is_rolled_back_with_its_transaction(completed: list[Errand], acme: Enterprise) -> None:
    @transaction.atomic
    def change() -> None:
        Errand.objects.record(PROVISION, enterprise=acme)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()

    assert not Errand.objects.exists()


def test_tasks_with_the_same_kind_and_key_are_coalesced(
    completed: list[Errand], acme: Enterprise, birch: Enterprise
) -> None:
    for number in range(3):
        Errand.objects.record(PROVISION, enterprise=acme, key="one", arguments={"number": number})
    Errand.objects.record(PROVISION, enterprise=acme, key="other")
    Errand.objects.record(PROVISION, enterprise=birch, key="one")

    assert errands.run_due(now=timezone.now()) == {"done": 3}
    assert completed[0].arguments == {"number": 2}


def test_task_does_not_run_before_it_is_due(completed: list[Errand], acme: Enterprise) -> None:
    now = timezone.now()
    Errand.objects.record(PROVISION, enterprise=acme, due_at=now + timedelta(minutes=1))

    assert errands.run_due(now=now) == {}
    assert errands.run_due(now=now + timedelta(minutes=1)) == {"done": 1}


def test_failed_task_keeps_its_error_and_blocks_no_other_task(
    monkeypatch: pytest.MonkeyPatch, acme: Enterprise, birch: Enterprise
) -> None:
    def fail_for_acme(errand: Errand) -> None:
        if errand.enterprise == acme:
            raise gateway.Unavailable("WorkOS asks us to slow down.", retry_after=90)

    monkeypatch.setitem(errands.ERRANDS, PROVISION, fail_for_acme)
    Errand.objects.record(PROVISION, enterprise=acme)
    Errand.objects.record(PROVISION, enterprise=birch)
    now = timezone.now()

    assert errands.run_due(now=now) == {"put off": 1, "done": 1}

    errand = Errand.objects.get()
    assert (errand.enterprise, errand.error, errand.attempts) == (acme, "WorkOS asks us to slow down.", 1)
    assert errand.due_at >= now + timedelta(seconds=90)
    assert errands.run_due(now=now) == {}


def test_retry_delay_grows_with_each_failure_and_is_capped() -> None:
    assert errands.retry_delay(1) < errands.retry_delay(3) < errands.retry_delay(6)
    assert errands.retry_delay(1000) <= timedelta(hours=7.5)


def test_task_enqueued_again_while_it_runs_is_run_again(
    monkeypatch: pytest.MonkeyPatch, acme: Enterprise
) -> None:
    seen = []

    def enqueue_again(errand: Errand) -> None:
        seen.append(errand.arguments)
        if len(seen) == 1:
            Errand.objects.record(PROVISION, enterprise=acme, arguments={"newer": True})
            # The running task is claimed: no other worker takes it.
            assert errands.run_due(now=timezone.now()) == {}

    monkeypatch.setitem(errands.ERRANDS, PROVISION, enqueue_again)
    Errand.objects.record(PROVISION, enterprise=acme)

    while errands.run_due(now=timezone.now(), size=1):
        pass

    assert seen == [{}, {"newer": True}]


def test_task_of_a_killed_worker_runs_after_its_lease(completed: list[Errand], acme: Enterprise) -> None:
    Errand.objects.record(PROVISION, enterprise=acme)
    now = timezone.now()
    # The claim is committed, and then the worker is killed.
    assert Errand.objects.claim(now)

    assert errands.run_due(now=now + LEASE - timedelta(seconds=1)) == {}
    assert errands.run_due(now=now + LEASE) == {"done": 1}


@pytest.mark.django_db(transaction=True)
def test_concurrent_workers_run_each_task_once(completed: list[Errand], acme: Enterprise) -> None:
    for number in range(40):
        Errand.objects.record(PROVISION, enterprise=acme, key=str(number))
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        while errands.run_due(now=timezone.now(), size=3):
            pass
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(int(errand.key) for errand in completed) == list(range(40))


def test_due_task_query_uses_its_index_without_sorting(acme: Enterprise) -> None:
    with connection.cursor() as cursor:
        # PostgreSQL would scan so small a table, whatever indexes it has.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(
            "EXPLAIN SELECT id FROM enterprises_errand WHERE due_at <= now() "
            "AND (claimed_until IS NULL OR claimed_until <= now()) "
            "ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED"
        )
        plan = "\n".join(row for (row,) in cursor.fetchall())

    assert "errand_due" in plan
    assert "Sort" not in plan
