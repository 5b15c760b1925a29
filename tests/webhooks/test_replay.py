"""Replay shows what would change, then applies it, and sends no mail twice."""

import json
from collections.abc import Sequence
from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.log import audit_entries_for
from enterprises.models import Enterprise
from hostapp.models import User
from mirror.models import Connection
from outbox.models import Task
from outbox.runner import run_due_tasks
from tests.conftest import BIRCH_ORGANIZATION, signed_in
from tests.deliveries import deliver
from webhooks import inbox
from webhooks.events import Event
from webhooks.handlers import APPLIED, HANDLERS, Outcome
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def failed(acme: Enterprise, monkeypatch: pytest.MonkeyPatch) -> WebhookEvent:
    """An event that failed eight times because of a handler that is fixed now."""

    def fails(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
        raise RuntimeError("out of paper")

    with monkeypatch.context() as broken:
        broken.setitem(HANDLERS, "connection.activated", fails)
        deliver("connection.activated", event_id="event_1")
        inbox.apply_waiting(now=timezone.now())
    WebhookEvent.objects.update(due_at=None)
    return WebhookEvent.objects.get()


def replay(*arguments: str) -> str:
    out = StringIO()
    call_command("replay_events", *arguments, stdout=out)
    return out.getvalue()


def test_replay_dry_run_shows_changes_and_makes_none(failed: WebhookEvent) -> None:
    output = replay("--failed", "--dry-run")

    assert "1 event would be replayed: failed → applied" in output
    assert "connection conn_01EHWNCE74X7JSDV0X3SZ3KJNY: state – → active" in output
    failed.refresh_from_db()
    assert failed.status == "failed"
    assert not Connection.objects.exists()


def test_replay_applies_a_failed_event(failed: WebhookEvent) -> None:
    output = replay("--failed", "--yes")

    assert output.index("1 event would be replayed") < output.index("1 event replayed"), (
        "changes must be shown before they are made"
    )
    failed.refresh_from_db()
    assert (failed.status, failed.reason) == ("applied", "")
    assert Connection.objects.get().state == "active"


def test_replay_changes_nothing_when_not_confirmed(
    failed: WebhookEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda: "n")

    with pytest.raises(CommandError, match="Nothing was done"):
        replay("--failed")
    assert not Connection.objects.exists()


def test_replayed_applied_event_stays_applied_and_changes_nothing(acme: Enterprise) -> None:
    deliver("connection.activated")
    inbox.apply_waiting(now=timezone.now())

    output = replay("--event", "connection.activated", "--yes")

    assert "No data changes" in output
    assert WebhookEvent.objects.get().status == "applied"


def test_replay_of_a_failed_event_has_the_consequences_of_its_change_once(
    failed: WebhookEvent, ada: User, acme: Enterprise
) -> None:
    for _ in range(2):
        replay("--id", failed.event_id, "--yes")
        run_due_tasks(now=timezone.now())

    assert [entry.action for entry in audit_entries_for(acme)] == ["connection_activated"]
    assert [message.subject for message in mail.outbox] == ["Single sign-on is active · Acme Inc."]


def test_preview_has_no_consequences(failed: WebhookEvent, ada: User, acme: Enterprise) -> None:
    replay("--failed", "--dry-run")

    assert not audit_entries_for(acme).exists()
    assert not Task.objects.exists()


def test_replayed_applied_event_sends_no_mail_again(acme: Enterprise, ada: User) -> None:
    deliver("connection.activated", event_id="event_1")
    inbox.apply_waiting(now=timezone.now())
    run_due_tasks(now=timezone.now())
    assert len(mail.outbox) == 1

    replay("--id", "event_1", "--yes")
    run_due_tasks(now=timezone.now())

    assert len(mail.outbox) == 1
    assert audit_entries_for(acme).count() == 1


def test_stale_event_has_no_consequences(acme: Enterprise, ada: User) -> None:
    deliver("connection.deactivated", event_id="event_2", updated_at="2026-02-01T00:00:00.000Z")
    inbox.apply_waiting(now=timezone.now())
    entries, tasks = audit_entries_for(acme).count(), Task.objects.count()

    deliver("connection.activated", event_id="event_1", updated_at="2026-01-01T00:00:00.000Z")
    assert inbox.apply_waiting(now=timezone.now()) == {"stale": 1}

    assert (audit_entries_for(acme).count(), Task.objects.count()) == (entries, tasks)


def test_replay_by_id_applies_only_that_event(failed: WebhookEvent, birch: Enterprise) -> None:
    deliver("connection.activated", event_id="event_2", id="conn_birch", organization_id=BIRCH_ORGANIZATION)
    WebhookEvent.objects.filter(event_id="event_2").update(status="failed", due_at=None)

    replay("--id", "event_1", "--yes")

    assert WebhookEvent.objects.get(event_id="event_2").status == "failed"
    assert not Connection.objects.filter(organization=birch.organization).exists()


def test_replay_applies_events_in_order_of_creation(
    acme: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def collect_ids(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
        seen.extend(event.event_id for event in events)
        return [Outcome("applied") for _ in events]

    deliver("connection.activated", event_id="event_2", created_at="2026-01-16T00:00:00Z")
    deliver("connection.activated", event_id="event_1", created_at="2026-01-15T00:00:00Z")
    monkeypatch.setitem(HANDLERS, "connection.activated", collect_ids)

    replay("--since", "2026-01-01", "--dry-run")

    assert seen == ["event_1", "event_2"]


def test_replay_exits_with_1_when_an_event_fails_again(
    failed: WebhookEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(HANDLERS, "connection.activated", lambda events, now: 1 / 0)

    with pytest.raises(CommandError) as end:
        replay("--failed", "--yes")

    assert end.value.returncode == 1
    failed.refresh_from_db()
    assert failed.reason == "ZeroDivisionError: division by zero"


def test_replay_prints_nothing_when_no_event_failed(db: None) -> None:
    assert replay("--failed", "--yes") == ""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [((), 2), (("--failed", "--json"), 2), (("--id", "event_nobody_knows"), 1)],
)
def test_replay_exits_with_an_error_when_nothing_valid_is_selected(
    db: None, arguments: tuple[str, ...], code: int
) -> None:
    with pytest.raises(CommandError) as end:
        replay(*arguments)

    assert end.value.returncode == code


def test_replay_json_reports_each_event(failed: WebhookEvent) -> None:
    report: dict[str, Any] = json.loads(replay("--failed", "--dry-run", "--json"))

    assert report["applied"] is False
    assert report["events"][0]["after"] == "applied"


@pytest.fixture
def admin(sam: User) -> Any:
    User.objects.filter(pk=sam.pk).update(is_superuser=True)
    return signed_in(sam)


def submit_replay(client: Any, event: WebhookEvent, **more: str) -> Any:
    return client.post(
        "/admin/webhooks/webhookevent/",
        {"action": "replay", "_selected_action": [str(event.pk)], **more},
        follow=True,
    )


def test_admin_replay_shows_changes_and_applies_them_when_confirmed(failed: WebhookEvent, admin: Any) -> None:
    page = submit_replay(admin, failed).content.decode()
    assert "failed → applied" in page
    assert not Connection.objects.exists()

    page = submit_replay(admin, failed, confirmed="yes").content.decode()

    assert "Replayed" in page
    assert Connection.objects.get().state == "active"


def test_staff_without_permission_cannot_replay(failed: WebhookEvent, sam: User) -> None:
    submit_replay(signed_in(sam), failed, confirmed="yes")

    assert not Connection.objects.exists()


def test_replay_applies_the_ignored_events_of_a_new_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    deliver("dsync.token.created")
    seen: list[str] = []

    def handle(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
        seen.extend(event.event_id for event in events)
        return [APPLIED for _ in events]

    monkeypatch.setitem(HANDLERS, "dsync.token.created", handle)
    replay("--event", "dsync.token.created", "--yes")

    event = WebhookEvent.objects.get()
    # Twice: what it would change is shown first.
    assert (seen, event.status) == ([event.event_id] * 2, "applied")


def test_long_replay_shows_its_progress(acme: Enterprise, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        deliver("connection.activated", event_id=f"event_{number}", id=f"conn_{number}")
    monkeypatch.setattr("webhooks.replay._BATCH_SIZE", 2)
    monkeypatch.setattr("outbox.management.progress._SECONDS", 0)
    err = StringIO()

    call_command("replay_events", "--event", "connection.activated", "--yes", stdout=StringIO(), stderr=err)

    assert err.getvalue().splitlines() == [
        "2 of 3 events previewed",
        "3 of 3 events previewed",
        "2 of 3 events replayed",
        "3 of 3 events replayed",
    ]
