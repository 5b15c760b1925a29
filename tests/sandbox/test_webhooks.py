"""A webhook from the sandbox…"""

import json

import pytest
from workos import WorkOSClient
from workos.common.models import OrganizationCreated

from sandbox.client import Sandbox
from tests.sandbox.conftest import Receiver


def test_is_signed_so_that_the_sdk_accepts_it(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    sandbox.set_webhook(receiver.url)
    acme = workos.organizations.create_organization(name="Ärme & Söhne", external_id="acme-1")
    sandbox.settle()

    [(headers, body)] = receiver.posted
    event = workos.webhooks.verify_event(
        event_body=body, event_signature=headers["WorkOS-Signature"], secret=sandbox.webhook_secret
    )

    assert isinstance(event, OrganizationCreated)
    assert json.loads(body)["data"]["id"] == acme.id
    assert "Ärme & Söhne".encode() in body


def test_is_refused_by_the_sdk_with_another_secret(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    sandbox.set_webhook(receiver.url)
    workos.organizations.create_organization(name="Acme")
    sandbox.settle()

    [(headers, body)] = receiver.posted
    with pytest.raises(ValueError, match="does not match"):
        workos.webhooks.verify_event(
            event_body=body, event_signature=headers["WorkOS-Signature"], secret="whsec_other"
        )


def test_has_the_id_of_its_event_and_neither_object_nor_context(
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


def test_is_retried_until_it_is_taken(sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver) -> None:
    receiver.answers = [500, 404]
    sandbox.set_webhook(receiver.url)
    workos.organizations.create_organization(name="Acme")
    sandbox.settle()

    [delivery] = sandbox.deliveries()

    assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 404, 200]
    assert delivery["state"] == "delivered"
    assert len(set(receiver.bodies())) == 1


def test_is_given_up_after_the_last_retry(sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver) -> None:
    receiver.answers = [500] * 10
    sandbox.set_webhook(receiver.url)
    workos.organizations.create_organization(name="Acme")
    sandbox.settle()

    [delivery] = sandbox.deliveries()

    assert delivery["state"] == "failed"
    assert len(delivery["attempts"]) == 4


def test_goes_only_where_its_event_is_wanted(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    workos.webhooks.create_webhook_endpoint(endpoint_url=receiver.url, events=["organization.deleted"])
    acme = workos.organizations.create_organization(name="Acme")
    workos.organizations.delete_organization(acme.id)
    sandbox.settle()

    assert [json.loads(body)["event"] for body in receiver.bodies()] == ["organization.deleted"]
