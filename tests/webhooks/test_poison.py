"""Events and effects that kill the process that takes them."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone

from enterprises.models import Connection, Enterprise
from tests.deliveries import deliver, payload
from tests.processes import ROOT, build_environment, wait_until
from webhooks import inbox
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)


def deadly(event_id: str, name: str = "poison") -> None:
    deliver({"id": event_id, "event": "test.deadly", "data": {"name": name}})


def worker(mailbox: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "worker", "--interval", "0.05"],
        cwd=ROOT,
        env={
            **build_environment(),
            "DJANGO_SETTINGS_MODULE": "tests.webhooks.poison_settings",
            "TEST_MAILBOX": str(mailbox),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kept_up(mailbox: Path, done: "object", *, starts: int) -> int:
    """Start a worker again whenever it dies, as a supervisor does, until `done()`; how often it died."""
    for deaths in range(starts):
        process = worker(mailbox)
        try:
            wait_until(lambda: process.poll() is not None or done())  # type: ignore[operator]  # noqa: B023
        finally:
            alive = process.poll() is None
            if alive:
                process.terminate()
            process.communicate(timeout=15)
        if alive:
            return deaths
        # What it had in hand is given time: it is not tried again at once.
        WebhookEvent.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
        WebhookEvent.objects.filter(effects_due_at__isnull=False).update(effects_due_at=timezone.now())
    raise AssertionError(f"it died {starts} times")


def test_an_event_that_kills_its_worker_is_set_aside_and_all_others_are_applied(
    acme: Enterprise, tmp_path: Path
) -> None:
    for number in range(10):
        deliver("connection.activated", event_id=f"event_{number:02d}", id=f"conn_{number}")
        deadly(f"event_1{number}", "poison" if number == 5 else "harmless")

    deaths = kept_up(
        tmp_path / "box", lambda: not WebhookEvent.objects.exclude(due_at=None).exists(), starts=6
    )

    assert deaths == inbox.MAX_UNFINISHED
    poison = WebhookEvent.objects.get(event_id="event_15")
    assert (poison.status, poison.due_at) == ("failed", None)
    assert "ended before it was done" in poison.error
    assert WebhookEvent.objects.filter(status="applied").count() == 19
    assert Connection.objects.filter(state="active").count() == 10


def test_new_events_are_applied_while_a_suspect_waits_for_its_turn(acme: Enterprise) -> None:
    deadly("event_1")
    now = timezone.now()
    with transaction.atomic():
        WebhookEvent.objects.claim(now, 500)
    deliver("connection.activated", event_id="event_2")

    assert inbox.apply_waiting(now=now + timedelta(seconds=1)) == {"applied": 1}
    assert WebhookEvent.objects.get(event_id="event_1").status == "waiting"


def test_killed_in_an_effect_it_is_carried_out_at_least_once_and_others_once(
    acme: Enterprise, tmp_path: Path
) -> None:
    box = tmp_path / "box"
    deliver("connection.activated", event_id="event_1", name="deadly once")
    deliver("connection.activated", event_id="event_2", id="conn_2")
    # It changes nothing: stale, and no effect.
    stale = payload("connection.activated", event_id="event_0")
    stale["data"]["updated_at"] = "2020-01-01T00:00:00.000Z"
    deliver(stale)

    deaths = kept_up(
        box,
        lambda: (
            not WebhookEvent.objects.filter(due_at__isnull=False).exists()
            and not WebhookEvent.objects.filter(effects_due_at__isnull=False).exists()
        ),
        starts=4,
    )

    assert deaths == 1
    assert sorted(box.read_text().split()) == ["event_1", "event_1", "event_2"]
