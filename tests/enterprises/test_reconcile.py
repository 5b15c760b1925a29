"""Reconcile reads the current state from the API and writes only what is newer."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import responses
from django.utils import timezone

import gateway
from enterprises import reconcile
from enterprises.models import Enterprise
from mirror.models import Connection, Directory, OrganizationDomain
from outbox.models import Task
from outbox.runner import run_due_tasks
from tests.conftest import ACME_ORGANIZATION
from tests.factories import create_connection
from tests.gateway.test_gateway import API

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def connection(**fields: Any) -> dict[str, Any]:
    return {
        "object": "connection",
        "id": "conn_1",
        "connection_type": "OktaSAML",
        "name": "Acme",
        "state": "validating",
        "updated_at": iso(NOW - timedelta(minutes=1)),
    } | fields


class WorkOS:
    """A stub of WorkOS's list endpoints, with the rows that a test sets."""

    def __init__(self, api: responses.RequestsMock) -> None:
        self.api = api
        self.connections: list[dict[str, Any]] = []
        self.directories: list[dict[str, Any]] = []
        self.domains: list[dict[str, Any]] = []
        self.existing: set[str] = set()
        api.add_callback("GET", f"{API}/organizations/{ACME_ORGANIZATION}", self.organization)
        api.add_callback("GET", f"{API}/connections", lambda _: self.list_response(self.connections))
        api.add_callback("GET", f"{API}/directories", lambda _: self.list_response(self.directories))
        api.add_callback("GET", f"{API}/connections/conn_1", lambda _: self.get_response("conn_1"))

    def organization(self, _: object) -> tuple[int, dict[str, str], str]:
        body = {"id": ACME_ORGANIZATION, "name": "Acme Inc.", "domains": self.domains}
        return 200, {}, json.dumps(body)

    def list_response(self, rows: list[dict[str, Any]]) -> tuple[int, dict[str, str], str]:
        return 200, {}, json.dumps({"data": rows, "list_metadata": {"after": None}})

    def get_response(self, key: str) -> tuple[int, dict[str, str], str]:
        return (200, {}, json.dumps({"id": key})) if key in self.existing else (404, {}, "{}")


@pytest.fixture
def workos(workos_api: responses.RequestsMock) -> WorkOS:
    return WorkOS(workos_api)


def test_reconcile_stores_states_that_no_event_reports(workos: WorkOS, acme: Enterprise) -> None:
    workos.connections = [connection()]
    workos.directories = [
        {
            "id": "directory_1",
            "type": "okta scim v2.0",
            "state": "invalid_credentials",
            "updated_at": iso(NOW),
        }
    ]
    workos.domains = [{"id": "org_domain_1", "domain": "acme.example", "state": "verified"}]

    reconcile.reconcile_enterprise(acme, now=NOW)

    assert Connection.objects.get().state == "validating"
    assert Directory.objects.get().state == "invalid_credentials"
    assert OrganizationDomain.objects.get().state == "verified"
    acme.refresh_from_db()
    assert acme.reconciled_at == NOW


def test_reconcile_does_not_overwrite_a_newer_state(workos: WorkOS, acme: Enterprise) -> None:
    create_connection(acme, state="active", as_of=NOW)
    workos.connections = [connection()]

    reconcile.reconcile_enterprise(acme, now=NOW + timedelta(seconds=1))

    assert Connection.objects.get().state == "active"


def test_reconcile_skips_and_logs_an_unknown_state(
    workos: WorkOS, acme: Enterprise, caplog: pytest.LogCaptureFixture
) -> None:
    workos.connections = [connection(id="conn_new", state="hibernating"), connection()]

    reconcile.reconcile_enterprise(acme, now=NOW)

    assert [row.connection_id for row in Connection.objects.all()] == ["conn_1"]
    assert "Left out conn_new from the API: UnknownState" in caplog.text
    # Logs have ids and no values of what was sent.
    assert "hibernating" not in caplog.text


def test_renamed_connection_keeps_the_time_of_its_last_state_change(workos: WorkOS, acme: Enterprise) -> None:
    workos.connections = [connection()]
    reconcile.reconcile_enterprise(acme, now=NOW)
    workos.connections = [connection(name="Renamed", updated_at=iso(NOW))]
    reconcile.reconcile_enterprise(acme, now=NOW + timedelta(seconds=1))

    row = Connection.objects.get()
    assert row.name == "Renamed"
    assert row.state_since < row.as_of


def test_connection_missing_from_the_api_becomes_a_tombstone(
    workos: WorkOS, acme: Enterprise, birch: Enterprise
) -> None:
    workos.connections = [connection()]
    reconcile.reconcile_enterprise(acme, now=NOW)
    create_connection(birch, connection_id="conn_b", as_of=NOW)
    workos.connections = []
    reconcile.reconcile_enterprise(acme, now=NOW + timedelta(seconds=1))

    assert Connection.objects.get(connection_id="conn_1").state == "deleted"
    assert Connection.objects.get(connection_id="conn_b").state == "active"


def test_connection_missing_from_the_list_but_still_existing_is_kept(
    workos: WorkOS, acme: Enterprise
) -> None:
    workos.connections = [connection()]
    reconcile.reconcile_enterprise(acme, now=NOW)
    workos.connections, workos.existing = [], {"conn_1"}
    reconcile.reconcile_enterprise(acme, now=NOW + timedelta(seconds=1))

    assert Connection.objects.get().state == "validating"


@pytest.mark.parametrize("answer", [{}, {"data": None}, {"data": {}}])
def test_malformed_list_response_deletes_nothing(
    workos_api: responses.RequestsMock, acme: Enterprise, answer: dict[str, Any]
) -> None:
    create_connection(acme, connection_id="conn_1", as_of=NOW)
    workos_api.get(f"{API}/organizations/{ACME_ORGANIZATION}", json={"id": ACME_ORGANIZATION})
    workos_api.get(f"{API}/connections", json=answer)
    workos_api.get(f"{API}/directories", json=answer)

    with pytest.raises(gateway.Unavailable):
        reconcile.reconcile_enterprise(acme, now=NOW)

    assert Connection.objects.get().state == "active"
    acme.refresh_from_db()
    assert acme.reconciled_at is None


def test_list_connections_reads_every_page(workos_api: responses.RequestsMock, acme: Enterprise) -> None:
    first = [connection(id=f"conn_{number}") for number in range(100)]
    workos_api.get(f"{API}/connections", json={"data": first, "list_metadata": {"after": "conn_99"}})
    workos_api.get(f"{API}/connections", json={"data": [connection(id="conn_100")], "list_metadata": {}})

    assert len(gateway.list_connections(ACME_ORGANIZATION)) == 101
    assert "after=conn_99" in str(workos_api.calls[-1].request.url)


def test_reconcile_enqueued_twice_runs_once(workos: WorkOS, acme: Enterprise) -> None:
    reconcile.enqueue_reconcile(acme)
    reconcile.enqueue_reconcile(acme)

    assert Task.objects.count() == 1
    assert run_due_tasks(now=timezone.now())["completed"] == 1
    acme.refresh_from_db()
    assert acme.reconciled_at is not None


def test_reconcile_of_an_unprovisioned_enterprise_sends_no_request(
    workos_api: responses.RequestsMock, acme: Enterprise
) -> None:
    Enterprise.objects.update(organization=None)
    acme.refresh_from_db()

    reconcile.reconcile_enterprise(acme, now=NOW)

    assert not workos_api.calls
