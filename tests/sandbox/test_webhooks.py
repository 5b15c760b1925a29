"""Webhooks: signature, body, retries."""

import json

import pytest
from workos import WorkOSClient
from workos.common.models import OrganizationCreated

from sandbox.client import Sandbox
from tests.sandbox.conftest import Receiver


def test_sdk_verifies_a_webhook(sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver) -> None:
    sandbox.set_webhook(receiver.url)
    acme = workos.organizations.create_organization(name="Ärme & Söhne", external_id="acme-1")
    sandbox.settle()

    [(headers, body)] = receiver.requests
    event = workos.webhooks.verify_event(
        event_body=body, event_signature=headers["WorkOS-Signature"], secret=sandbox.webhook_secret
    )

    assert isinstance(event, OrganizationCreated)
    assert json.loads(body)["data"]["id"] == acme.id
    assert "Ärme & Söhne".encode() in body


def test_sdk_refuses_a_webhook_with_another_secret(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    sandbox.set_webhook(receiver.url)
    workos.organizations.create_organization(name="Acme")
    sandbox.settle()

    [(headers, body)] = receiver.requests
    with pytest.raises(ValueError, match="does not match"):
        workos.webhooks.verify_event(
            event_body=body, event_signature=headers["WorkOS-Signature"], secret="whsec_other"
        )


def test_webhook_has_the_event_id_but_no_object_and_no_context(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    sandbox.set_webhook(receiver.url)
    workos.organizations.create_organization(name="Acme")
    sandbox.settle()

    [event] = workos.events.list_events(events=["organization.created"]).data
    body = json.loads(receiver.bodies()[0])

    assert isinstance(event, OrganizationCreated)
    assert body["id"] == event.id
    assert set(body) == {"id", "event", "data", "created_at"}


def test_delivery_is_retried_until_it_succeeds(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    receiver.statuses = [500, 404]
    sandbox.set_webhook(receiver.url)
    workos.organizations.create_organization(name="Acme")
    sandbox.settle()

    [delivery] = sandbox.deliveries()

    assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 404, 200]
    assert delivery["state"] == "delivered"
    assert len(set(receiver.bodies())) == 1


def test_delivery_fails_after_the_last_retry(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    receiver.statuses = [500] * 10
    sandbox.set_webhook(receiver.url)
    workos.organizations.create_organization(name="Acme")
    sandbox.settle()

    [delivery] = sandbox.deliveries()

    assert delivery["state"] == "failed"
    assert len(delivery["attempts"]) == 4


def test_endpoint_receives_only_the_events_it_subscribes_to(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    workos.webhooks.create_webhook_endpoint(endpoint_url=receiver.url, events=["organization.deleted"])
    acme = workos.organizations.create_organization(name="Acme")
    workos.organizations.delete_organization(acme.id)
    sandbox.settle()

    assert [json.loads(body)["event"] for body in receiver.bodies()] == ["organization.deleted"]
