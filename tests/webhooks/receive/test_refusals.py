"""Refusals are counted and shown by reason, in tables of bounded size."""

import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import StringIO
from ipaddress import ip_network
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from hostapp.models import User
from tests.conftest import signed_in
from tests.deliveries import deliver, payload, post, signed
from webhooks.models import RING_MINUTES, RefusalCount, RefusalSample, Secret, WebhookEvent
from webhooks.receive.reasons import Reason
from webhooks.receive.refusals import RefusalTally, describe_age

pytestmark = pytest.mark.django_db

BODY = json.dumps(payload("connection.activated")).encode()
HOUR = timedelta(hours=1)


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


CASES: dict[Reason, tuple[bytes, str | None]] = {
    Reason.MISSING_HEADER: (BODY, None),
    Reason.MALFORMED_HEADER: (BODY, "t=1, v1=2"),
    Reason.NO_SECRET_MATCHES: (BODY, signed(BODY, secret="whsec_of_somebody_else")),
    Reason.TOO_OLD: (BODY, signed(BODY, at=time.time() - 43_200)),
    Reason.IN_THE_FUTURE: (BODY, signed(BODY, at=time.time() + 3600)),
    Reason.TOO_LARGE: (b"x" * (1024 * 1024 + 1), "t=1, v1=2"),
    Reason.NOT_AN_EVENT: (b"[]", signed(b"[]")),
}


@pytest.mark.parametrize("reason", CASES)
def test_refusal_is_counted_sampled_and_shown_with_its_next_step(reason: Reason) -> None:
    body, header = CASES[reason]

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


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_an_answer_and_a_next_step(reason: Reason) -> None:
    assert reason.status in (200, 400, 403, 413)
    assert reason.label
    assert reason.next_step


def test_refusal_sample_contains_nothing_of_the_request() -> None:
    header = signed(BODY, secret="whsec_of_somebody_else")
    post(BODY, header)

    stored = json.dumps(list(RefusalSample.objects.values()), default=str)

    assert header[-64:] not in stored
    assert "Acme" not in stored


def test_accepted_delivery_is_not_counted_as_refusal() -> None:
    deliver("connection.activated")

    assert not RefusalCount.objects.exists()
    assert not RefusalSample.objects.exists()


def test_inspect_webhooks_shows_how_old_or_early_deliveries_were(settings: Settings) -> None:
    settings.WORKOS_WEBHOOK_TOLERANCE = 30
    post(*CASES[Reason.TOO_OLD])
    post(BODY, signed(BODY, at=time.time() + 40.5))

    assert "12 h old" in inspect_text()
    assert "40 s in the future: your clock?" in inspect_text()


@pytest.mark.parametrize(
    ("off", "words"),
    [
        (90, "90 s old"),
        (600, "10 min old"),
        (-40, "40 s in the future: your clock?"),
        (864_000, "10 days old"),
    ],
)
def test_clock_offset_is_formatted_in_fitting_units(off: int, words: str) -> None:
    now = timezone.now()

    assert describe_age(now - timedelta(seconds=off), now) == words


def sample(reason: Reason, at: datetime) -> RefusalSample:
    return RefusalSample(reason=reason, refused_at=at)


def test_refusal_counts_reuse_a_fixed_number_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhooks.receive.refusals.RING_MINUTES", 10)
    tally = RefusalTally(0)
    start = datetime(2026, 1, 15, 12, tzinfo=UTC)

    for minute in range(45):
        for reason in Reason:
            tally.add(sample(reason, start + timedelta(minutes=minute)))

    assert RefusalCount.objects.count() == 10 * len(Reason)
    assert RefusalSample.objects.count() == len(Reason)
    assert set(RefusalCount.objects.values_list("count", flat=True)) == {1}, (
        "counts of reused minutes must start again at zero"
    )
    assert min(RefusalCount.objects.values_list("minute", flat=True)) == start + timedelta(minutes=35)


@pytest.mark.parametrize(
    ("reason", "slot"), [("of my own", 1), (Reason.TOO_OLD, RING_MINUTES), (Reason.TOO_OLD, 0)]
)
def test_database_constraints_bound_the_refusal_counts(reason: str, slot: int) -> None:
    RefusalCount.objects.create(reason=Reason.TOO_OLD, slot=0, minute=timezone.now(), count=1)

    with pytest.raises(IntegrityError), transaction.atomic():
        RefusalCount.objects.create(reason=reason, slot=slot, minute=timezone.now(), count=1)


def test_tally_writes_nothing_and_does_not_grow_within_an_interval(
    django_assert_num_queries: Any,
) -> None:
    tally = RefusalTally(3600)
    now = datetime(2026, 1, 15, 12, tzinfo=UTC)
    tally.add(sample(Reason.TOO_OLD, now))
    try:
        with django_assert_num_queries(0):
            for _ in range(10_000):
                tally.add(sample(Reason.TOO_OLD, now))

        assert len(tally._unwritten) == 1
        assert RefusalCount.objects.get().count == 1
        tally.write()
        assert RefusalCount.objects.get().count == 10_001
    finally:
        assert tally._timer is None


def test_flood_of_refusals_writes_one_line_per_interval(caplog: pytest.LogCaptureFixture) -> None:
    tally = RefusalTally(interval=3600)
    for _ in range(1000):
        tally.add(RefusalSample(reason=Reason.MISSING_HEADER.value, refused_at=timezone.now()))
    tally.write()

    lines = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert [line.split(" × ")[0] for line in lines] == ["Webhooks refused: 1", "Webhooks refused: 999"]


def test_refusal_counts_survive_a_database_outage() -> None:
    tally = RefusalTally(0)
    now = datetime(2026, 1, 15, 12, tzinfo=UTC)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE webhooks_refusalcount RENAME TO away")
    tally.add(sample(Reason.TOO_OLD, now))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE away RENAME TO webhooks_refusalcount")

    tally.add(sample(Reason.TOO_OLD, now))

    assert RefusalCount.objects.get().count == 2


def test_event_stores_the_name_of_its_secret(settings: Settings) -> None:
    settings.WORKOS_WEBHOOK_SECRETS, settings.WORKOS_WEBHOOK_SECRET_NAMES = ["a", "b"], ["current", "old"]

    post(BODY, signed(BODY, secret="b"))

    assert WebhookEvent.objects.get().secret_name == "old"


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


def test_stopped_worker_is_reported() -> None:
    deliver("connection.activated")
    WebhookEvent.objects.update(due_at=timezone.now() - HOUR)

    assert "manage.py worker" in inspect_json()[0]["attention"][0]


def test_staff_see_refusals_in_the_admin(sam: User) -> None:
    User.objects.filter(pk=sam.pk).update(is_superuser=True)
    post(*CASES[Reason.TOO_OLD])
    deliver("connection.activated")
    admin = signed_in(sam)

    page = admin.get("/admin/webhooks/refusalsample/").content.decode()
    assert "12 h old" in page
    assert Reason.TOO_OLD.next_step.split("`")[0] in page
    for model in ("webhookevent", "refusalcount", "secret"):
        assert admin.get(f"/admin/webhooks/{model}/").status_code == 200


def test_members_cannot_see_refusals_in_the_admin(ada: User) -> None:
    assert signed_in(ada).get("/admin/webhooks/refusalsample/").status_code == 302


@pytest.mark.parametrize(
    ("token", "path", "status"),
    [("", "/webhooks/workos/x7Kq/", 404), ("x7Kq", "/webhooks/workos/x7Kq/", 200),
     ("x7Kq", "/webhooks/workos/x7Kq", 200), ("x7Kq", "/webhooks/workos/", 404),
     ("x7Kq", "/webhooks/workos/x7kq/", 404)],
)  # fmt: skip
def test_delivery_is_accepted_only_at_the_path_with_the_configured_token(
    settings: Settings, token: str, path: str, status: int
) -> None:
    settings.WORKOS_WEBHOOK_TOKEN = token

    assert post(BODY, signed(BODY), path=path).status_code == status
    assert WebhookEvent.objects.exists() is (status == 200)


@pytest.mark.parametrize(
    ("sources", "proxies", "forwarded", "status"),
    [([], [], "", 200), (["127.0.0.0/8"], [], "", 200), (["203.0.113.7"], [], "", 403),
     (["203.0.113.7"], [], "203.0.113.7", 403),
     (["203.0.113.0/24"], ["127.0.0.1"], "198.51.100.1, 203.0.113.7", 200),
     (["203.0.113.7"], ["127.0.0.1"], "203.0.113.7, 198.51.100.1", 403),
     (["203.0.113.7"], ["127.0.0.1", "198.51.100.0/24"], "203.0.113.7, 198.51.100.1", 200),
     (["203.0.113.7"], ["127.0.0.1"], "", 403), (["127.0.0.1"], ["127.0.0.1"], "", 200),
     (["::1"], ["127.0.0.1"], "not an address", 403),
     (["203.0.113.7"], ["127.0.0.1"], "::ffff:203.0.113.7", 200)],
)  # fmt: skip
def test_delivery_is_accepted_only_from_allowed_source_addresses(
    settings: Settings, sources: list[str], proxies: list[str], forwarded: str, status: int
) -> None:
    settings.WORKOS_WEBHOOK_SOURCES = [ip_network(source) for source in sources]
    settings.TRUSTED_PROXIES = [ip_network(proxy) for proxy in proxies]
    client = Client(headers={"X-Forwarded-For": forwarded} if forwarded else {})

    assert post(BODY, signed(BODY), client=client).status_code == status
    assert RefusalSample.objects.filter(reason="source_not_allowed").exists() is (status == 403)


def test_tls_proxy_setting_does_not_decide_whose_address_is_checked(settings: Settings) -> None:
    settings.WORKOS_WEBHOOK_SOURCES = [ip_network("203.0.113.7")]
    settings.BEHIND_TLS_PROXY = True

    response = post(BODY, signed(BODY), client=Client(headers={"X-Forwarded-For": "203.0.113.7"}))

    assert response.status_code == 403
