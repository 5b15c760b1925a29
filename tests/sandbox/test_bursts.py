"""Bursts of directory events."""

import json
import time

import pytest
from workos import WorkOSClient

from sandbox.client import Sandbox
from tests.sandbox.conftest import Receiver


def test_burst_delivers_every_event_once(sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver) -> None:
    sandbox.switch(concurrency=8)
    acme = workos.organizations.create_organization(name="Acme")
    directory = sandbox.activate_directory(acme.id)
    sandbox.set_webhook(receiver.url)

    sandbox.burst(directory["id"], 600)
    sandbox.settle(90)

    ids = [json.loads(body)["id"] for body in receiver.bodies()]
    assert len(ids) == len(set(ids)) == 600
    assert sandbox.state()["counts"]["users"] == 600
    [burst] = sandbox.request("GET", "bursts")["data"]
    assert burst["done"] is True


@pytest.mark.slow
def test_burst_of_100_000_events_takes_seconds(sandbox: Sandbox, workos: WorkOSClient) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    directory = sandbox.activate_directory(acme.id)
    started = time.monotonic()

    sandbox.burst(directory["id"], 100_000)
    sandbox.settle(90)

    assert time.monotonic() - started < 90
    page = workos.request_raw("get", ("events",), params={"events": "dsync.user.created", "limit": 100})
    assert isinstance(page, dict)
    assert len(page["data"]) == 100
    assert sandbox.state()["counts"]["events"] > 100_000


def test_burst_waits_for_its_receiver_while_the_api_answers(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    directory = sandbox.activate_directory(acme.id)
    sandbox.set_webhook(receiver.url)
    sandbox.burst(directory["id"], 50_000)
    time.sleep(0.3)

    started = time.monotonic()
    workos.organizations.list_organizations()

    assert time.monotonic() - started < 10
    [burst] = sandbox.request("GET", "bursts")["data"]
    assert 0 < burst["made"] < 50_000


def test_burst_of_updates_or_deletions_ends_with_the_last_user(
    sandbox: Sandbox, workos: WorkOSClient
) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    directory = sandbox.activate_directory(acme.id, users=5)

    sandbox.burst(directory["id"], 3, "dsync.user.updated")
    sandbox.settle()
    sandbox.burst(directory["id"], 100, "dsync.user.deleted")
    sandbox.settle()

    assert len(sandbox.events("dsync.user.updated")) == 3
    assert len(sandbox.events("dsync.user.deleted")) == 5
    assert sandbox.state()["counts"]["users"] == 0
