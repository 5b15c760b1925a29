"""Migrations on tables that hold rows."""

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from tests.deliveries import deliver, payload
from webhooks.inbox import apply_waiting
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)


def migrate(name: str) -> Any:
    """Migrate the app to this migration. Returns its models as they were then."""
    call_command("migrate", "webhooks", name, verbosity=0, stderr=StringIO())
    return MigrationExecutor(connection).loader.project_state([("webhooks", name)]).apps


@pytest.fixture
def before_queues() -> Iterator[Any]:
    yield migrate("0004_event_source")
    call_command("migrate", "webhooks", verbosity=0)


def test_events_that_waited_before_there_were_queues_are_applied(acme: Any, before_queues: Any) -> None:
    deliver_without_queue(before_queues, "event_1", status="waiting")
    deliver_without_queue(before_queues, "event_2", status="applied")

    call_command("migrate", "webhooks", verbosity=0)

    rows = WebhookEvent.objects.order_by("event_id").values_list("is_urgent", "queue")
    assert list(rows) == [(False, ""), (False, "")]
    now = WebhookEvent.objects.get(event_id="event_1").received_at
    assert apply_waiting(now=now) == {"applied": 1}
    deliver("connection.deactivated", event_id="event_3")
    assert WebhookEvent.objects.get(event_id="event_3").queue


def deliver_without_queue(apps: Any, event_id: str, *, status: str) -> None:
    body = payload("connection.activated", event_id=event_id)
    now = timezone.now()
    apps.get_model("webhooks", "WebhookEvent").objects.create(
        event_id=event_id,
        event="connection.activated",
        issued_at=now,
        received_at=now,
        payload=body,
        status=status,
        due_at=now if status == "waiting" else None,
    )
