"""Shuffled, duplicated and interrupted events end in the same state as events in order."""

import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from threading import Thread
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enterprises.models import Enterprise
from mirror.models import Certificate, Organization
from mirror.registry import MIRRORED
from outbox.models import Task
from tests.deliveries import deliver
from tests.factories import create_organization
from tests.webhooks.event_sequences import START, World, actions
from webhooks.inbox import apply_waiting
from webhooks.models import WebhookEvent

KINDS: dict[str, Any] = {
    "connection": MIRRORED["connection"],
    "directory": MIRRORED["directory"],
    "domain": MIRRORED["organization_domain"],
}
WORKERS = 3

pytestmark = pytest.mark.django_db(transaction=True)


def run_worker(size: int) -> None:
    """Apply events until none is due, and reconnect when the database connection is lost."""
    deadline = time.monotonic() + 20
    try:
        while time.monotonic() < deadline:
            try:
                if not apply_waiting(now=timezone.now(), size=size):
                    return
            except (OperationalError, InterfaceError):
                connection.close()
    finally:
        connection.close()


def terminate_connections() -> None:
    """Terminate the workers' database connections in mid-transaction, as a kill does; keep our own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%%webhooks_%%'"
        )


def apply_until_nothing_is_due() -> None:
    """Apply events at later and later times until nothing is due."""
    now = timezone.now()
    for _ in range(400):
        now += timedelta(hours=1)
        if not apply_waiting(now=now):
            return
    raise AssertionError("events are still due after 400 rounds")


def mirrored_state() -> dict[str, Any]:
    state: dict[str, Any] = {}
    for kind_name, kind in KINDS.items():
        for row in kind.model._default_manager.all():
            known = (kind_name, row.organization_id, row.state)
            # Of a deleted row only the deletion matters.
            name = "" if kind_name == "domain" else getattr(row, "name", "")
            state[kind.get_key(row)] = known if row.state == "deleted" else (*known, name, row.as_of)
    for certificate in Certificate.objects.all():
        state[f"certificate of {certificate.connection_id}"] = certificate.state == "renewal_required"
    for organization in Organization.objects.all():
        is_deleted = organization.deleted_at is not None
        state[f"organization {organization.organization_id}"] = (organization.name, is_deleted)
    return state


def expected_state(world: World) -> dict[str, Any]:
    expected: dict[str, Any] = {}
    for key, known_object in world.objects.items():
        known = (known_object["kind"], known_object["organization"], known_object["state"])
        name = "" if known_object["kind"] == "domain" else known_object["name"]
        expected[key] = known if known_object["state"] == "deleted" else (*known, name, known_object["at"])
    for key, required in world.certificates.items():
        expected[f"certificate of {key}"] = required
    for organization in world.external_ids:
        expected[f"organization {organization}"] = (world.names[organization], organization in world.closed)
    return expected


def delete_all_rows() -> None:
    kinds: list[Any] = [kind.model for kind in MIRRORED.values()]
    for model in (Task, WebhookEvent, *kinds, Enterprise, Organization):
        model._default_manager.all().delete()


def create_enterprises() -> dict[str, str]:
    """Create two enterprises; the organization_id of one is not known yet."""
    known, unknown = uuid.uuid4(), uuid.uuid4()
    Enterprise.objects.create(
        name="Known",
        slug="known",
        external_id=known,
        organization=create_organization("org_known", name="Known", as_of=START - timedelta(days=1)),
    )
    Enterprise.objects.create(name="Unknown", slug="unknown", external_id=unknown)
    return {"org_known": str(known), "org_unknown": str(unknown)}


@pytest.fixture
def silence_connection_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level("CRITICAL"):
        yield


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    history=actions,
    seed=st.integers(0, 2**32),
    size=st.sampled_from([1, 2, 7, 500]),
    interruptions=st.integers(0, 2),
)
def test_any_order_of_delivery_reaches_the_same_final_state(
    silence_connection_errors: None, history: list[Any], seed: int, size: int, interruptions: int
) -> None:
    delete_all_rows()
    world = World(create_enterprises())
    world.created("org_unknown")
    for action in history:
        world.do(*action)
    random = Random(seed)  # noqa: S311 - a shuffle that can be repeated
    arrivals = world.events + random.sample(world.events, random.randint(0, len(world.events)))
    random.shuffle(arrivals)
    # Some events arrive while the workers run, and some of those are duplicates.
    split = random.randint(0, len(arrivals))

    for event in arrivals[:split]:
        assert deliver(event).status_code == 200
    workers = [Thread(target=run_worker, args=(size,)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for event in arrivals[split:]:
        assert deliver(event).status_code == 200
    for _ in range(interruptions):
        time.sleep(random.uniform(0, 0.02))
        terminate_connections()
    for worker in workers:
        worker.join(30)
    apply_until_nothing_is_due()

    assert mirrored_state() == expected_state(world)
    assert not WebhookEvent.objects.exclude(status__in=["applied", "stale"]).exists()
    assert WebhookEvent.objects.count() == len(world.events)
