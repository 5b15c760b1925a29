"""A webhook with a fault ordered for it…"""

import json
import time

import pytest
from workos import WorkOSClient

from sandbox.client import Sandbox, SandboxError
from tests.sandbox.conftest import Receiver


@pytest.fixture(autouse=True)
def listening(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.set_webhook(receiver.url)


def names(receiver: Receiver) -> list[str]:
    return [json.loads(body)["data"]["name"] for body in receiver.bodies()]


def create(workos: WorkOSClient, *names: str) -> None:
    for name in names:
        workos.organizations.create_organization(name=name)


def accepted(workos: WorkOSClient, sandbox: Sandbox, headers: dict[str, str], body: bytes) -> bool:
    try:
        workos.webhooks.verify_header(
            event_body=body, event_signature=headers["WorkOS-Signature"], secret=sandbox.webhook_secret
        )
    except ValueError:
        return False
    return True


def test_comes_twice_with_the_same_body(sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver) -> None:
    sandbox.fault("duplicate", copies=2)
    create(workos, "One", "Two")
    sandbox.settle()

    assert names(receiver) == ["One", "One", "One", "Two"]
    assert receiver.bodies()[0] == receiver.bodies()[1]


def test_never_comes_but_is_in_the_events(sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver) -> None:
    sandbox.fault("drop", event="organization.*")
    create(workos, "One", "Two")
    sandbox.settle()

    assert names(receiver) == ["Two"]
    assert [row["state"] for row in sandbox.deliveries()] == ["dropped", "delivered"]
    assert len(sandbox.events("organization.created")) == 2


def test_comes_later(sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver) -> None:
    sandbox.fault("delay", seconds=0.3)
    create(workos, "One", "Two")
    sandbox.settle()

    assert names(receiver) == ["Two", "One"]


def test_comes_when_a_frozen_clock_is_set_forward(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    sandbox.freeze()
    sandbox.fault("delay", seconds=3600)
    create(workos, "One")
    with pytest.raises(SandboxError, match="pending"):
        sandbox.settle(0.2)
    assert receiver.posted == []

    sandbox.advance(3600)
    sandbox.settle()

    assert names(receiver) == ["One"]


def test_is_overtaken(sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver) -> None:
    sandbox.fault("reorder", size=3)
    create(workos, "One", "Two", "Three", "Four")
    sandbox.settle()

    order = names(receiver)
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
def test_is_refused_by_the_sdk_and_comes_right_when_retried(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver, kind: str, values: dict[str, float]
) -> None:
    receiver.answers = [400]
    sandbox.fault(kind, **values)
    create(workos, "One")
    sandbox.settle()

    first, second = receiver.posted
    assert not accepted(workos, sandbox, *first)
    assert accepted(workos, sandbox, *second)


def test_with_two_signatures_carries_ours_as_well(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    sandbox.fault("two_signatures")
    create(workos, "One")
    sandbox.settle()

    [(headers, body)] = receiver.posted
    t, other, ours = headers["WorkOS-Signature"].split(", ")
    assert other != ours
    assert accepted(workos, sandbox, {"WorkOS-Signature": f"{t}, {ours}"}, body)


def test_with_a_time_in_seconds_is_signed_over_those_seconds(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    sandbox.fault("seconds")
    create(workos, "One")
    sandbox.settle()

    [(headers, _body)] = receiver.posted
    t = headers["WorkOS-Signature"].split(", ")[0].removeprefix("t=")
    assert len(t) == 10
    assert abs(int(t) - time.time()) < 60


def test_touches_only_the_events_it_names(sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver) -> None:
    sandbox.fault("drop", event="dsync.*", times=None)
    create(workos, "One")
    sandbox.settle()

    assert names(receiver) == ["One"]
    assert len(sandbox.request("GET", "faults")["data"]) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "gremlin"},
        {"kind": "delay", "seconds": -1},
        {"kind": "drop", "times": 0},
        {"kind": "drop", "x": 1},
    ],
)
def test_is_not_ordered_when_it_makes_no_sense(sandbox: Sandbox, values: dict[str, object]) -> None:
    with pytest.raises(SandboxError, match="400"):
        sandbox.request("POST", "faults", values)


def test_keeps_its_first_signature_when_retries_are_not_signed_again(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    sandbox.switch(resign_retries=False)
    receiver.answers = [500, 500]
    create(workos, "One")
    sandbox.settle()

    assert len({headers["WorkOS-Signature"] for headers, _body in receiver.posted}) == 1
    sandbox.switch(resign_retries=True)
    receiver.posted.clear()
    receiver.answers = [500]
    create(workos, "Two")
    sandbox.settle()
    assert len({headers["WorkOS-Signature"] for headers, _body in receiver.posted}) == 2


def test_can_be_sent_again_by_hand(sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver) -> None:
    create(workos, "One")
    sandbox.settle()
    [delivery] = sandbox.deliveries()

    again = sandbox.resend(delivery["id"])
    sandbox.settle()

    assert again["event_id"] == delivery["event_id"]
    assert names(receiver) == ["One", "One"]


def test_is_recorded_with_its_request_its_answer_and_its_time(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    create(workos, "One")
    sandbox.settle()

    [attempt] = sandbox.deliveries()[0]["attempts"]

    [(headers, body)] = receiver.posted
    assert attempt["request"]["body"] == body.decode()
    assert attempt["request"]["headers"]["WorkOS-Signature"] == headers["WorkOS-Signature"]
    assert attempt["status"] == 200
    assert attempt["milliseconds"] > 0


def test_goes_on_when_nobody_listens(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.set_webhook("http://127.0.0.1:9/nobody")
    create(workos, "One")
    sandbox.settle()

    [delivery] = sandbox.deliveries()
    assert delivery["state"] == "failed"
    assert "Connect" in delivery["attempts"][0]["error"]
