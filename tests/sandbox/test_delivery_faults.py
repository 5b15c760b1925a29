"""Faults in the delivery of webhooks."""

import json
import time

import pytest
from workos import WorkOSClient

from sandbox.client import Sandbox, SandboxError
from tests.sandbox.conftest import Receiver


@pytest.fixture(autouse=True)
def subscribed_receiver(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.set_webhook(receiver.url)


def received_names(receiver: Receiver) -> list[str]:
    return [json.loads(body)["data"]["name"] for body in receiver.bodies()]


def create_organizations(workos: WorkOSClient, *names: str) -> None:
    for name in names:
        workos.organizations.create_organization(name=name)


def is_valid(workos: WorkOSClient, sandbox: Sandbox, headers: dict[str, str], body: bytes) -> bool:
    try:
        workos.webhooks.verify_header(
            event_body=body, event_signature=headers["WorkOS-Signature"], secret=sandbox.webhook_secret
        )
    except ValueError:
        return False
    return True


def test_duplicate_fault_delivers_the_same_body_again(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    sandbox.fault("duplicate", copies=2)
    create_organizations(workos, "One", "Two")
    sandbox.settle()

    assert received_names(receiver) == ["One", "One", "One", "Two"]
    assert receiver.bodies()[0] == receiver.bodies()[1]


def test_drop_fault_keeps_the_event_but_delivers_nothing(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    sandbox.fault("drop", event="organization.*")
    create_organizations(workos, "One", "Two")
    sandbox.settle()

    assert received_names(receiver) == ["Two"]
    assert [row["state"] for row in sandbox.deliveries()] == ["dropped", "delivered"]
    assert len(sandbox.events("organization.created")) == 2


def test_delay_fault_delivers_later(sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver) -> None:
    sandbox.fault("delay", seconds=0.3)
    create_organizations(workos, "One", "Two")
    sandbox.settle()

    assert received_names(receiver) == ["Two", "One"]


def test_delayed_delivery_is_sent_when_the_frozen_clock_advances(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    sandbox.freeze()
    sandbox.fault("delay", seconds=3600)
    create_organizations(workos, "One")
    with pytest.raises(SandboxError, match="pending"):
        sandbox.settle(0.2)
    assert receiver.requests == []

    sandbox.advance(3600)
    sandbox.settle()

    assert received_names(receiver) == ["One"]


def test_reorder_fault_delivers_in_reverse_order(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    sandbox.fault("reorder", size=3)
    create_organizations(workos, "One", "Two", "Three", "Four")
    sandbox.settle()

    order = received_names(receiver)
    assert sorted(order) == ["Four", "One", "Three", "Two"]
    assert order.index("Three") < order.index("Two") < order.index("One")


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("change_byte", {}),
        ("wrong_secret", {}),
        ("old_timestamp", {"seconds": 181}),
        ("seconds", {}),
        ("no_space", {}),
        ("two_signatures", {}),
    ],
)
def test_signature_fault_makes_the_sdk_refuse_the_first_attempt_only(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver, kind: str, values: dict[str, float]
) -> None:
    receiver.statuses = [400]
    sandbox.fault(kind, **values)
    create_organizations(workos, "One")
    sandbox.settle()

    first, second = receiver.requests
    assert not is_valid(workos, sandbox, *first)
    assert is_valid(workos, sandbox, *second)


def test_two_signatures_fault_includes_the_valid_signature(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    sandbox.fault("two_signatures")
    create_organizations(workos, "One")
    sandbox.settle()

    [(headers, body)] = receiver.requests
    t, other, ours = headers["WorkOS-Signature"].split(", ")
    assert other != ours
    assert is_valid(workos, sandbox, {"WorkOS-Signature": f"{t}, {ours}"}, body)


def test_seconds_fault_signs_a_time_in_seconds(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    sandbox.fault("seconds")
    create_organizations(workos, "One")
    sandbox.settle()

    [(headers, _body)] = receiver.requests
    t = headers["WorkOS-Signature"].split(", ")[0].removeprefix("t=")
    assert len(t) == 10
    assert abs(int(t) - time.time()) < 60


def test_fault_applies_to_its_event_types_only(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    sandbox.fault("drop", event="dsync.*", times=None)
    create_organizations(workos, "One")
    sandbox.settle()

    assert received_names(receiver) == ["One"]
    assert len(sandbox.request("GET", "faults")["data"]) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "unknown"},
        {"kind": "delay", "seconds": -1},
        {"kind": "drop", "times": 0},
        {"kind": "drop", "x": 1},
    ],
)
def test_invalid_fault_is_rejected(sandbox: Sandbox, values: dict[str, object]) -> None:
    with pytest.raises(SandboxError, match="400"):
        sandbox.request("POST", "faults", values)


def test_retries_keep_the_first_signature_when_the_switch_is_off(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    sandbox.switch(resign_retries=False)
    receiver.statuses = [500, 500]
    create_organizations(workos, "One")
    sandbox.settle()

    assert len({headers["WorkOS-Signature"] for headers, _body in receiver.requests}) == 1
    sandbox.switch(resign_retries=True)
    receiver.requests.clear()
    receiver.statuses = [500]
    create_organizations(workos, "Two")
    sandbox.settle()
    assert len({headers["WorkOS-Signature"] for headers, _body in receiver.requests}) == 2


def test_resend_delivers_the_same_event_again(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    create_organizations(workos, "One")
    sandbox.settle()
    [delivery] = sandbox.deliveries()

    resent = sandbox.resend(delivery["id"])
    sandbox.settle()

    assert resent["event_id"] == delivery["event_id"]
    assert received_names(receiver) == ["One", "One"]


def test_delivery_log_has_request_response_and_duration(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    create_organizations(workos, "One")
    sandbox.settle()

    [attempt] = sandbox.deliveries()[0]["attempts"]

    [(headers, body)] = receiver.requests
    assert attempt["request"]["body"] == body.decode()
    assert attempt["request"]["headers"]["WorkOS-Signature"] == headers["WorkOS-Signature"]
    assert attempt["status"] == 200
    assert attempt["milliseconds"] > 0


def test_delivery_fails_when_the_receiver_is_unreachable(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.set_webhook("http://127.0.0.1:9/webhooks")
    create_organizations(workos, "One")
    sandbox.settle()

    [delivery] = sandbox.deliveries()
    assert delivery["state"] == "failed"
    assert "Connect" in delivery["attempts"][0]["error"]
