"""`inspect_webhooks` and the admin show what needs a person, with the next step."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from hostapp.models import User
from outbox.models import WorkerHeartbeat
from tests.conftest import signed_in
from tests.deliveries import deliver, payload, post, signed
from webhooks.listed_events import parse_items, record_listed
from webhooks.models import RefusalCount, RefusalSample, Secret, WebhookEvent
from webhooks.receive.reasons import Reason

pytestmark = pytest.mark.django_db

BODY = json.dumps(payload("connection.activated")).encode()
HOUR = timedelta(hours=1)

# Signed when they are posted: a signature is good for minutes, and the tests may run longer.
CASES: dict[Reason, Callable[[], tuple[bytes, str | None]]] = {
    Reason.MISSING_HEADER: lambda: (BODY, None),
    Reason.MALFORMED_HEADER: lambda: (BODY, "t=1, v1=2"),
    Reason.NO_SECRET_MATCHES: lambda: (BODY, signed(BODY, secret="whsec_of_another_customer")),
    Reason.TOO_OLD: lambda: (BODY, signed(BODY, at=time.time() - 43_200)),
    Reason.IN_THE_FUTURE: lambda: (BODY, signed(BODY, at=time.time() + 3600)),
    Reason.TOO_LARGE: lambda: (b"x" * (1024 * 1024 + 1), "t=1, v1=2"),
    Reason.NOT_AN_EVENT: lambda: (b"[]", signed(b"[]")),
}


def inspect_json() -> tuple[dict[str, Any], int]:
    """Run `inspect_webhooks --json`; return the report and the exit code."""
    out = StringIO()
    try:
        call_command("inspect_webhooks", "--json", stdout=out)
    except SystemExit as end:
        return json.loads(out.getvalue()), int(str(end.code))
    return json.loads(out.getvalue()), 0


def inspect_text() -> str:
    out = StringIO()
    # `inspect_json` returns the exit code.
    with suppress(SystemExit):
        call_command("inspect_webhooks", stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("reason", CASES)
def test_refusal_is_counted_sampled_and_shown_with_its_next_step(reason: Reason) -> None:
    body, header = CASES[reason]()

    post(body, header)
    post(body, header)

    assert RefusalCount.objects.filter(reason=reason).count() in (1, 2)
    sample = RefusalSample.objects.get()
    assert (sample.reason, sample.body_length) == (reason, len(body))
    assert sample.header_length == (None if header is None else len(header))
    (shown,) = inspect_json()[0]["refusals"]
    assert (shown["last_hour"], shown["last_days"]) == (2, 2)
    assert shown["next_step"] == reason.next_step
    assert reason.label in inspect_text()


def test_inspect_webhooks_shows_how_old_or_early_deliveries_were(settings: Settings) -> None:
    settings.WORKOS_WEBHOOK_TOLERANCE = 30
    post(*CASES[Reason.TOO_OLD]())
    post(BODY, signed(BODY, at=time.time() + 40.5))

    assert "12 h old" in inspect_text()
    assert "40 s in the future: your clock?" in inspect_text()


@pytest.mark.parametrize(
    ("days", "advice"),
    [({"current": 0, "old": 3.2}, "last used 3 days ago: safe to remove"),
     ({"current": 0, "old": 1}, "in use"),
     ({"current": 4, "old": 5}, "nothing was verified for three days: keep it"),
     ({"current": 0}, "never used: new, or safe to remove")],
)  # fmt: skip
def test_old_secret_is_reported_safe_to_remove_only_when_unused(
    settings: Settings, days: dict[str, float], advice: str
) -> None:
    settings.WORKOS_WEBHOOK_SECRETS, settings.WORKOS_WEBHOOK_SECRET_NAMES = ["a", "b"], ["current", "old"]
    for name, ago in days.items():
        Secret.objects.create(name=name, last_used_at=timezone.now() - timedelta(days=ago))

    assert [secret["advice"] for secret in inspect_json()[0]["secrets"] if secret["name"] == "old"] == [
        advice
    ]


def test_apply_events_stores_when_a_secret_was_last_used() -> None:
    deliver("connection.activated")
    call_command("apply_events", stdout=StringIO())

    used = Secret.objects.get()
    assert used.last_used_at == WebhookEvent.objects.get().received_at
    assert used.name == WebhookEvent.objects.get().secret_name


@pytest.mark.parametrize(("off", "warned"), [(-2, False), (-100, True), (100, True)])
def test_clock_drift_is_reported_before_deliveries_are_refused(off: int, warned: bool) -> None:
    for number in range(5):
        body = json.dumps(payload("connection.activated", event_id=f"event_{number}")).encode()
        assert post(body, signed(body, at=time.time() + off)).status_code == 200

    report, code = inspect_json()

    assert abs(report["clock_seconds"] + off) < 2
    assert any("clock" in sentence for sentence in report["attention"]) is warned
    assert code == int(warned)


def test_inspect_webhooks_reports_that_there_are_no_deliveries() -> None:
    report, code = inspect_json()

    assert (report["attention"], report["refusals"], code) == ([], [], 0)
    assert "No verified deliveries yet" in inspect_text()


def test_permanently_failed_event_is_reported_with_the_next_step() -> None:
    deliver("connection.activated")
    WebhookEvent.objects.update(status="failed", due_at=None, reason="KeyError: 'id'")

    report, code = inspect_json()

    assert code == 1
    assert "replay_events --failed" in report["attention"][0]
    assert report["outcomes"][0]["reason"] == "KeyError: 'id'"


def test_inspect_webhooks_shows_how_many_workers_live_and_since_when() -> None:
    assert "Workers\n  None is alive: start `manage.py worker`\n" in inspect_text()
    now = timezone.now()
    for pid, hours, seen in ((1, 2, now), (2, 1, now), (3, 5, now - HOUR)):
        WorkerHeartbeat.objects.create(host="web", pid=pid, started_at=now - hours * HOUR, last_seen_at=seen)

    assert f"Workers\n  2 alive, the oldest since {now - 2 * HOUR:%Y-%m-%d %H:%M}" in inspect_text()
    assert inspect_json()[0]["workers"] == 2


def test_stopped_worker_is_reported() -> None:
    deliver("connection.activated")
    WebhookEvent.objects.update(due_at=timezone.now() - HOUR)

    assert "manage.py worker" in inspect_json()[0]["attention"][0]


def test_staff_see_refusals_in_the_admin(sam: User) -> None:
    User.objects.filter(pk=sam.pk).update(is_superuser=True)
    post(*CASES[Reason.TOO_OLD]())
    deliver("connection.activated")
    admin = signed_in(sam)

    page = admin.get("/admin/webhooks/refusalsample/").content.decode()
    assert "12 h old" in page
    assert Reason.TOO_OLD.next_step.split("`")[0] in page
    for model in ("webhookevent", "refusalcount", "secret"):
        assert admin.get(f"/admin/webhooks/{model}/").status_code == 200


def test_members_cannot_see_refusals_in_the_admin(ada: User) -> None:
    assert signed_in(ada).get("/admin/webhooks/refusalsample/").status_code == 302


def test_items_of_the_events_api_are_not_called_signed_deliveries() -> None:
    now = timezone.now()
    record_listed(parse_items([{"id": "event_1"}, "no object"], now=now), pruned_before=None, now=now)

    assert "Not events, of the last three days: 2 items of the Events API." in inspect_text()
    post(b"[]", signed(b"[]"))
    report, code = inspect_json()
    assert (report["unreadable"]["deliveries"], report["unreadable"]["listed"], code) == (1, 2, 1)
    assert "1 signed delivery and 2 items of the Events API" in inspect_text()
