"""`accept` and the INSERT decide and record the same for every server, and need no framework."""

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from tests.deliveries import payload, signed
from tests.processes import ROOT
from webhooks.receive.accept import Delivery, accept
from webhooks.receive.reasons import Reason, Refused
from webhooks.receive.record import build_insert

BODY = json.dumps(payload("connection.activated")).encode()
NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
SECRETS = {"current": "whsec_acme", "old": "whsec_old"}


def accept_body(body: bytes = BODY, headers: Mapping[str, str] | None = None) -> Delivery:
    signature = signed(body, secret="whsec_old", at=NOW.timestamp())
    return accept(
        {"workos-signature": signature} if headers is None else headers,
        body,
        secrets=SECRETS,
        tolerance=timedelta(seconds=180),
        now=NOW,
    )


def test_signed_event_is_accepted_with_its_times_and_the_name_of_its_secret() -> None:
    delivery = accept_body()

    assert (delivery.event_id, delivery.event) == ("event_01EHZNVPK3SFK441A1RGBFSHRT", "connection.activated")
    assert json.loads(delivery.text) == payload("connection.activated")
    assert delivery.issued_at == NOW
    assert delivery.created_at == datetime(2026, 1, 15, 12, tzinfo=UTC)
    assert delivery.secret_name == "old"


@pytest.mark.parametrize(
    ("body", "headers", "reason", "status"),
    [
        (BODY, {}, Reason.MISSING_HEADER, 400),
        (BODY, {"workos-signature": "t=1, v1=é"}, Reason.MALFORMED_HEADER, 400),
        (BODY, {"workos-signature": signed(BODY, secret="x")}, Reason.NO_SECRET_MATCHES, 400),
        (BODY, {"workos-signature": signed(BODY, secret="whsec_old", at=1e9)}, Reason.TOO_OLD, 400),
        (b"[]", None, Reason.NOT_AN_EVENT, 200),
    ],
)
def test_refusal_carries_its_reason_its_status_and_the_length_of_the_body(
    body: bytes, headers: dict[str, str] | None, reason: Reason, status: int
) -> None:
    with pytest.raises(Refused) as refused:
        accept_body(body, headers)

    assert (refused.value.reason, refused.value.status) == (reason, status)
    assert refused.value.body_length == len(body)
    assert (refused.value.issued_at is not None) is (reason is Reason.TOO_OLD)


def test_any_number_of_events_is_recorded_with_one_statement_and_one_parameter() -> None:
    deliveries = [
        accept_body(json.dumps(payload("connection.activated", event_id=f"event_{number}")).encode())
        for number in (2, 1, 3)
    ]

    statement = build_insert((delivery, NOW) for delivery in deliveries)

    assert statement.sql.count("INSERT INTO webhooks_webhookevent") == 1
    assert ";" not in statement.sql
    assert statement.sql.count("%s") == len(statement.parameters) == 1
    rows = json.loads(statement.parameters[0])
    assert [row["payload"]["id"] for row in rows] == ["event_1", "event_2", "event_3"]


def test_payload_is_recorded_as_the_text_that_was_sent() -> None:
    body = b'{ "id": "event_1",  "event": "a", "data": {"n": 1.50, "d": 1, "d": 2} }'

    assert accept_body(body).text == body.decode()


FRESH_INTERPRETER = """
import sys
import webhooks.receive.asgi
print([
    name for name in sys.modules
    if name.split(".")[0] in ("django", "workos") or name.endswith((".models", ".apps"))
])
"""


def test_receiver_imports_no_framework_no_sdk_and_no_models() -> None:
    result = subprocess.run(
        [sys.executable, "-c", FRESH_INTERPRETER], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"
