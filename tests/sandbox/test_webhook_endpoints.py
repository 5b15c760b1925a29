"""A webhook endpoint…"""

import json

import pytest
from workos import ConflictError, NotFoundError, UnprocessableEntityError, WorkOSClient

from sandbox.client import Sandbox
from tests.sandbox.conftest import Receiver

URL = "https://app.example.com/webhooks"


def test_is_made_with_a_secret_and_found_in_the_list(workos: WorkOSClient) -> None:
    made = workos.webhooks.create_webhook_endpoint(endpoint_url=URL, events=["organization.created"])

    assert made.secret.startswith("whsec_")
    assert made.status == "enabled"
    assert workos.webhooks.list_webhook_endpoints().data == [made]


def test_is_not_made_twice_for_one_address(workos: WorkOSClient) -> None:
    workos.webhooks.create_webhook_endpoint(endpoint_url=URL, events=["organization.created"])

    with pytest.raises(ConflictError) as refusal:
        workos.webhooks.create_webhook_endpoint(endpoint_url=URL, events=["organization.created"])

    assert refusal.value.code == "duplicate_endpoint"


@pytest.mark.parametrize(
    ("url", "events"),
    [
        ("http://example.com/", ["organization.created"]),
        ("nonsense", ["organization.created"]),
        (URL, ["kitten.born"]),
    ],
)
def test_needs_an_https_address_and_known_events(workos: WorkOSClient, url: str, events: list[str]) -> None:
    with pytest.raises(UnprocessableEntityError):
        workos.webhooks.create_webhook_endpoint(endpoint_url=url, events=list(events))


def test_is_silent_while_disabled(sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver) -> None:
    made = workos.webhooks.create_webhook_endpoint(endpoint_url=receiver.url, events=["organization.created"])
    workos.webhooks.update_webhook_endpoint(made.id, status="disabled")
    workos.organizations.create_organization(name="One")
    workos.webhooks.update_webhook_endpoint(made.id, status="enabled")
    workos.organizations.create_organization(name="Two")
    sandbox.settle()

    assert [json.loads(body)["data"]["name"] for body in receiver.bodies()] == ["Two"]


def test_beside_another_gets_each_event_with_its_own_secret(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    made = [
        workos.webhooks.create_webhook_endpoint(
            endpoint_url=f"{receiver.url}?{n}", events=["organization.created"]
        )
        for n in range(2)
    ]
    workos.organizations.create_organization(name="One")
    sandbox.settle()

    assert len(receiver.posted) == 2
    for endpoint in made:
        verified = 0
        for headers, body in receiver.posted:
            try:
                workos.webhooks.verify_header(
                    event_body=body, event_signature=headers["WorkOS-Signature"], secret=endpoint.secret
                )
                verified += 1
            except ValueError:
                continue
        assert verified == 1


def test_is_gone_when_deleted(workos: WorkOSClient) -> None:
    made = workos.webhooks.create_webhook_endpoint(endpoint_url=URL, events=["organization.created"])

    workos.webhooks.delete_webhook_endpoint(made.id)

    assert workos.webhooks.list_webhook_endpoints().data == []
    with pytest.raises(NotFoundError):
        workos.webhooks.delete_webhook_endpoint(made.id)
