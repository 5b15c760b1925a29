"""`accept` and the INSERT decide and record the same for every server, and need no framework."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.deliveries import payload, signed
from tests.processes import ROOT
from webhooks.receive.accept import Delivery, accept
from webhooks.receive.reasons import Reason, Refused
from webhooks.receive.record import record_event

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
    assert delivery.payload == payload("connection.activated")
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


def test_event_is_recorded_with_one_parameterized_insert_on_the_given_cursor() -> None:
    class Cursor:
        rowcount = 1
        calls: list[tuple[str, Sequence[Any]]] = []

        def execute(self, sql: str, parameters: Sequence[Any], /) -> None:
            self.calls.append((sql, parameters))

    record_event(Cursor(), accept_body(), received_at=NOW)

    ((sql, parameters),) = Cursor.calls
    assert sql.split()[:2] == ["INSERT", "INTO"]
    assert sql.count("%s") == len(parameters)
    assert "event_01EHZNVPK3SFK441A1RGBFSHRT" in parameters


FRESH_INTERPRETER = """
import sys
import webhooks.receive.accept, webhooks.receive.record
print([
    name for name in sys.modules
    if name.split(".")[0] in ("django", "workos") or name.endswith((".models", ".apps"))
])
"""


def test_accept_and_insert_import_no_framework_no_sdk_and_no_models() -> None:
    result = subprocess.run(
        [sys.executable, "-c", FRESH_INTERPRETER], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"
