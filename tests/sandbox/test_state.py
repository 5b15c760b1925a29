"""State: reset, seed, state file, switches."""

import json
from pathlib import Path
from typing import Any

import pytest
from workos import WorkOSClient

from sandbox.client import Sandbox, SandboxError
from sandbox.pytest_plugin import run_sandbox
from tests.sandbox.conftest import Receiver, create_client

SEED = """
organizations:
  - id: org_01EHWNCE74X7JSDV0X3SZ3KJNY
    name: Acme
    external_id: acme-1
    domains: [acme.com]
    it_contacts: [it@acme.com]
    connections: [{type: OktaSAML}]
    directories: [{type: okta scim v2.0, users: 3, groups: [Everyone]}]
switches: {link_seconds: 60}
"""


@pytest.fixture
def seed_file(tmp_path: Path) -> Path:
    path = tmp_path / "seed.yaml"
    path.write_text(SEED)
    return path


def test_reset_deletes_everything(sandbox: Sandbox, workos: WorkOSClient) -> None:
    workos.organizations.create_organization(name="Acme")
    sandbox.fault("drop")
    sandbox.freeze("2026-01-15T12:00:00Z")

    sandbox.reset()

    assert sandbox.organizations() == []
    assert sandbox.events() == []
    assert sandbox.request("GET", "faults")["data"] == []
    assert sandbox.request("GET", "health")["frozen"] is False


def test_reset_restores_the_seed(seed_file: Path) -> None:
    with run_sandbox("--seed", str(seed_file)) as sandbox:
        client = create_client(sandbox)
        client.organizations.delete_organization("org_01EHWNCE74X7JSDV0X3SZ3KJNY")
        sandbox.reset()

        acme = client.organizations.get_organization_by_external_id("acme-1")
        client.close()

        assert acme.id == "org_01EHWNCE74X7JSDV0X3SZ3KJNY"
        assert [row["state"] for row in sandbox.connections()] == ["active"]
        assert sandbox.state()["counts"]["users"] == 3
        assert sandbox.request("GET", "switches")["link_seconds"] == 60


def test_control_api_applies_a_seed_in_json(sandbox: Sandbox) -> None:
    sandbox.request("POST", "seed", {"organizations": [{"name": "Acme"}]})

    assert [row["name"] for row in sandbox.organizations()] == ["Acme"]
    with pytest.raises(SandboxError, match="colour"):
        sandbox.request("POST", "seed", {"organizations": [{"name": "Zenith", "colour": "red"}]})


def test_state_file_keeps_the_state_after_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    file = str(tmp_path / "state.sqlite")
    with run_sandbox(
        "--state", file, "--webhook-url", "http://127.0.0.1:9/", "--switch", "retry_delays=[600]"
    ) as first:
        client = create_client(first)
        acme = client.organizations.create_organization(name="Acme", metadata={"tier": "gold"})
        first.activate_connection(acme.id)
        first.activate_directory(acme.id, users=2)
        client.close()
        before = snapshot(first)

    with run_sandbox("--state", file) as second:
        after = snapshot(second)
        pending = second.deliveries(state="pending")

    assert after == before
    assert len(pending) == len(before["events"])


def snapshot(sandbox: Sandbox) -> dict[str, Any]:
    state = sandbox.state()
    names = ("organizations", "connections", "directories", "webhook_endpoints")
    return {name: state[name] for name in names} | {"events": sandbox.events()}


def test_pending_delivery_is_retried_after_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    file = str(tmp_path / "state.sqlite")
    receiver.statuses = [500]
    arguments = ("--state", file, "--webhook-url", receiver.url, "--switch", "retry_delays=[1]")
    with run_sandbox(*arguments) as first:
        client = create_client(first)
        client.organizations.create_organization(name="Acme")
        client.close()
        while not receiver.requests:
            first.state()

    with run_sandbox(*arguments) as second:
        second.settle()

    first_body, second_body = receiver.bodies()
    assert json.loads(first_body)["id"] == json.loads(second_body)["id"]


def test_random_seed_and_frozen_clock_reproduce_the_state(seed_file: Path) -> None:
    arguments = ("--random-seed", "7", "--freeze", "2026-01-15T12:00:00Z", "--seed", str(seed_file))
    runs = []
    for _ in range(2):
        with run_sandbox(*arguments) as sandbox:
            runs.append(snapshot(sandbox))
            sandbox.reset()
            runs.append(snapshot(sandbox))

    assert runs[0] == runs[1] == runs[2] == runs[3]
    assert runs[0]["events"][0]["created_at"] == "2026-01-15T12:00:00.000Z"


def test_two_sandboxes_share_no_state(sandbox: Sandbox) -> None:
    with run_sandbox() as other:
        client = create_client(other)
        client.organizations.create_organization(name="Acme")
        client.close()

        assert len(other.organizations()) == 1

    assert sandbox.organizations() == []


@pytest.mark.parametrize("values", [{"nonsense": 1}, {"single_use_links": "yes"}, {"link_seconds": -1}])
def test_invalid_switch_is_rejected_and_changes_nothing(sandbox: Sandbox, values: dict[str, Any]) -> None:
    before = sandbox.request("GET", "switches")

    with pytest.raises(SandboxError, match="400"):
        sandbox.switch(**values)

    assert sandbox.request("GET", "switches") == before
