"""The doctor names the cause of a broken deployment and the next step, and no secret."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from ipaddress import ip_network
from typing import Any

import pytest
import responses
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

import gateway
from enterprises.models import Enterprise
from hostapp.doctor import by_hand, customers, deployment, online, processing
from hostapp.doctor.findings import Finding, Result
from hostapp.models import ConfirmedStep, Session, User
from outbox.models import Task, WorkerHeartbeat
from outbox.queue import NO_SUBJECT
from sandbox.client import Sandbox
from tests.conftest import signed_in
from tests.deliveries import encode, post, signed
from tests.factories import (
    create_certificate,
    create_connection,
    create_directory,
    create_domain,
)
from webhooks.event_names import SUBSCRIBED_EVENTS
from webhooks.models import Secret, WebhookEvent
from webhooks.registration import build_endpoint_url
from webhooks.sending import sign

pytestmark = pytest.mark.django_db


def failures(findings: Any) -> list[Finding]:
    return [one for one in findings if one.result is Result.FAILED]


def the_failure(findings: Any) -> Finding:
    [failure] = failures(findings)
    assert failure.fix
    return failure


def doctor(*arguments: str) -> tuple[str, int]:
    """What it prints, and its exit code."""
    out = StringIO()
    try:
        call_command("doctor", *arguments, stdout=out)
    except SystemExit as ended:
        return out.getvalue(), int(str(ended.code))
    return out.getvalue(), 0


def beat(**fields: Any) -> None:
    now = timezone.now()
    values = {"host": "host-1", "pid": 7, "started_at": now, "last_seen_at": now}
    WorkerHeartbeat.objects.create(**{**values, **fields})


# --- Ten broken deployments


def test_expired_certificate_names_customer_and_step(acme: Enterprise) -> None:
    create_connection(acme)
    expired = timezone.now() - timedelta(days=2)
    create_certificate(acme, expires_at=expired)

    failure = the_failure(customers.check_customers(timezone.now()))

    assert "Acme Inc. (acme-inc)" in failure.detail
    assert f"expired on {expired:%Y-%m-%d}" in failure.detail
    assert "Certificate renewal" in failure.fix


def test_certificate_that_was_renewed_or_whose_connection_is_gone_is_no_problem(acme: Enterprise) -> None:
    create_connection(acme)
    create_connection(acme, connection_id="conn_2", state="deleted")
    expired = timezone.now() - timedelta(days=2)
    create_certificate(acme, expires_at=expired, state="renewed")
    create_certificate(acme, connection_id="conn_2", expires_at=expired)

    assert not failures(customers.check_customers(timezone.now()))


def test_expired_certificate_is_found_behind_many_of_connections_that_are_gone(acme: Enterprise) -> None:
    long_ago = timezone.now() - timedelta(days=400)
    for number in range(25):
        create_certificate(acme, connection_id=f"conn_gone_{number}", expires_at=long_ago)
    create_connection(acme)
    create_certificate(acme, expires_at=timezone.now() - timedelta(days=2))

    assert "conn_1" in the_failure(customers.check_customers(timezone.now())).detail


def test_customer_that_was_deprovisioned_has_no_problem(acme: Enterprise) -> None:
    create_connection(acme)
    create_certificate(acme, expires_at=timezone.now() - timedelta(days=2))
    create_directory(acme, state="inactive")
    Enterprise.objects.update(deprovisioned_at=timezone.now())

    assert not failures(customers.check_customers(timezone.now()))


@pytest.mark.parametrize("state", ["inactive", "invalid_credentials"])
def test_unlinked_directory_names_customer_and_step(acme: Enterprise, state: str) -> None:
    create_directory(acme, state=state)

    failure = the_failure(customers.check_customers(timezone.now()))

    assert "directory_1" in failure.detail
    assert "Directory sync" in failure.fix


def test_domain_that_is_not_verified_names_customer_and_step(acme: Enterprise) -> None:
    create_domain(acme, state="pending")
    assert not failures(customers.check_customers(timezone.now()))

    create_connection(acme)
    failure = the_failure(customers.check_customers(timezone.now()))

    assert "acme.example is not verified" in failure.detail
    assert "DNS" in failure.fix


def test_plan_without_the_intent_names_customer_and_step(acme: Enterprise) -> None:
    acme.intents = ["sso"]
    acme.save()
    create_directory(acme)

    failure = the_failure(customers.check_customers(timezone.now()))

    assert "does not include directory sync" in failure.detail
    assert "staff page (Settings)" in failure.fix


def test_link_host_that_is_not_allowed_is_named_with_its_setting_until_it_is_allowed(
    ada: User, acme: Enterprise, workos_api: responses.RequestsMock, settings: Any
) -> None:
    workos_api.post(
        f"{django_settings.WORKOS_BASE_URL}/portal/generate_link",
        status=201,
        json={"link": "https://setup.acme.example/?token=tok_1"},
    )
    signed_in(ada).post(reverse("portal:launch", args=[acme.slug, "sso"]))

    failure = the_failure(customers.check_customers(timezone.now()))

    assert "https://setup.acme.example" in failure.detail
    assert "tok_1" not in failure.detail
    assert "WORKOS_LINK_HOSTS" in failure.fix

    settings.WORKOS_LINK_ORIGINS = ["https://setup.acme.example"]
    assert not failures(customers.check_customers(timezone.now()))


def test_key_of_another_environment_names_both(acme: Enterprise) -> None:
    Enterprise.objects.filter(pk=acme.pk).update(environment="live")

    failure = the_failure(deployment.check_environment())

    assert "test environment" in failure.detail
    assert "acme-inc" in failure.detail
    assert "Set the key" in failure.fix


def test_dead_worker_is_named_with_the_last_time_it_was_seen() -> None:
    seen = timezone.now() - timedelta(minutes=5)
    beat(last_seen_at=seen)

    failure = the_failure(processing.check_workers(timezone.now()))

    assert "host-1:7" in failure.detail
    assert f"{seen:%H:%M:%S}" in failure.detail
    assert "manage.py worker" in failure.fix


def test_clock_that_is_ten_minutes_off_is_named_with_the_difference() -> None:
    body = encode("connection.activated")
    for _ in range(6):
        assert post(body, signed(body, at=time.time() - 600)).status_code == 400

    failure = the_failure(
        one for one in processing.check_events(timezone.now()) if one.check == "deliveries.refused"
    )

    assert re.search("signed 60[0-9] s before it arrived", failure.detail)
    assert "timedatectl" in failure.fix


@pytest.mark.django_db(transaction=True)
def test_wrong_secret_of_what_answers_at_the_public_url_is_named(live_server: Any, settings: Any) -> None:
    settings.SITE_URL = live_server.url
    with answering_with_other_secret(settings):
        failure = the_failure(online.check_delivery(timezone.now()))

    assert "refused an event that we signed: no secret matches the signature" in failure.detail
    assert "WORKOS_WEBHOOK_SECRET" in failure.fix


@contextmanager
def answering_with_other_secret(settings: Any) -> Iterator[None]:
    """What answers here has the settings of this process: the event is signed with another one's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(online, "sign", lambda body, secret, at: sign(body, f"{secret}-old", at))
        yield


def test_wrong_endpoint_names_ours_and_theirs(workos_sandbox: Sandbox) -> None:
    workos_sandbox.set_webhook("https://old.acme.example/webhooks/workos/")

    failure = the_failure(online.check_api())

    assert "No webhook endpoint posts to http://localhost:8000/webhooks/workos/" in failure.detail
    assert "https://old.acme.example/webhooks/workos/" in failure.detail
    assert "register_webhook" in failure.fix


# --- The rest


@pytest.mark.django_db(transaction=True)
def test_probe_goes_through_the_public_url_and_leaves_nothing(live_server: Any, settings: Any) -> None:
    settings.SITE_URL = live_server.url

    [finding] = online.check_delivery(timezone.now())

    assert finding.result is Result.OK
    assert not WebhookEvent.objects.exists()
    assert not Secret.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_probe_that_an_allow_list_keeps_out_is_not_checked(live_server: Any, settings: Any) -> None:
    settings.SITE_URL = live_server.url
    settings.WORKOS_WEBHOOK_SOURCES = [ip_network("203.0.113.0/24")]

    [finding] = online.check_delivery(timezone.now())

    assert finding.result is Result.NOT_CHECKED
    assert "answered 403: WORKOS_WEBHOOK_SOURCES" in finding.detail


@pytest.mark.django_db(transaction=True)
def test_probe_that_is_routed_nowhere_is_not_checked(live_server: Any, settings: Any) -> None:
    settings.SITE_URL = f"{live_server.url}/elsewhere"

    [finding] = online.check_delivery(timezone.now())

    assert finding.result is Result.NOT_CHECKED
    assert "answered 404: nothing is routed there" in finding.detail


def test_probe_without_an_answer_is_not_checked(settings: Any) -> None:
    settings.SITE_URL = "http://localhost:9"

    [finding] = online.check_delivery(timezone.now())

    assert finding.result is Result.NOT_CHECKED


def test_endpoint_with_other_events_names_them(workos_sandbox: Sandbox) -> None:
    workos_sandbox.set_webhook(None)
    events = [*SUBSCRIBED_EVENTS[1:], "user.created"]
    gateway.create_webhook_endpoint(build_endpoint_url("http://localhost:8000"), events)

    failure = the_failure(online.check_api())

    assert f"does not get {SUBSCRIBED_EVENTS[0]}" in failure.detail
    assert "gets user.created, which has no handler" in failure.detail


def test_complete_endpoint_is_fine_and_an_unknown_organization_is_named(
    workos_sandbox: Sandbox, acme: Enterprise
) -> None:
    workos_sandbox.set_webhook(None)
    gateway.create_webhook_endpoint(build_endpoint_url("http://localhost:8000"), SUBSCRIBED_EVENTS)

    findings = list(online.check_api())

    assert [one.check for one in findings if one.result is Result.OK] == ["api.key", "api.endpoint"]
    failure = the_failure(findings)
    assert "does not know the organizations of acme-inc (1 of 1)" in failure.detail


def test_refused_key_is_named_without_being_shown(workos_api: responses.RequestsMock) -> None:
    workos_api.get(f"{django_settings.WORKOS_BASE_URL}/webhook_endpoints", status=401, json={"message": "no"})

    failure = the_failure(online.check_api())

    assert failure.check == "api.key"
    assert "HTTP 401" in failure.detail
    assert django_settings.WORKOS_API_KEY not in failure.detail + failure.fix


def test_api_that_is_away_is_not_checked(workos_api: responses.RequestsMock) -> None:
    workos_api.get(f"{django_settings.WORKOS_BASE_URL}/webhook_endpoints", status=503)

    [finding] = online.check_api()

    assert finding.result is Result.NOT_CHECKED


def test_task_that_keeps_failing_is_named_with_its_reason() -> None:
    Task.objects.create(
        kind="provision",
        subject=NO_SUBJECT,
        attempts=6,
        error="HTTP 502",
        due_at=timezone.now() + timedelta(hours=1),
    )

    failure = the_failure(processing.check_tasks(timezone.now()))

    assert "failed 6 times: HTTP 502" in failure.detail


def test_task_that_is_long_due_is_named() -> None:
    Task.objects.create(kind="provision", subject=NO_SUBJECT, due_at=timezone.now() - timedelta(minutes=6))

    assert (
        "1 task due for more than five minutes" in the_failure(processing.check_tasks(timezone.now())).detail
    )


def test_one_address_for_all_people_is_taken_for_a_proxy() -> None:
    for number in range(5):
        Session.objects.create(
            session_key=f"key{number}",
            session_data="",
            expire_date=timezone.now() + timedelta(days=1),
            client_ip="10.0.0.7",
        )

    failure = the_failure(deployment.check_proxies(timezone.now()))

    assert "10.0.0.7" in failure.detail
    assert "TRUSTED_PROXIES" in failure.fix


def test_addresses_of_their_own_are_fine_and_too_few_are_not_judged() -> None:
    [finding] = deployment.check_proxies(timezone.now())
    assert finding.result is Result.NOT_CHECKED

    for number in range(5):
        Session.objects.create(
            session_key=f"key{number}",
            session_data="",
            expire_date=timezone.now() + timedelta(days=1),
            client_ip=f"203.0.113.{number}",
        )
    assert not failures(deployment.check_proxies(timezone.now()))


def test_mail_server_that_is_away_is_named(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_HOST_PASSWORD = "localhost", 9, "secret-word"

    failure = the_failure(deployment.check_mail())

    assert "localhost:9" in failure.detail
    assert "secret-word" not in failure.detail + failure.fix


def test_database_is_described() -> None:
    findings = list(deployment.check_database())

    assert not failures(findings)
    assert {one.check for one in findings} == {"database.version", "database.migrations", "database.pooler"}


def test_step_is_confirmed_by_name_and_date_and_can_be_taken_back() -> None:
    assert doctor("--done", "soft-delete", "--by", "Ada Adeyemi") == ("", 0)

    findings = {one.check: one for one in by_hand.check_by_hand()}
    confirmed = findings["by_hand.soft-delete"]
    assert confirmed.result is Result.CONFIRMED
    assert f"Confirmed by Ada Adeyemi on {timezone.now():%Y-%m-%d}" in confirmed.detail
    assert findings["by_hand.branding"].result is Result.TO_CONFIRM
    assert "--done branding" in findings["by_hand.branding"].fix

    doctor("--not-done", "soft-delete")
    assert not ConfirmedStep.objects.exists()


def test_step_is_not_confirmed_by_nobody() -> None:
    with pytest.raises(CommandError) as raised:
        call_command("doctor", "--done", "soft-delete")
    assert raised.value.returncode == 2


def test_command_exits_with_1_and_prints_only_failures_for_cron(settings: Any) -> None:
    # The settings of the tests are not those of production.
    settings.DEBUG = True
    out, code = doctor("--offline")
    assert code == 1
    assert "✗ No worker is alive" in out
    assert "1 check failed" in out

    beat()
    assert doctor("--offline", "--verbosity", "0") == ("", 0)


def test_json_has_each_finding_with_its_result() -> None:
    out, code = doctor("--offline", "--json")

    report = json.loads(out)
    assert (code, report["ok"]) == (1, False)
    workers = next(one for one in report["findings"] if one["check"] == "workers")
    assert workers["result"] == "failed"
    assert workers["fix"]


def test_offline_asks_nothing_of_workos(workos_api: responses.RequestsMock) -> None:
    doctor("--offline")

    assert not workos_api.calls


def test_report_shows_no_secret(settings: Any) -> None:
    settings.WORKOS_WEBHOOK_TOKEN = "token-of-the-path"
    settings.SITE_URL = "http://localhost:9"

    out, _ = doctor()

    for secret in (settings.WORKOS_API_KEY, settings.WORKOS_WEBHOOK_TOKEN, *settings.WORKOS_WEBHOOK_SECRETS):
        assert secret not in out
