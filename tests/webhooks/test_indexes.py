"""With a million rows, every query of the worker, the admin and the page uses its index."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from hostapp.explain.events import select_events_about
from mirror.models import Connection, MirroredRow, Organization
from mirror.registry import MIRRORED
from webhooks import claims, inbox, replay
from webhooks.event_list import EventFilter, select_filtered_events
from webhooks.models import WebhookEvent
from webhooks.pruning import old_events

ROWS = 1_000_000

_EVENTS = """
INSERT INTO webhooks_webhookevent (event_id, event, issued_at, received_at, payload, secret_name, status,
    reason, attempts, unfinished_attempts, due_at, is_urgent, queue, awaited_organization_id, applied_at)
SELECT 'event_' || n, CASE WHEN n %% 1000 = 0 THEN 'connection.activated' ELSE 'dsync.user.updated' END,
    at, at, jsonb_build_object('data', jsonb_build_object('organization_id', 'org_e' || n %% 2000)),
    'current',
    CASE WHEN n %% 5000 = 0 THEN 'failed' WHEN n %% 5000 = 1 THEN 'waiting' WHEN n %% 50 = 2 THEN 'ignored'
        WHEN n %% 50 = 3 THEN 'stale' ELSE 'applied' END, '', 1,
    CASE WHEN n %% 50000 = 1 THEN 1 ELSE 0 END,
    CASE WHEN n %% 5000 = 1 THEN at END, n %% 1000 = 0, 'org_e' || n %% 2000,
    CASE WHEN n %% 10000 = 7 THEN 'org_' || n ELSE '' END, at
FROM (SELECT n, now() - interval '100 days' * (1 - n / 1000000.0) AS at FROM generate_series(1, %s) n) numbers
"""


@pytest.fixture(scope="module")
def million(django_db_setup: None, django_db_blocker: Any) -> Iterator[Organization]:
    """A million events and the objects of 2,000 organizations, created once and rolled back."""
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
            Organization.objects.bulk_create(
                Organization(organization_id=f"org_e{n}", as_of=NOW) for n in range(2000)
            )
            cursor.execute(
                "INSERT INTO mirror_connection (connection_id, name, connection_type, state, previous_state,"
                " as_of, as_of_event, observed_at, state_since, organization_id)"
                " SELECT 'conn_' || o.organization_id || '_' || n, '', '', 'active', '', now(), '', now(),"
                " now(), o.organization_id FROM mirror_organization o, generate_series(1, 10) n"
            )
            cursor.execute("ANALYZE webhooks_webhookevent, mirror_organization, mirror_connection")
        yield Organization.objects.all()[:1].get()
        transaction.set_rollback(True)


def plan(queryset: models.QuerySet[Any]) -> str:
    return queryset.explain()


def uses(plan: str, index: str) -> None:
    assert index in plan, plan
    assert "Seq Scan" not in plan, plan


NOW = timezone.now()
DUE = WebhookEvent.objects.due(NOW)

QUERIES: dict[str, tuple[models.QuerySet[Any], str]] = {
    "the worker's next suspect": (DUE.filter(unfinished_attempts__gt=0)[:1], "webhook_event_suspect"),
    "events that waited too long": (
        WebhookEvent.objects.filter(received_at__lt=NOW - timedelta(days=30)).exclude(
            awaited_organization_id=""
        ),
        "webhook_event_awaits",
    ),
    "pruning": (old_events(days=90, now=NOW)[:1000], "webhook_event_received"),
    "replay --failed": (replay.select_events(failed=True), "webhook_event_status"),
    "replay --id": (replay.select_events(event_ids=["event_77"]), "webhook_event_is_recorded_once"),
    "replay --event": (replay.select_events(names=["connection.activated"]), "webhook_event_event"),
    "replay --since": (replay.select_events(since=NOW - timedelta(hours=1)), "webhook_event_received"),
    "the admin's list": (WebhookEvent.objects.order_by("-id")[:50], "webhooks_webhookevent_pkey"),
    "the admin's failed": (
        WebhookEvent.objects.filter(status="failed").order_by("-id")[:50],
        "webhook_event_status",
    ),
    "the admin's events of a kind": (
        WebhookEvent.objects.filter(event="connection.deleted").order_by("-id")[:50],
        "webhook_event_event",
    ),
    "the admin's events that only catch-up has brought": (
        WebhookEvent.objects.filter(secret_name="").order_by("-id")[:50],
        "webhook_event_catch_up",
    ),
    "the admin's events that webhooks have brought": (
        WebhookEvent.objects.exclude(secret_name="").order_by("-id")[:50],
        "webhooks_webhookevent_pkey",
    ),
    "the admin's search": (
        WebhookEvent.objects.filter(event_id__exact="event_5").order_by("-id")[:50],
        "webhook_event_is_recorded_once",
    ),
    "the staff's events of a customer": (
        select_filtered_events(EventFilter(organization_id="org_e7"))
        .filter(pk__lt=500_000)
        .order_by("-pk")[:51],
        "webhook_event_organization",
    ),
    "the staff's next page": (
        WebhookEvent.objects.filter(pk__lt=500_000).order_by("-pk")[:51],
        "webhooks_webhookevent_pkey",
    ),
    "the staff's quarantined events": (
        select_filtered_events(EventFilter(state="quarantined")).order_by("-pk")[:51],
        "webhook_event_status",
    ),
    "the staff's failed events of a kind": (
        select_filtered_events(EventFilter(state="failed", kind="connection.activated")).order_by("-pk")[:51],
        "webhook_event_status",
    ),
    "the events that explain a person": (
        select_events_about(
            "directory_user", "directory_user_1", organization_id="org_e7", directory_id="directory_1"
        ),
        "webhook_event_organization",
    ),
    "the events of the last hour": (
        WebhookEvent.objects.filter(received_at__gt=NOW - timedelta(hours=1)),
        "webhook_event_received",
    ),
    "permanently failed events": (
        WebhookEvent.objects.filter(status="failed", due_at=None),
        "webhook_event_status",
    ),
    "events whose data had problems": (
        WebhookEvent.objects.filter(received_at__gte=NOW - timedelta(days=1)).exclude(data_problems=""),
        "webhook_event_data_problems",
    ),
    "clock offset of the newest deliveries": (
        WebhookEvent.objects.exclude(secret_name="").order_by("-id")[:500],
        "webhooks_webhookevent_pkey",
    ),
}


@pytest.mark.parametrize(("queryset", "index"), QUERIES.values(), ids=QUERIES.keys())
def test_query_uses_its_index(
    million: Organization, queryset: models.QuerySet[Any], index: str, django_db_blocker: Any
) -> None:
    with django_db_blocker.unblock():
        uses(plan(queryset), index)


def explain_all(queries: CaptureQueriesContext) -> list[str]:
    """The plans of the captured statements on the table of events."""
    plans = []
    with connection.cursor() as cursor:
        for sql in [one["sql"] for one in queries if "webhooks_webhookevent" in one["sql"]]:
            cursor.execute(f"EXPLAIN {sql}")
            plans.append("\n".join(row[0] for row in cursor.fetchall()))
    return plans


def test_claims_and_the_oldest_due_event_use_the_index_of_queues(
    million: Organization, django_db_blocker: Any
) -> None:
    with django_db_blocker.unblock(), transaction.atomic(), CaptureQueriesContext(connection) as queries:
        batches = claims.claim_batches(NOW, 100, claims.Rotation())
        oldest = claims.find_oldest_due_at(NOW)
        plans = explain_all(queries)
        transaction.set_rollback(True)

    assert sum(len(batch.event_keys) for batch in batches) == 100
    assert oldest is not None
    # The queues of urgent events, of which there are none, those of others, their shares, the oldest event.
    assert len(plans) == 4
    for plan in plans:
        assert "Index Cond" in plan, plan
        uses(plan, "webhook_event_queue")
        assert plan.count("Index Scan") + plan.count("Index Only Scan") == plan.count("webhook_event_queue")


def test_release_of_waiting_events_uses_its_index(million: Organization, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock(), CaptureQueriesContext(connection) as queries:
        inbox.release_events_of_known_organizations(NOW)
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {queries[0]['sql']}")
            explained = "\n".join(row[0] for row in cursor.fetchall())

    assert "webhook_event_awaits" in explained, explained
    assert "Seq Scan on webhooks_webhookevent" not in explained, explained


def test_page_query_for_connections_uses_its_index(million: Organization, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        uses(plan(Connection.objects.filter(organization=million)), "mirror_connection_organization_id")


@pytest.mark.parametrize("model", [kind.model for kind in MIRRORED.values()])
def test_every_mirrored_table_is_indexed_by_organization(db: None, model: type[MirroredRow]) -> None:
    organization: Any = model._meta.get_field("organization")
    assert organization.db_index
