"""What only the Django view has to do: stand in a site, and use the site's database connection."""

import json
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from pytest_django import Settings

from tests.deliveries import deliver, payload, post, signed
from webhooks.models import Secret, WebhookEvent
from webhooks.receive import view
from webhooks.receive.record import IgnoredSecretUses

pytestmark = pytest.mark.django_db

BODY = json.dumps(payload("connection.activated")).encode()


def test_delivery_is_recorded_in_one_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        deliver("connection.activated")


@pytest.mark.django_db(transaction=True)
def test_delivery_costs_no_health_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def check() -> bool:
        raise AssertionError("Django checks the connection before the first statement of a request")

    deliver("connection.activated", event_id="event_1")
    monkeypatch.setattr(connections["default"], "is_usable", check)
    # As at the beginning of a request.
    connection.close_if_unusable_or_obsolete()

    assert deliver("connection.activated", event_id="event_2").status_code == 200


def test_use_of_a_secret_by_ignored_events_is_saved_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(view, "secret_uses", IgnoredSecretUses())

    deliver("dsync.token.created", event_id="event_1")
    with django_assert_num_queries(1):
        deliver("dsync.token.created", event_id="event_2")

    first = WebhookEvent.objects.get(event_id="event_1")
    used = Secret.objects.get()
    assert (used.name, used.last_used_at) == (first.secret_name, first.received_at)


def test_receiver_is_exempt_from_the_https_redirect(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_REDIRECT_EXEMPT = [r"^webhooks/"]

    assert Client().get("/").status_code == 301
    assert post(BODY, signed(BODY)).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_connection_that_died_is_replaced_without_a_failed_delivery() -> None:
    deliver("connection.activated", event_id="event_1")
    assert connection.connection is not None
    connection.connection.close()

    assert deliver("connection.activated", event_id="event_2").status_code == 200
    assert WebhookEvent.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_unreachable_database_is_answered_503_so_that_workos_redelivers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    good = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict["HOST"] = good + "-gone"
    monkeypatch.setattr("devtools.embedded_postgres.base.ensure_running", str)
    try:
        response = post(BODY, signed(BODY))
    finally:
        connection.close()
        connection.settings_dict["HOST"] = good
        monkeypatch.undo()

    assert response.status_code == 503
    assert "not recorded" in caplog.text
    assert deliver("connection.activated").status_code == 200
