"""Refusals are counted by reason, in tables of bounded size."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from tests.deliveries import deliver, payload, post, signed
from webhooks.models import RefusalCount, RefusalSample
from webhooks.receive.reasons import Reason
from webhooks.receive.refusals import RING_MINUTES, RefusalTally, Sample, describe_age
from webhooks.receive.view import open_transaction

pytestmark = pytest.mark.django_db

BODY = json.dumps(payload("connection.activated")).encode()


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_an_answer_and_a_next_step(reason: Reason) -> None:
    assert reason.status in (200, 400, 403, 413)
    assert reason.label
    assert reason.next_step


def test_refusal_sample_contains_nothing_of_the_request() -> None:
    header = signed(BODY, secret="whsec_of_another_customer")
    post(BODY, header)

    stored = json.dumps(list(RefusalSample.objects.values()), default=str)

    assert header[-64:] not in stored
    assert "Acme" not in stored


def test_accepted_delivery_is_not_counted_as_refusal() -> None:
    deliver("connection.activated")

    assert not RefusalCount.objects.exists()
    assert not RefusalSample.objects.exists()


@pytest.mark.parametrize(
    ("off", "words"),
    [
        (90, "90 s old"),
        (600, "10 min old"),
        (-40, "40 s in the future: your clock?"),
        (864_000, "10 days old"),
    ],
)
def test_clock_offset_is_formatted_in_fitting_units(off: int, words: str) -> None:
    now = timezone.now()

    assert describe_age(now - timedelta(seconds=off), now) == words


def sample(reason: Reason, at: datetime) -> Sample:
    return Sample(reason, refused_at=at)


def test_refusal_counts_reuse_a_fixed_number_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhooks.receive.refusals.RING_MINUTES", 10)
    tally = RefusalTally(0, open_transaction)
    start = datetime(2026, 1, 15, 12, tzinfo=UTC)

    for minute in range(45):
        for reason in Reason:
            tally.add(sample(reason, start + timedelta(minutes=minute)))

    assert RefusalCount.objects.count() == 10 * len(Reason)
    assert RefusalSample.objects.count() == len(Reason)
    assert set(RefusalCount.objects.values_list("count", flat=True)) == {1}, (
        "counts of reused minutes must start again at zero"
    )
    assert min(RefusalCount.objects.values_list("minute", flat=True)) == start + timedelta(minutes=35)


@pytest.mark.parametrize(
    ("reason", "slot"), [("of my own", 1), (Reason.TOO_OLD, RING_MINUTES), (Reason.TOO_OLD, 0)]
)
def test_database_constraints_bound_the_refusal_counts(reason: str, slot: int) -> None:
    RefusalCount.objects.create(reason=Reason.TOO_OLD, slot=0, minute=timezone.now(), count=1)

    with pytest.raises(IntegrityError), transaction.atomic():
        RefusalCount.objects.create(reason=reason, slot=slot, minute=timezone.now(), count=1)


def test_tally_writes_nothing_and_does_not_grow_within_an_interval(
    django_assert_num_queries: Any,
) -> None:
    tally = RefusalTally(3600, open_transaction)
    now = datetime(2026, 1, 15, 12, tzinfo=UTC)
    tally.add(sample(Reason.TOO_OLD, now))
    try:
        with django_assert_num_queries(0):
            for _ in range(10_000):
                tally.add(sample(Reason.TOO_OLD, now))

        assert len(tally._unwritten) == 1
        assert RefusalCount.objects.get().count == 1
        tally.write()
        assert RefusalCount.objects.get().count == 10_001
    finally:
        assert tally._timer is None


def test_flood_of_refusals_writes_one_line_per_interval(caplog: pytest.LogCaptureFixture) -> None:
    tally = RefusalTally(3600, open_transaction)
    for _ in range(1000):
        tally.add(sample(Reason.MISSING_HEADER, timezone.now()))
    tally.write()

    lines = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert [line.split(" × ")[0] for line in lines] == ["Webhooks refused: 1", "Webhooks refused: 999"]


def test_refusal_counts_survive_a_database_outage() -> None:
    tally = RefusalTally(0, open_transaction)
    now = datetime(2026, 1, 15, 12, tzinfo=UTC)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE webhooks_refusalcount RENAME TO away")
    tally.add(sample(Reason.TOO_OLD, now))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE away RENAME TO webhooks_refusalcount")

    tally.add(sample(Reason.TOO_OLD, now))

    assert RefusalCount.objects.get().count == 2
