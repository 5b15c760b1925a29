"""With a million rows, every query of the worker, the admin and the page uses its index."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, models, transaction
from django.utils import timezone

from enterprises.models import Certificate, Connection, Directory, Enterprise, OrganizationDomain
from webhooks import replay
from webhooks.models import WebhookEvent
from webhooks.pruning import old_events

ROWS = 1_000_000

_EVENTS = """
INSERT INTO webhooks_webhookevent (event_id, event, issued_at, received_at, payload, secret_name, status,
    error, attempts, unfinished, due_at, organization_id, applied_at)
SELECT 'event_' || n, CASE WHEN n %% 1000 = 0 THEN 'connection.activated' ELSE 'dsync.user.updated' END,
    at, at, '{"data": {}}', 'current',
    CASE WHEN n %% 5000 = 0 THEN 'failed' WHEN n %% 5000 = 1 THEN 'waiting' WHEN n %% 50 = 2 THEN 'ignored'
        WHEN n %% 50 = 3 THEN 'stale' ELSE 'applied' END, '', 1,
    CASE WHEN n %% 50000 = 1 THEN 1 ELSE 0 END,
    CASE WHEN n %% 5000 = 1 THEN at END, CASE WHEN n %% 10000 = 7 THEN 'org_' || n ELSE '' END, at
FROM (SELECT n, now() - interval '100 days' * (1 - n / 1000000.0) AS at FROM generate_series(1, %s) n) numbers
"""


@pytest.fixture(scope="module")
def million(django_db_setup: None, django_db_blocker: Any) -> Iterator[Enterprise]:
    """A million events and the objects of 2,000 enterprises, created once and rolled back."""
    with django_db_blocker.unblock(), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")
            # Building the indexes after the insert is three times as fast.
            cursor.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'webhooks_webhookevent'"
                " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
            )
            indexes = cursor.fetchall()
            for name, _ in indexes:
                cursor.execute(f'DROP INDEX "{name}"')
            cursor.execute(_EVENTS, [ROWS])
            for _, definition in indexes:
                cursor.execute(definition)
            Enterprise.objects.bulk_create(
                Enterprise(name="E", slug=f"e{n}", organization_id=f"org_e{n}") for n in range(2000)
            )
            cursor.execute(
                "INSERT INTO enterprises_connection (connection_id, name, connection_type, state, as_of,"
                " as_of_event, told_at, enterprise_id)"
                " SELECT 'conn_' || e.id || '_' || n, '', '', 'active', now(),"
                " '', now(), e.id FROM enterprises_enterprise e, generate_series(1, 10) n"
            )
            cursor.execute("ANALYZE webhooks_webhookevent, enterprises_enterprise, enterprises_connection")
        yield Enterprise.objects.all()[:1].get()
        transaction.set_rollback(True)


def plan(queryset: models.QuerySet[Any]) -> str:
    return queryset.explain()


def uses(plan: str, index: str) -> None:
    assert index in plan, plan
    assert "Seq Scan" not in plan, plan


NOW = timezone.now()
DUE = WebhookEvent.objects.due(NOW)

QUERIES: dict[str, tuple[models.QuerySet[Any], str]] = {
    "the worker's next batch": (DUE.filter(unfinished=0)[:500], "webhook_event_due"),
    "the worker's next suspect": (DUE.filter(unfinished__gt=0)[:1], "webhook_event_suspect"),
    "events that waited too long": (
        WebhookEvent.objects.filter(received_at__lt=NOW - timedelta(days=30)).exclude(organization_id=""),
        "webhook_event_waits_for",
    ),
    "pruning": (old_events(days=90, now=NOW)[:1000], "webhook_event_received"),
    "replay --failed": (replay.select(failed=True), "webhook_event_status"),
    "replay --id": (replay.select(event_ids=["event_77"]), "webhooks_webhookevent_event_id"),
    "replay --event": (replay.select(names=["connection.activated"]), "webhook_event_event"),
    "replay --since": (replay.select(since=NOW - timedelta(hours=1)), "webhook_event_received"),
    "the admin's list": (WebhookEvent.objects.order_by("-id")[:50], "webhooks_webhookevent_pkey"),
    "the admin's failed": (
        WebhookEvent.objects.filter(status="failed").order_by("-id")[:50],
        "webhook_event_status",
    ),
    "the admin's events of a kind": (
        WebhookEvent.objects.filter(event="connection.deleted").order_by("-id")[:50],
        "webhook_event_event",
    ),
    "the admin's search": (
        WebhookEvent.objects.filter(event_id__exact="event_5").order_by("-id")[:50],
        "webhooks_webhookevent_event_id",
    ),
    "permanently failed events": (
        WebhookEvent.objects.filter(status="failed", due_at=None),
        "webhook_event_status",
    ),
    "clock offset of the newest deliveries": (
        WebhookEvent.objects.exclude(secret_name="").order_by("-id")[:500],
        "webhooks_webhookevent_pkey",
    ),
}


@pytest.mark.parametrize(("queryset", "index"), QUERIES.values(), ids=QUERIES.keys())
def test_query_uses_its_index(
    million: Enterprise, queryset: models.QuerySet[Any], index: str, django_db_blocker: Any
) -> None:
    with django_db_blocker.unblock():
        uses(plan(queryset), index)


def test_release_of_waiting_events_uses_its_index(million: Enterprise, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN SELECT waiting.id FROM webhooks_webhookevent waiting JOIN enterprises_enterprise known"
            " ON known.organization_id = waiting.organization_id"
            " WHERE waiting.organization_id <> '' LIMIT 5000"
        )
        explained = "\n".join(row[0] for row in cursor.fetchall())

    assert "webhook_event_waits_for" in explained, explained
    assert "Seq Scan on webhooks_webhookevent" not in explained, explained


def test_enterprise_page_query_uses_its_index(million: Enterprise, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        uses(plan(Connection.objects.filter(enterprise=million)), "enterprises_connection_enterprise_id")


@pytest.mark.parametrize("model", [Connection, Directory, OrganizationDomain, Certificate])
def test_every_mirrored_table_is_indexed_by_enterprise(db: None, model: type[models.Model]) -> None:
    assert model._meta.get_field("enterprise").db_index  # type: ignore[union-attr]
