"""Responses of both receivers, the Django view and the ASGI application, and what they record."""

import gzip
import json
import logging
import time
import zlib
from collections.abc import Callable
from io import StringIO
from ipaddress import ip_network
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from pytest_django import Settings

from hostapp.models import User
from tests.conftest import signed_in
from tests.deliveries import payload, signed
from tests.webhooks.receive.senders import Deliveries, events_refused
from webhooks.models import RefusalSample, UnreadableDelivery, WebhookEvent
from webhooks.receive.record import MAX_UNREADABLE_LENGTH

BODY = json.dumps(payload("connection.activated")).encode()


def test_signed_event_is_recorded_and_acknowledged(to: Deliveries) -> None:
    response = to.deliver("connection.activated")

    event = WebhookEvent.objects.get()
    assert (response.status, response.body) == (200, b"")
    assert (event.event_id, event.event) == ("event_01EHZNVPK3SFK441A1RGBFSHRT", "connection.activated")
    assert event.payload == payload("connection.activated")
    assert event.status == WebhookEvent.Status.WAITING
    assert event.created_at is not None
    assert event.created_at.isoformat() == "2026-01-15T12:00:00+00:00"
    assert abs(event.issued_at.timestamp() - time.time()) < 5


def test_duplicate_is_acknowledged_and_not_recorded_again(to: Deliveries) -> None:
    to.deliver("connection.activated")
    response = to.deliver("connection.activated")

    assert response.status == 200
    assert WebhookEvent.objects.count() == 1


def test_redelivery_with_another_body_does_not_change_the_event(to: Deliveries) -> None:
    to.deliver("connection.activated")
    to.deliver("connection.activated", name="Renamed")

    assert WebhookEvent.objects.get().payload["data"]["name"] == "Acme SSO"


def test_unknown_event_is_acknowledged_and_recorded(to: Deliveries) -> None:
    body = b'{"id":"event_1","event":"kitten.created","data":{}}'

    assert to.post(body, signed(body)).status == 200
    assert WebhookEvent.objects.get().created_at is None


@pytest.mark.parametrize("path", ["/webhooks/workos", "/webhooks/workos/"])
def test_path_is_accepted_with_and_without_trailing_slash(to: Deliveries, path: str) -> None:
    assert to.post(BODY, signed(BODY), path=path).status == 200


def test_receiver_sets_no_cookie_and_requires_no_csrf_token(to: Deliveries) -> None:
    response = to.post(BODY, signed(BODY), headers={"Cookie": "csrftoken=x; sessionid=y"})

    assert response.status == 200
    assert not {"set-cookie", "vary", "location"} & set(response.headers)


# Signed when the test runs: a signature is good for minutes.
REFUSED: dict[str, Callable[[], tuple[bytes, str | None]]] = {
    "no header": lambda: (BODY, None),
    "empty header": lambda: (BODY, ""),
    "another secret": lambda: (BODY, signed(BODY, secret="whsec_of_another_customer")),
    "twelve hours old": lambda: (BODY, signed(BODY, at=time.time() - 43200)),
    "an hour ahead": lambda: (BODY, signed(BODY, at=time.time() + 3600)),
    "another body": lambda: (BODY + b" ", signed(BODY)),
    "non-ASCII": lambda: (BODY, f"t={int(time.time() * 1000)}, v1={'é' * 64}"),
    "time of 400 digits": lambda: (BODY, f"t={'9' * 400}, v1={'0' * 64}"),
    "unsigned and not UTF-8": lambda: (b"\xff\xfe\x00", "t=1, v1=2"),
    "unsigned and empty": lambda: (b"", "t=1, v1=2"),
}


@pytest.mark.parametrize("sign", REFUSED.values(), ids=REFUSED.keys())
def test_invalid_signature_is_answered_400_and_not_recorded(
    to: Deliveries,
    sign: Callable[[], tuple[bytes, str | None]],
) -> None:
    assert to.post(*sign()).status == 400
    assert not WebhookEvent.objects.exists()


def test_refusal_is_logged_with_its_reason_and_without_header_or_secret(
    to: Deliveries,
    caplog: pytest.LogCaptureFixture,
) -> None:
    header = signed(BODY, secret="whsec_of_another_customer")

    to.post(BODY, header)

    assert "no secret matches" in caplog.text
    assert header[-64:] not in caplog.text
    assert "whsec" not in caplog.text


def test_old_delivery_is_logged_with_its_time_and_ours(
    to: Deliveries, caplog: pytest.LogCaptureFixture
) -> None:
    to.post(BODY, signed(BODY, at=time.time() - 43200))

    assert "too long ago" in caplog.text
    assert "our clock says" in caplog.text


NOT_EVENTS: dict[str, bytes] = {
    "empty": b"",
    "not JSON": b"hello",
    "not UTF-8": b'{"id":"\xff","event":"a","data":{}}',
    "a list": b"[]",
    "a string": b'"event"',
    "null": b"null",
    "no id": b'{"event":"a","data":{}}',
    "empty id": b'{"id":"","event":"a","data":{}}',
    "numeric id": b'{"id":1,"event":"a","data":{}}',
    "id of 256 characters": b'{"id":"' + b"x" * 256 + b'","event":"a","data":{}}',
    "no event": b'{"id":"event_1","data":{}}',
    "list as event": b'{"id":"event_1","event":[],"data":{}}',
    "no data": b'{"id":"event_1","event":"a"}',
    "null data": b'{"id":"event_1","event":"a","data":null}',
    "NUL in the id": b'{"id":"event_\\u0000","event":"a","data":{}}',
    "half a surrogate pair in the id": b'{"id":"event_\\udfff","event":"a","data":{}}',
    "a line break in the event's name": b'{"id":"event_1","event":"a\\nb","data":{}}',
    "NaN": b'{"id":"event_1","event":"a","data":{"x":NaN}}',
    "Infinity": b'{"id":"event_1","event":"a","data":{"x":-Infinity}}',
    "1e999": b'{"id":"event_1","event":"a","data":{"x":1e999}}',
    "an integer of 10,000 digits": b'{"id":"event_1","event":"a","data":{"x":' + b"1" * 10_000 + b"}}",
    "nested 65 deep": b'{"id":"event_1","event":"a","data":{"x":' + b"[" * 65 + b"]" * 65 + b"}}",
    "nested 100,000 deep": b'{"id":"event_1","event":"a","data":'
    + b'{"x":' * 100_000
    + b"1"
    + b"}" * 100_000
    + b"}",
    "300,000 lists": b'{"id":"event_1","event":"a","data":{"x":[' + b"[]," * 300_000 + b"[]]}}",
    "gzip that is cut off": gzip.compress(BODY)[:-9],
    "gzip of a bomb": gzip.compress(b'{"x":"' + b"x" * 50_000_000 + b'"}'),
}


@pytest.mark.parametrize("body", NOT_EVENTS.values(), ids=NOT_EVENTS.keys())
def test_signed_body_that_is_not_an_event_is_logged_and_kept_for_staff(
    to: Deliveries, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)

    assert to.post(body, signed(body)).status == 200
    assert not WebhookEvent.objects.exists()
    assert "left out" in caplog.text
    kept = UnreadableDelivery.objects.get()
    assert kept.body_length == len(body)
    assert len(kept.body) <= MAX_UNREADABLE_LENGTH


def test_unreadable_delivery_is_shown_to_staff_with_its_beginning(to: Deliveries, sam: User) -> None:
    User.objects.filter(pk=sam.pk).update(is_superuser=True)
    body = b'{"event":"kitten.created"}\xff\x00'

    to.post(body, signed(body))

    kept = UnreadableDelivery.objects.get()
    assert kept.body.startswith('{"event":"kitten.created"}')
    assert kept.secret_name == settings.WORKOS_WEBHOOK_SECRET_NAMES[0]
    admin = signed_in(sam)
    assert kept.detail in admin.get("/admin/webhooks/unreadabledelivery/").content.decode()
    page = admin.get(f"/admin/webhooks/unreadabledelivery/{kept.pk}/change/").content.decode()
    assert "kitten.created" in page
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("inspect_webhooks", stdout=out)
    assert "Not events, of the last three days: 1 signed delivery." in out.getvalue()


def test_unreadable_deliveries_are_bounded_in_number(to: Deliveries, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhooks.receive.record.MAX_UNREADABLE", 3)

    for number in range(5):
        body = f"[{number}]".encode()
        to.post(body, signed(body))

    assert sorted(UnreadableDelivery.objects.values_list("body", flat=True)) == ["[2]", "[3]", "[4]"]


def test_unsigned_delivery_is_not_kept(to: Deliveries) -> None:
    to.post(b"[]", signed(b"{}"))

    assert not UnreadableDelivery.objects.exists()


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (r'{"x":"Ac\u0000me"}', {"x": "Ac\ufffdme"}),
        (r'{"x":"\ud800"}', {"x": "\ufffd"}),
        (r'{"x":["\udfff"]}', {"x": ["\ufffd"]}),
        (r'{"\u0000":1}', {"\ufffd": 1}),
        (r'{"x":"\ud83e\udd8a"}', {"x": "🦊"}),
    ],
)
def test_character_that_cannot_be_stored_is_replaced_and_the_rest_is_kept(
    to: Deliveries, sent: str, stored: dict[str, Any]
) -> None:
    body = f'{{"id":"event_1","event":"a","data":{sent}}}'.encode()

    assert to.post(body, signed(body)).status == 200
    assert WebhookEvent.objects.get().payload["data"] == stored


PACKED: dict[str, bytes] = {
    "gzip": gzip.compress(BODY),
    "zlib": zlib.compress(BODY),
    "byte order mark": b"\xef\xbb\xbf" + BODY,
    "UTF-16": BODY.decode().encode("utf-16"),
}


@pytest.mark.parametrize("body", PACKED.values(), ids=PACKED)
def test_packed_or_marked_body_is_decoded_after_it_is_verified(to: Deliveries, body: bytes) -> None:
    assert to.post(body, signed(body)).status == 200
    assert WebhookEvent.objects.get().payload == payload("connection.activated")


def test_body_of_many_elements_is_refused_quickly(to: Deliveries) -> None:
    body = b'{"id":"event_1","event":"a","data":{"x":[' + b"[]," * 300_000 + b"[]]}}"
    started = time.process_time()

    to.post(body, signed(body))

    assert time.process_time() - started < 0.3


@pytest.mark.django_db(transaction=True)
def test_event_that_the_database_refuses_is_kept_for_staff(to: Deliveries) -> None:
    with events_refused("event_1"):
        assert to.deliver("connection.activated", event_id="event_1").status == 200

    kept = UnreadableDelivery.objects.get()
    assert kept.detail == "it cannot be stored (IntegrityError)"
    assert json.loads(kept.body) == payload("connection.activated", event_id="event_1")
    assert RefusalSample.objects.get().reason == "not_an_event"


@pytest.mark.django_db(transaction=True)
def test_number_that_only_postgresql_refuses_is_recorded_as_python_reads_it(to: Deliveries) -> None:
    body = b'{"id":"event_1","event":"a","data":{"x":1e-999999}}'

    assert to.post(body, signed(body)).status == 200
    assert WebhookEvent.objects.get().payload["data"] == {"x": 0.0}


def test_event_without_a_handler_is_ignored_at_once(to: Deliveries) -> None:
    to.deliver("dsync.token.created", event_id="event_1")
    to.deliver("connection.activated", event_id="event_2")

    ignored, waiting = WebhookEvent.objects.order_by("status")
    assert (ignored.event, ignored.status, ignored.due_at) == ("dsync.token.created", "ignored", None)
    assert ignored.applied_at == ignored.received_at
    assert "handler" in ignored.reason
    assert (waiting.event, waiting.status, waiting.due_at) == (
        "connection.activated",
        "waiting",
        waiting.received_at,
    )


def test_payload_is_stored_unchanged(to: Deliveries) -> None:
    data = {"emoji": "🦊", "nested": [[[{"a": [1, 2.5, None, True, "ü"]}]]], "big": 10**300, "": ""}
    body = json.dumps({"id": "event_1", "event": "a", "data": data}).encode()

    to.post(body, signed(body))

    assert WebhookEvent.objects.get().payload["data"] == data


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_methods_other_than_post_are_answered_405(to: Deliveries, method: str) -> None:
    answer = to.post(b"", None, method=method.upper())

    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_signed_body_over_one_mebibyte_is_answered_413(to: Deliveries) -> None:
    body = json.dumps({"id": "event_1", "event": "a", "data": {"x": "x" * 1024 * 1024}}).encode()

    assert to.post(body, signed(body)).status == 413
    assert not WebhookEvent.objects.exists()


def test_body_of_one_mebibyte_is_accepted(to: Deliveries) -> None:
    start = b'{"id":"event_1","event":"a","data":{"x":"'
    body = start + b"x" * (1024 * 1024 - len(start) - 3) + b'"}}'

    assert to.post(body, signed(body)).status == 200


def test_missing_secret_setting_is_answered_503(to: Deliveries, settings: Settings) -> None:
    settings.WORKOS_WEBHOOK_SECRETS = []

    assert to.post(BODY, signed(BODY, secret="x")).status == 503


@pytest.mark.parametrize("secret", ["whsec_current", "whsec_previous"])
def test_either_of_two_secrets_is_accepted(to: Deliveries, secret: str) -> None:
    assert to.post(BODY, signed(BODY, secret=secret)).status == 200


def test_event_stores_the_name_of_its_secret(to: Deliveries, settings: Settings) -> None:
    settings.WORKOS_WEBHOOK_SECRETS, settings.WORKOS_WEBHOOK_SECRET_NAMES = ["a", "b"], ["current", "old"]

    to.post(BODY, signed(BODY, secret="b"))

    assert WebhookEvent.objects.get().secret_name == "old"


@pytest.mark.parametrize(
    ("token", "path", "status"),
    [("", "/webhooks/workos/x7Kq/", 404), ("x7Kq", "/webhooks/workos/x7Kq/", 200),
     ("x7Kq", "/webhooks/workos/x7Kq", 200), ("x7Kq", "/webhooks/workos/", 404),
     ("x7Kq", "/webhooks/workos/x7kq/", 404)],
)  # fmt: skip
def test_delivery_is_accepted_only_at_the_path_with_the_configured_token(
    to: Deliveries, settings: Settings, token: str, path: str, status: int
) -> None:
    settings.WORKOS_WEBHOOK_TOKEN = token

    assert to.post(BODY, signed(BODY), path=path).status == status
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
    to: Deliveries, settings: Settings, sources: list[str], proxies: list[str], forwarded: str, status: int
) -> None:
    settings.WORKOS_WEBHOOK_SOURCES = [ip_network(source) for source in sources]
    settings.TRUSTED_PROXIES = [ip_network(proxy) for proxy in proxies]
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}

    assert to.post(BODY, signed(BODY), headers=headers).status == status
    assert RefusalSample.objects.filter(reason="source_not_allowed").exists() is (status == 403)


def test_tls_proxy_setting_does_not_decide_whose_address_is_checked(
    to: Deliveries, settings: Settings
) -> None:
    settings.WORKOS_WEBHOOK_SOURCES = [ip_network("203.0.113.7")]
    settings.BEHIND_TLS_PROXY = True

    response = to.post(BODY, signed(BODY), headers={"X-Forwarded-For": "203.0.113.7"})

    assert response.status == 403
