"""Webhook endpoints in the API."""

import json

import pytest
from workos import ConflictError, NotFoundError, UnprocessableEntityError, WorkOSClient

from sandbox.client import Sandbox
from tests.sandbox.conftest import Receiver

URL = "https://app.example.com/webhooks"


def test_endpoint_is_created_with_a_secret_and_listed(workos: WorkOSClient) -> None:
    created = workos.webhooks.create_webhook_endpoint(endpoint_url=URL, events=["organization.created"])

    assert created.secret.startswith("whsec_")
    assert created.status == "enabled"
    assert workos.webhooks.list_webhook_endpoints().data == [created]


def test_second_endpoint_with_the_same_url_is_answered_409(workos: WorkOSClient) -> None:
    workos.webhooks.create_webhook_endpoint(endpoint_url=URL, events=["organization.created"])

    with pytest.raises(ConflictError) as error:
        workos.webhooks.create_webhook_endpoint(endpoint_url=URL, events=["organization.created"])

    assert error.value.code == "duplicate_endpoint"


@pytest.mark.parametrize(
    ("url", "events"),
    [
        ("http://example.com/", ["organization.created"]),
        ("nonsense", ["organization.created"]),
        (URL, ["kitten.born"]),
    ],
)
def test_endpoint_with_an_invalid_url_or_event_is_answered_422(
    workos: WorkOSClient, url: str, events: list[str]
) -> None:
    with pytest.raises(UnprocessableEntityError):
        workos.webhooks.create_webhook_endpoint(endpoint_url=url, events=list(events))


def test_disabled_endpoint_receives_nothing(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    created = workos.webhooks.create_webhook_endpoint(
        endpoint_url=receiver.url, events=["organization.created"]
    )
    workos.webhooks.update_webhook_endpoint(created.id, status="disabled")
    workos.organizations.create_organization(name="One")
    workos.webhooks.update_webhook_endpoint(created.id, status="enabled")
    workos.organizations.create_organization(name="Two")
    sandbox.settle()

    assert [json.loads(body)["data"]["name"] for body in receiver.bodies()] == ["Two"]


def test_each_endpoint_receives_the_event_signed_with_its_own_secret(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    created = [
        workos.webhooks.create_webhook_endpoint(
            endpoint_url=f"{receiver.url}?{n}", events=["organization.created"]
        )
        for n in range(2)
    ]
    workos.organizations.create_organization(name="One")
    sandbox.settle()

    assert len(receiver.requests) == 2
    for endpoint in created:
        verified = 0
        for headers, body in receiver.requests:
            try:
                workos.webhooks.verify_header(
                    event_body=body, event_signature=headers["WorkOS-Signature"], secret=endpoint.secret
                )
                verified += 1
            except ValueError:
                continue
        assert verified == 1


def test_deleted_endpoint_is_no_longer_listed(workos: WorkOSClient) -> None:
    created = workos.webhooks.create_webhook_endpoint(endpoint_url=URL, events=["organization.created"])

    workos.webhooks.delete_webhook_endpoint(created.id)

    assert workos.webhooks.list_webhook_endpoints().data == []
    with pytest.raises(NotFoundError):
        workos.webhooks.delete_webhook_endpoint(created.id)
