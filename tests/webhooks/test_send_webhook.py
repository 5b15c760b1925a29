"""Sample events are signed as WorkOS signs them, and sent to this application only."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from enterprises.models import Enterprise
from mirror.models import Connection, Organization
from tests.conftest import ACME_ORGANIZATION
from tests.deliveries import post
from tests.factories import create_connection, create_directory, create_domain, create_enterprise
from webhooks.event_names import HANDLED_EVENTS
from webhooks.inbox import apply_waiting
from webhooks.models import RefusalSample, WebhookEvent
from webhooks.samples import SAMPLES, SampleObjects, build_sample_event
from webhooks.sending import is_own_url, sign

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def development(settings: Any) -> None:
    settings.DEBUG = True


def send(*arguments: str) -> str:
    out = StringIO()
    call_command("send_webhook", *arguments, "--enterprise=acme-inc", stdout=out, stderr=StringIO())
    return out.getvalue()


def error_of(*arguments: str) -> CommandError:
    with pytest.raises(CommandError) as raised:
        send(*arguments)
    return raised.value


@pytest.fixture
def receiver(live_server: Any, settings: Any) -> None:
    """The application, served, at SITE_URL."""
    settings.SITE_URL = live_server.url


@pytest.fixture
def acme_served(receiver: None) -> Enterprise:
    return create_enterprise("Acme Inc.", "acme-inc", ACME_ORGANIZATION)


def test_sent_event_is_accepted_and_changes_the_connection(acme_served: Enterprise) -> None:
    create_connection(acme_served, state="active", as_of=timezone.now() - timedelta(days=1))

    report = json.loads(send("connection.deactivated", "--json"))

    assert [one["status"] for one in report["deliveries"]] == [200]
    apply_waiting(now=timezone.now())
    assert Connection.objects.get().state == "inactive"


def test_shuffled_duplicates_end_in_the_newest_state(acme_served: Enterprise) -> None:
    events = ("connection.activated", "connection.deactivated", "connection.activated", "connection.deleted")
    send(*events, "--duplicate", "3", "--shuffle")
    apply_waiting(now=timezone.now())

    assert WebhookEvent.objects.count() == 4
    assert Connection.objects.get().state == "deleted"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--bad-signature"], "no_secret_matches"),
        (["--age", "600"], "too_old"),
        (["--age", "-600"], "in_the_future"),
    ],
)
def test_asked_for_refusal_is_a_success(acme_served: Enterprise, arguments: list[str], reason: str) -> None:
    output = send("connection.activated", *arguments)

    assert output.startswith("400 connection.activated event_01")
    assert RefusalSample.objects.get().reason == reason
    assert not WebhookEvent.objects.exists()


def test_refusal_that_was_not_asked_for_is_a_failure(acme_served: Enterprise, settings: Any) -> None:
    settings.WORKOS_WEBHOOK_TOKEN = "token"
    assert error_of("connection.activated", f"--url={settings.SITE_URL}/webhooks/workos/").returncode == 1

    settings.WORKOS_WEBHOOK_TOKEN = ""
    assert "200" in send("connection.activated")


def test_production_is_refused(acme: Enterprise, settings: Any) -> None:
    settings.DEBUG = False

    assert error_of("connection.activated").returncode == 2


@pytest.mark.parametrize(
    "url",
    ["https://app.other.example/webhooks/workos/", "http://localhost.other.example/", "file:///etc/passwd"],
)
def test_events_are_sent_nowhere_else(acme: Enterprise, url: str) -> None:
    error = error_of("connection.activated", f"--url={url}")

    assert error.returncode == 2
    assert "neither on loopback nor at SITE_URL" in str(error)


@pytest.mark.parametrize(
    ("url", "is_own"),
    [
        ("http://127.0.0.1:9/x", True),
        ("http://[::1]:9/x", True),
        ("http://localhost:9/x", True),
        ("https://app.acme.example/x", True),
        ("http://app.acme.example/x", False),
        ("https://app.acme.example:444/x", False),
        ("https://user@app.acme.example/x", False),
        ("https://10.0.0.1/x", False),
    ],
)
def test_own_urls_are_loopback_and_the_site(url: str, is_own: bool) -> None:
    assert is_own_url(url, "https://app.acme.example") is is_own


def test_unreachable_application_is_named(acme: Enterprise) -> None:
    error = error_of("connection.activated", "--url=http://127.0.0.1:9/webhooks/workos/")

    assert "http://127.0.0.1:9/webhooks/workos/ does not answer" in str(error)


@pytest.mark.parametrize(
    "arguments",
    [
        ("no.such.event",),
        ("connection.activated", "--data", "[]"),
        ("connection.activated", "--data", "{"),
        ("connection.activated", "--duplicate", "0"),
        ("connection.activated", "--duplicate", "100000"),
        ("connection.activated", "--age", "nan"),
        ("connection.activated", "--age", "1e300"),
    ],
)
def test_wrong_calls_exit_with_2(acme: Enterprise, arguments: tuple[str, ...]) -> None:
    assert error_of(*arguments).returncode == 2


def test_enterprise_without_an_organization_is_refused() -> None:
    create_enterprise("Acme Inc.", "acme-inc")

    assert "has no organization yet" in str(error_of("connection.activated"))


def test_dry_run_shows_the_event_and_sends_nothing(acme: Enterprise) -> None:
    report = json.loads(
        send("connection.activated", "--id", "conn_9", "--data", '{"name": "Okta"}', "--dry-run", "--json")
    )

    assert report["events"][0]["data"]["id"] == "conn_9"
    assert report["events"][0]["data"]["name"] == "Okta"


def test_every_handled_event_has_a_sample() -> None:
    assert set(HANDLED_EVENTS) <= SAMPLES.keys()


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_sample_is_applied(acme: Enterprise, name: str, settings: Any) -> None:
    old = timezone.now() - timedelta(days=1)
    Organization.objects.update(as_of=old)
    create_connection(acme, as_of=old)
    create_directory(acme, as_of=old)
    create_domain(acme, as_of=old, state="pending")
    acme.name = "Acme Incorporated"
    now = timezone.now()
    body = json.dumps(build_sample_event(name, SampleObjects(acme), now, {})).encode()

    post(body, sign(body, settings.WORKOS_WEBHOOK_SECRETS[0], now))
    apply_waiting(now=timezone.now())

    event = WebhookEvent.objects.get()
    assert (event.status, event.reason, event.data_problems) == ("applied", "", "")
