"""Old events are forgotten, and with them the personal data; never what is still needed."""

import logging
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from enterprises.models import Connection, Enterprise
from tests.deliveries import deliver
from tests.processes import Manage, wait_until
from webhooks.chores import Chore, Chores
from webhooks.inbox import apply_waiting, give_up
from webhooks.models import WebhookEvent
from webhooks.pruning import prune

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def aged(event_id: str, days: float, status: str = "applied", **changes: Any) -> None:
    deliver("connection.activated", event_id=event_id)
    changes = {"status": status, "due_at": None, "received_at": timezone.now() - days * DAY} | changes
    WebhookEvent.objects.filter(event_id=event_id).update(**changes)


def left() -> set[str]:
    return set(WebhookEvent.objects.values_list("event_id", flat=True))


def test_old_applied_stale_and_ignored_events_are_forgotten_and_nothing_else() -> None:
    for status in ("applied", "stale", "ignored", "waiting", "failed"):
        aged(f"old {status}", 91, status)
        aged(f"young {status}", 89, status)
    aged("mail to send", 91, effects_due_at=timezone.now())

    assert prune(days=90, now=timezone.now()) == 3

    young = {f"young {status}" for status in ("applied", "stale", "ignored", "waiting", "failed")}
    assert left() == young | {"old waiting", "old failed", "mail to send"}


def test_it_goes_in_small_batches(django_assert_num_queries: Any) -> None:
    for number in range(7):
        aged(f"event_{number}", 91)

    assert prune(days=90, now=timezone.now(), size=3) == 7
    assert prune(days=90, now=timezone.now(), size=3) == 0


def test_what_is_deleted_stays_deleted_when_its_events_are_forgotten(acme: Enterprise) -> None:
    deliver("connection.deleted", event_id="event_2")
    apply_waiting(now=timezone.now())
    WebhookEvent.objects.update(received_at=timezone.now() - 91 * DAY)
    prune(days=90, now=timezone.now())

    deliver("connection.activated", event_id="event_3", updated_at="2026-12-01T00:00:00.000Z")
    apply_waiting(now=timezone.now())

    assert left() == {"event_3"}
    assert Connection.objects.get().state == "deleted"


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("prune_events", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_says_how_many_first_without_doing_it() -> None:
    aged("event_1", 91)

    assert command("--days", "90", "--dry-run") == "1 events would be forgotten.\n"
    assert left() == {"event_1"}
    assert command("--days", "90") == "1 events forgotten.\n"
    assert left() == set()


def test_less_than_a_week_is_refused() -> None:
    with pytest.raises(CommandError, match="three days") as end:
        command("--days", "3")

    assert end.value.returncode == 2


@pytest.mark.parametrize(("days", "status"), [(29.9, "waiting"), (30.1, "ignored")])
def test_an_unknown_organization_is_waited_for_for_thirty_days(days: float, status: str) -> None:
    deliver("connection.activated")
    apply_waiting(now=timezone.now())
    WebhookEvent.objects.update(received_at=timezone.now() - days * DAY)

    give_up(timezone.now())

    event = WebhookEvent.objects.get()
    assert event.status == status
    assert ("30 days" in event.error) is (status == "ignored")


def test_one_chore_that_fails_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    def fails(now: datetime) -> int:
        raise RuntimeError("a secret: whsec_1")

    done: list[datetime] = []

    def works(now: datetime) -> int:
        done.append(now)
        return 1

    now = timezone.now()

    for run in (fails, works):
        Chore("A chore", 60, run).run_if_due(now)

    assert done == [now]
    assert "A chore failed: RuntimeError" in caplog.text
    assert "whsec" not in caplog.text


def test_a_chore_comes_again_in_its_time_and_not_before() -> None:
    done: list[datetime] = []

    def notes(now: datetime) -> int:
        done.append(now)
        return len(done)

    chore = Chore("A chore", 3600, notes)

    for _ in range(3):
        chore.run_if_due(timezone.now())

    assert len(done) == 1


@pytest.mark.parametrize(("kept", "gone"), [(90, True), (120, False), (0, False)])
def test_the_worker_s_chore_follows_the_setting(settings: Settings, kept: int, gone: bool) -> None:
    settings.WEBHOOK_EVENTS_KEPT_DAYS = kept
    aged("event_1", 91)

    for chore in Chores().all:
        chore.run_if_due(timezone.now())

    assert (left() == set()) is gone


@pytest.mark.django_db(transaction=True)
def test_the_worker_forgets_by_itself(manage: Manage) -> None:
    aged("event_1", 91)

    manage("worker")

    wait_until(lambda: left() == set())


@pytest.mark.django_db(transaction=True)
def test_the_table_does_not_grow_under_coming_and_going() -> None:
    def size() -> int:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM webhooks_webhookevent")
            cursor.execute("SELECT pg_table_size('webhooks_webhookevent')")
            return int(cursor.fetchone()[0])

    def come_and_go(generation: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO webhooks_webhookevent (event_id, event, issued_at, received_at, payload,"
                " secret_name, status, error, attempts, unfinished, organization_id, effects_attempts,"
                " effects_error) SELECT %s || number, 'dsync.user.created', now(),"
                " now() - interval '100 days', '{\"data\": {}}', '', 'applied', '', 1, 0, '', 0, ''"
                " FROM generate_series(1, 3000) number",
                [f"event_{generation}_"],
            )
        assert prune(days=90, now=timezone.now(), size=500) == 3000

    come_and_go(0)
    first = size()
    for generation in range(1, 6):
        come_and_go(generation)
        assert size() <= first * 1.5
