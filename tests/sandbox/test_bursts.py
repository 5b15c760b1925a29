"""A burst of events…"""

import json
import time

from workos import WorkOSClient

from sandbox.client import Sandbox
from tests.sandbox.conftest import Receiver


def test_posts_every_event_once(sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver) -> None:
    sandbox.switch(concurrency=8)
    acme = workos.organizations.create_organization(name="Acme")
    directory = sandbox.activate_directory(acme.id)
    sandbox.set_webhook(receiver.url)

    sandbox.burst(directory["id"], 600)
    sandbox.settle(30)

    ids = [json.loads(body)["id"] for body in receiver.bodies()]
    assert len(ids) == len(set(ids)) == 600
    assert sandbox.state()["counts"]["users"] == 600
    [burst] = sandbox.request("GET", "bursts")["data"]
    assert burst["done"] is True


def test_of_a_hundred_thousand_takes_seconds_and_little_memory(
    sandbox: Sandbox, workos: WorkOSClient
) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    directory = sandbox.activate_directory(acme.id)
    began = time.monotonic()

    sandbox.burst(directory["id"], 100_000)
    sandbox.settle(30)

    assert time.monotonic() - began < 20
    page = workos.request_raw("get", ("events",), params={"events": "dsync.user.created", "limit": 100})
    assert isinstance(page, dict)
    assert len(page["data"]) == 100
    assert sandbox.state()["counts"]["events"] > 100_000


def test_waits_for_its_receiver_and_leaves_the_api_awake(
    sandbox: Sandbox, workos: WorkOSClient, receiver: Receiver
) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    directory = sandbox.activate_directory(acme.id)
    sandbox.set_webhook(receiver.url)
    sandbox.burst(directory["id"], 50_000)
    time.sleep(0.3)

    began = time.monotonic()
    workos.organizations.list_organizations()

    assert time.monotonic() - began < 1
    [burst] = sandbox.request("GET", "bursts")["data"]
    assert 0 < burst["made"] < 50_000


def test_of_updates_and_deletions_runs_through_those_there_are(
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
