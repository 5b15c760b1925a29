"""A replay of any size keeps nobody waiting, and its preview changes and locks nothing."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models, transaction
from django.utils import timezone

from audit.actor import COMMAND_LINE
from enterprises.memberships import change_role
from enterprises.models import Enterprise, Membership, Role
from hostapp.models import User
from mirror.models import Connection, Organization
from tests.conftest import BIRCH_ORGANIZATION
from tests.deliveries import deliver
from tests.processes import wait_until
from webhooks import replay
from webhooks.event_rows import EventRow
from webhooks.inbox import apply_waiting
from webhooks.models import WebhookEvent
from webhooks.replay import FieldChange, Report, preview_replay, replay_events

pytestmark = pytest.mark.django_db(transaction=True)


def deliver_history() -> None:
    """Events that build upon each other, of two enterprises and of an organization that nobody knows."""
    steps: list[tuple[str, dict[str, Any]]] = [
        ("connection.activated", {"name": "First"}),
        ("connection.activated", {"id": "conn_b", "organization_id": BIRCH_ORGANIZATION}),
        ("connection.deactivated", {}),
        ("connection.activated", {"name": "Renamed"}),
        ("connection.activated", {"id": "conn_x", "organization_id": "org_unknown"}),
        ("connection.deleted", {"id": "conn_b", "organization_id": BIRCH_ORGANIZATION}),
        ("organization_domain.verified", {}),
        ("dsync.activated", {}),
        ("connection.activated", {"id": 7}),
        ("organization.updated", {}),
    ]
    for number, (event, data) in enumerate(steps):
        at = f"2026-01-15T12:00:{number:02d}.000Z"
        deliver(event, event_id=f"event_{number:02d}", created_at=at, **({"updated_at": at} | data))


def dump_database() -> dict[str, list[Any]]:
    return {
        model._meta.label: list(model._default_manager.order_by("pk").values())
        for model in apps.get_models()
        if model._meta.managed
    }


def without_clock(report: Report) -> list[FieldChange]:
    """The changes, save the time at which the row was written."""
    return [change for change in report.changes if change.field != "observed_at"]


@pytest.mark.parametrize("batch_size", [1, 3, 200])
def test_preview_shows_what_the_replay_then_does_and_changes_nothing(
    acme: Enterprise, birch: Enterprise, ada: User, monkeypatch: pytest.MonkeyPatch, batch_size: int
) -> None:
    monkeypatch.setattr(replay, "_BATCH_SIZE", batch_size)
    deliver_history()
    apply_waiting(now=timezone.now())
    # What they told is lost; one of them is held in an older state.
    Connection.objects.exclude(connection_id="conn_b").delete()
    before, now = dump_database(), timezone.now()
    events = WebhookEvent.objects.all()

    preview = preview_replay(events, now=now)

    assert dump_database() == before
    assert preview.changes
    assert {event.after for event in preview.events} >= {"applied", "waiting"}
    report = replay_events(events, now=now)
    assert report.events == preview.events
    assert without_clock(report) == without_clock(preview)
    assert replay_events(events, now=now).changes == []


def run_paused(
    monkeypatch: pytest.MonkeyPatch, run: Callable[..., Report], look: Callable[[], None]
) -> Report:
    """Run it in a thread, and `look` while it is within its second batch of one event."""
    monkeypatch.setattr(replay, "_BATCH_SIZE", 1)
    original, reports = replay._replay_batch, []
    is_paused, goes_on, calls = threading.Event(), threading.Event(), []

    def replay_batch(name: str, events: Sequence[EventRow], now: Any) -> Any:
        calls.append(name)
        replayed = original(name, events, now)
        if len(calls) == 2:
            is_paused.set()
            goes_on.wait(30)
        return replayed

    def work() -> None:
        reports.append(run(WebhookEvent.objects.all(), now=timezone.now()))
        connection.close()

    monkeypatch.setattr(replay, "_replay_batch", replay_batch)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        wait_until(is_paused.is_set)
        look()
    finally:
        goes_on.set()
        thread.join()
    return reports[0]


def lock_every_row(model: type[models.Model], **filters: Any) -> None:
    with transaction.atomic():
        list(model._default_manager.select_for_update(nowait=True).filter(**filters))


def test_preview_locks_no_row_of_anyone(
    acme: Enterprise, birch: Enterprise, ada: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver_history()
    apply_waiting(now=timezone.now())

    def look() -> None:
        for model in replay._written_tables():
            lock_every_row(model)
        change_role(Membership.objects.get(user=ben), Role.IT_ADMIN, COMMAND_LINE, timezone.now())
        Connection.objects.all().delete()

    run_paused(monkeypatch, preview_replay, look)

    assert not Connection.objects.exists()


def test_replay_locks_only_what_its_batch_is_about(
    acme: Enterprise, birch: Enterprise, ada: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first batch was about Acme and is committed; the second is about Birch."""
    deliver_history()

    def look() -> None:
        lock_every_row(Enterprise)
        lock_every_row(Organization, organization_id=acme.organization_id)
        lock_every_row(Connection, organization=acme.organization_id)
        assert Connection.objects.get().name == "First"
        change_role(Membership.objects.get(user=ben), Role.IT_ADMIN, COMMAND_LINE, timezone.now())

    report = run_paused(monkeypatch, replay_events, look)

    assert len(report.events) == 10


def test_every_model_below_webhooks_is_shadowed() -> None:
    below = {"mirror", "enterprises", "outbox", "audit"}
    models_below = {model for model in apps.get_models() if model._meta.app_label in below}

    assert models_below | {WebhookEvent} <= set(replay._written_tables())
