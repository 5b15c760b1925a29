"""What must be told to WorkOS is told, whatever comes in between."""

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
def done(monkeypatch: pytest.MonkeyPatch) -> list[Errand]:
    """The errands of one kind, as they are done."""
    seen: list[Errand] = []
    monkeypatch.setitem(errands.ERRANDS, PROVISION, seen.append)
    return seen


def test_every_kind_has_its_deed() -> None:
    assert set(errands.ERRANDS) == set(Errand.Kind)


def test_it_is_done_once_and_leaves_no_row(done: list[Errand], acme: Enterprise) -> None:
    Errand.objects.record(PROVISION, enterprise=acme, arguments={"a": 1})

    assert errands.run_due(now=timezone.now()) == {"done": 1}
    assert errands.run_due(now=timezone.now()) == {}

    assert [errand.arguments for errand in done] == [{"a": 1}]
    assert not Errand.objects.exists()


def test_it_is_not_recorded_when_the_change_is_not(done: list[Errand], acme: Enterprise) -> None:
    @transaction.atomic
    def change() -> None:
        Errand.objects.record(PROVISION, enterprise=acme)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()

    assert not Errand.objects.exists()


def test_the_same_kind_and_key_is_the_same_errand(
    done: list[Errand], acme: Enterprise, birch: Enterprise
) -> None:
    for number in range(3):
        Errand.objects.record(PROVISION, enterprise=acme, key="one", arguments={"number": number})
    Errand.objects.record(PROVISION, enterprise=acme, key="other")
    Errand.objects.record(PROVISION, enterprise=birch, key="one")

    assert errands.run_due(now=timezone.now()) == {"done": 3}
    assert done[0].arguments == {"number": 2}


def test_it_is_not_done_before_its_time(done: list[Errand], acme: Enterprise) -> None:
    now = timezone.now()
    Errand.objects.record(PROVISION, enterprise=acme, due_at=now + timedelta(minutes=1))

    assert errands.run_due(now=now) == {}
    assert errands.run_due(now=now + timedelta(minutes=1)) == {"done": 1}


def test_what_does_not_succeed_says_why_and_stops_nobody(
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


def test_each_failure_waits_longer_and_at_most_six_hours() -> None:
    assert errands.retry_delay(1) < errands.retry_delay(3) < errands.retry_delay(6)
    assert errands.retry_delay(1000) <= timedelta(hours=7.5)


def test_asked_for_again_while_it_is_done_it_is_done_again(
    monkeypatch: pytest.MonkeyPatch, acme: Enterprise
) -> None:
    seen = []

    def once_more(errand: Errand) -> None:
        seen.append(errand.arguments)
        if len(seen) == 1:
            Errand.objects.record(PROVISION, enterprise=acme, arguments={"newer": True})
            # Nobody does it at the same time.
            assert errands.run_due(now=timezone.now()) == {}

    monkeypatch.setitem(errands.ERRANDS, PROVISION, once_more)
    Errand.objects.record(PROVISION, enterprise=acme)

    while errands.run_due(now=timezone.now(), size=1):
        pass

    assert seen == [{}, {"newer": True}]


def test_what_a_killed_worker_had_in_hand_is_done_after_its_lease(
    done: list[Errand], acme: Enterprise
) -> None:
    Errand.objects.record(PROVISION, enterprise=acme)
    now = timezone.now()
    # Claimed and committed; then nothing more was heard of the worker.
    assert Errand.objects.claim(now)

    assert errands.run_due(now=now + LEASE - timedelta(seconds=1)) == {}
    assert errands.run_due(now=now + LEASE) == {"done": 1}


@pytest.mark.django_db(transaction=True)
def test_workers_side_by_side_do_each_once(done: list[Errand], acme: Enterprise) -> None:
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

    assert sorted(int(errand.key) for errand in done) == list(range(40))


def test_the_planner_finds_what_is_due_by_its_index(acme: Enterprise) -> None:
    with connection.cursor() as cursor:
        # So few rows are read whole, whatever indexes there are.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(
            "EXPLAIN SELECT id FROM enterprises_errand WHERE due_at <= now() "
            "AND (claimed_until IS NULL OR claimed_until <= now()) "
            "ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED"
        )
        plan = "\n".join(row for (row,) in cursor.fetchall())

    assert "errand_due" in plan
    assert "Sort" not in plan
