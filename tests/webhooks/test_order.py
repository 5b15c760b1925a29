"""Shuffled, duplicated, split over workers and interrupted: any history ends as it ends in order."""

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

from enterprises.models import Certificate, Connection, Directory, Enterprise, Errand, OrganizationDomain
from tests.deliveries import deliver
from tests.webhooks.histories import World, deeds
from webhooks.inbox import apply_waiting
from webhooks.models import WebhookEvent

KINDS: dict[str, Any] = {"connection": Connection, "directory": Directory, "domain": OrganizationDomain}
WORKERS = 3

pytestmark = pytest.mark.django_db(transaction=True)


def work(size: int) -> None:
    """A worker's life, which goes on where its connection is torn."""
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


def interrupt() -> None:
    """What a kill is to the database: the transaction ends in the middle. Ours survives."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%%webhooks_%%'"
        )


def drain() -> None:
    """Later and later, until nothing is due."""
    now = timezone.now()
    for _ in range(400):
        now += timedelta(hours=1)
        if not apply_waiting(now=now):
            return
    raise AssertionError("it does not come to an end")


def what_we_hold() -> dict[str, Any]:
    held: dict[str, Any] = {}
    for kind, model in KINDS.items():
        for row in model._default_manager.select_related("enterprise"):
            known = (kind, row.enterprise.organization_id, row.state)
            # Of what is gone only that it is gone matters.
            name = "" if kind == "domain" else getattr(row, "name", "")
            held[getattr(row, model.KEY)] = known if row.state == "deleted" else (*known, name, row.as_of)
    for certificate in Certificate.objects.all():
        held[f"certificate of {certificate.connection_id}"] = certificate.renewal_required
    for enterprise in Enterprise.objects.all():
        held[f"closed {enterprise.organization_id}"] = enterprise.organization_deleted_at is not None
    return held


def what_is_true(world: World) -> dict[str, Any]:
    true: dict[str, Any] = {}
    for key, thing in world.objects.items():
        known = (thing["kind"], thing["organization"], thing["state"])
        name = "" if thing["kind"] == "domain" else thing["name"]
        true[key] = known if thing["state"] == "deleted" else (*known, name, thing["at"])
    for key, required in world.certificates.items():
        true[f"certificate of {key}"] = required
    for organization in world.external_ids:
        true[f"closed {organization}"] = organization in world.closed
    return true


def clean() -> None:
    for model in (Errand, WebhookEvent, Certificate, *KINDS.values(), Enterprise):
        model._default_manager.all().delete()


def enroll() -> dict[str, str]:
    """Both are our customers; of one we do not know the organization's id yet."""
    known, unknown = uuid.uuid4(), uuid.uuid4()
    Enterprise.objects.create(name="Known", slug="known", external_id=known, organization_id="org_known")
    Enterprise.objects.create(name="Unknown", slug="unknown", external_id=unknown)
    return {"org_known": str(known), "org_unknown": str(unknown)}


@pytest.fixture
def torn_connections_are_no_news(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level("CRITICAL"):
        yield


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    history=deeds,
    seed=st.integers(0, 2**32),
    size=st.sampled_from([1, 2, 7, 500]),
    interruptions=st.integers(0, 2),
)
def test_any_delivery_of_a_history_reaches_its_state(
    torn_connections_are_no_news: None, history: list[Any], seed: int, size: int, interruptions: int
) -> None:
    clean()
    world = World(enroll())
    world.created("org_unknown")
    for deed in history:
        world.do(*deed)
    random = Random(seed)  # noqa: S311 - a shuffle that can be repeated
    arrivals = world.events + random.sample(world.events, random.randint(0, len(world.events)))
    random.shuffle(arrivals)
    # Some come while the workers are at it, some of those again.
    split = random.randint(0, len(arrivals))

    for event in arrivals[:split]:
        assert deliver(event).status_code == 200
    workers = [Thread(target=work, args=(size,)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for event in arrivals[split:]:
        assert deliver(event).status_code == 200
    for _ in range(interruptions):
        time.sleep(random.uniform(0, 0.02))
        interrupt()
    for worker in workers:
        worker.join(30)
    drain()

    assert what_we_hold() == what_is_true(world)
    assert not WebhookEvent.objects.exclude(status__in=["applied", "stale"]).exists()
    assert WebhookEvent.objects.count() == len(world.events)
