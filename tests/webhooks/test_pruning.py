"""Pruning deletes old events and the personal data in them, and keeps what is still needed."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from enterprises.models import Enterprise
from mirror.models import Connection
from tests.deliveries import deliver, post, signed
from tests.processes import Manage, wait_until
from webhooks.inbox import apply_waiting, ignore_events_of_unknown_organizations
from webhooks.models import UnreadableDelivery, WebhookEvent
from webhooks.pruning import prune_events, prune_expired_events

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def aged(event_id: str, days: float, status: str = "applied", **changes: Any) -> None:
    deliver("connection.activated", event_id=event_id)
    changes = {"status": status, "due_at": None, "received_at": timezone.now() - days * DAY} | changes
    WebhookEvent.objects.filter(event_id=event_id).update(**changes)


def left() -> set[str]:
    return set(WebhookEvent.objects.values_list("event_id", flat=True))


def test_prune_deletes_only_old_applied_stale_and_ignored_events() -> None:
    for status in ("applied", "stale", "ignored", "waiting", "failed"):
        aged(f"old {status}", 91, status)
        aged(f"young {status}", 89, status)

    assert prune_events(days=90, now=timezone.now()) == 3

    young = {f"young {status}" for status in ("applied", "stale", "ignored", "waiting", "failed")}
    assert left() == young | {"old waiting", "old failed"}


def test_prune_deletes_in_batches(django_assert_num_queries: Any) -> None:
    for number in range(7):
        aged(f"event_{number}", 91)

    assert prune_events(days=90, now=timezone.now(), size=3) == 7
    assert prune_events(days=90, now=timezone.now(), size=3) == 0


def test_deleted_connection_stays_deleted_after_its_events_are_pruned(acme: Enterprise) -> None:
    deliver("connection.deleted", event_id="event_2")
    apply_waiting(now=timezone.now())
    WebhookEvent.objects.update(received_at=timezone.now() - 91 * DAY)
    prune_events(days=90, now=timezone.now())

    deliver("connection.activated", event_id="event_3", updated_at="2026-12-01T00:00:00.000Z")
    apply_waiting(now=timezone.now())

    assert left() == {"event_3"}
    assert Connection.objects.get().state == "deleted"


def call_prune_events(*arguments: str) -> str:
    out = StringIO()
    call_command("prune_events", *arguments, stdout=out)
    return out.getvalue()


def test_prune_events_dry_run_reports_the_count_and_deletes_nothing() -> None:
    aged("event_1", 91)

    assert call_prune_events("--days", "90", "--dry-run") == "1 event would be deleted.\n"
    assert left() == {"event_1"}
    assert call_prune_events("--days", "90") == "1 event deleted.\n"
    assert left() == set()


def test_prune_events_refuses_to_keep_less_than_the_events_api_lists() -> None:
    with pytest.raises(CommandError, match="30 days") as end:
        call_prune_events("--days", "30")

    assert end.value.returncode == 2


@pytest.mark.parametrize(("days", "status"), [(29.9, "waiting"), (30.1, "ignored")])
def test_event_for_unknown_organization_is_ignored_after_thirty_days(days: float, status: str) -> None:
    deliver("connection.activated")
    apply_waiting(now=timezone.now())
    WebhookEvent.objects.update(received_at=timezone.now() - days * DAY)

    ignore_events_of_unknown_organizations(timezone.now())

    event = WebhookEvent.objects.get()
    assert event.status == status
    assert ("30 days" in event.reason) is (status == "ignored")


@pytest.mark.parametrize(("kept", "pruned"), [(90, True), (120, False), (0, False)])
def test_periodic_pruning_follows_the_setting(settings: Settings, kept: int, pruned: bool) -> None:
    settings.WEBHOOK_EVENTS_KEPT_DAYS = kept
    aged("event_1", 91)

    prune_expired_events(timezone.now())

    assert (left() == set()) is pruned


@pytest.mark.parametrize(("days", "pruned"), [(89, False), (91, True)])
def test_unreadable_delivery_is_pruned_like_an_event(days: int, pruned: bool) -> None:
    post(b"[]", signed(b"[]"))
    UnreadableDelivery.objects.update(received_at=timezone.now() - days * DAY)

    prune_expired_events(timezone.now())

    assert UnreadableDelivery.objects.exists() is not pruned


@pytest.mark.django_db(transaction=True)
def test_worker_prunes_old_events(manage: Manage) -> None:
    aged("event_1", 91)

    manage("worker")

    wait_until(lambda: left() == set())


@pytest.mark.django_db(transaction=True)
def test_table_size_stays_bounded_under_repeated_insert_and_prune() -> None:
    def table_size() -> int:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM webhooks_webhookevent")
            cursor.execute("SELECT pg_table_size('webhooks_webhookevent')")
            return int(cursor.fetchone()[0])

    def insert_and_prune(generation: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO webhooks_webhookevent (event_id, event, issued_at, received_at, payload,"
                " secret_name, status, reason, attempts, unfinished_attempts, awaited_organization_id)"
                " SELECT %s || number, 'dsync.user.created', now(),"
                " now() - interval '100 days', '{\"data\": {}}', '', 'applied', '', 1, 0, ''"
                " FROM generate_series(1, 3000) number",
                [f"event_{generation}_"],
            )
        assert prune_events(days=90, now=timezone.now(), size=500) == 3000

    insert_and_prune(0)
    first = table_size()
    for generation in range(1, 6):
        insert_and_prune(generation)
        assert table_size() <= first * 1.5
