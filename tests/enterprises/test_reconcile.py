"""Reconcile reads the current state from the API and writes only what is newer."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import responses
from django.core.management import call_command
from django.utils import timezone

import gateway
from enterprises import reconcile
from enterprises.models import Enterprise
from mirror.models import Connection, Directory, Organization, OrganizationDomain
from outbox.models import Task
from outbox.runner import run_due_tasks
from tests.conftest import ACME_ORGANIZATION
from tests.deliveries import deliver
from tests.factories import create_connection, create_domain
from tests.gateway.test_gateway import API
from webhooks.inbox import apply_waiting

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
        self.fields: dict[str, Any] = {}
        self.existing: set[str] = set()
        api.add_callback("GET", f"{API}/organizations/{ACME_ORGANIZATION}", self.organization)
        api.add_callback("GET", f"{API}/connections", lambda _: self.list_response(self.connections))
        api.add_callback("GET", f"{API}/directories", lambda _: self.list_response(self.directories))
        api.add_callback("GET", f"{API}/connections/conn_1", lambda _: self.get_response("conn_1"))

    def organization(self, _: object) -> tuple[int, dict[str, str], str]:
        body = {"id": ACME_ORGANIZATION, "name": "Acme Inc.", "domains": self.domains, **self.fields}
        return 200, {}, json.dumps(body)

    def list_response(self, rows: list[dict[str, Any]]) -> tuple[int, dict[str, str], str]:
        return 200, {}, json.dumps({"data": rows, "list_metadata": {"after": None}})

    def add_object(self, resource: str, key: str) -> None:
        """Answer for this object by its id: 404 unless it is among `existing`."""
        self.api.add_callback("GET", f"{API}/{resource}/{key}", lambda _: self.get_response(key))

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


def test_name_of_the_api_is_stored_as_one_line_and_is_no_difference_after(
    workos: WorkOS, acme: Enterprise
) -> None:
    later = NOW + timedelta(hours=1)
    workos.fields = {"name": " Acme\n Ltd", "updated_at": iso(later)}

    first = reconcile.reconcile_enterprise(acme, now=later)
    acme = Enterprise.objects.get()
    second = reconcile.reconcile_enterprise(acme, now=later)

    assert first.differences == [f"organization {ACME_ORGANIZATION}: name Acme Inc. → Acme Ltd"]
    assert Organization.objects.get().name == "Acme Ltd"
    assert second.differences == []


def test_name_of_a_time_in_the_future_gives_way_to_the_next(workos: WorkOS, acme: Enterprise) -> None:
    later = NOW + timedelta(hours=1)
    workos.fields = {"name": "Acme Ltd", "updated_at": "2999-01-01T00:00:00.000Z"}
    report = reconcile.reconcile_enterprise(acme, now=later)
    assert "updated_at is in the future" in report.problems[0]

    workos.fields = {"name": "Acme Group", "updated_at": iso(later + timedelta(hours=1))}
    reconcile.reconcile_enterprise(acme, now=later + timedelta(hours=1))

    assert Organization.objects.get().name == "Acme Group"


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
    assert "connection conn_new: state (UnknownState)" in caplog.text
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


def domain(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "object": "organization_domain",
        "id": f"org_domain_{number}",
        "domain": "acme.example",
        "state": "verified",
        "updated_at": iso(NOW - timedelta(minutes=1)),
    } | fields


def domain_states() -> dict[str, str]:
    return dict(OrganizationDomain.objects.values_list("domain_id", "state"))


def read_problems() -> str:
    return Organization.objects.get(pk=ACME_ORGANIZATION).reconcile_problems


@pytest.mark.parametrize("time_of_the_new_one", [NOW - timedelta(days=9), NOW])
def test_verified_domain_that_got_a_new_id_moves_to_it(
    workos: WorkOS, acme: Enterprise, time_of_the_new_one: datetime
) -> None:
    create_domain(acme, domain_id="org_domain_1", as_of=NOW - timedelta(days=1), observed_at=NOW)
    workos.add_object("organization_domains", "org_domain_1")
    workos.domains = [domain(2, updated_at=iso(time_of_the_new_one))]
    workos.connections = [connection()]

    reconcile.reconcile_enterprise(acme, now=NOW + timedelta(seconds=1))

    assert domain_states() == {"org_domain_1": "deleted", "org_domain_2": "verified"}
    assert Connection.objects.get().state == "validating"


def test_verified_domain_that_moved_to_another_enterprise_ends_at_the_first(
    workos: WorkOS, acme: Enterprise, birch: Enterprise
) -> None:
    create_domain(birch, domain_id="org_domain_1", as_of=NOW - timedelta(days=1))
    workos.domains = [domain(2), domain(3, domain="other.example")]

    reconcile.reconcile_enterprise(acme, now=NOW)

    assert domain_states() == {
        "org_domain_1": "pending",
        "org_domain_2": "verified",
        "org_domain_3": "verified",
    }


def test_older_proof_is_verified_by_the_api_once_the_newer_one_is_gone(
    workos: WorkOS, acme: Enterprise, birch: Enterprise
) -> None:
    newer = create_domain(birch, domain_id="org_domain_1", as_of=NOW)
    workos.domains = [domain(2)]
    reconcile.reconcile_enterprise(acme, now=NOW)
    assert domain_states() == {"org_domain_1": "verified", "org_domain_2": "pending"}

    OrganizationDomain.objects.filter(pk=newer.pk).update(state="deleted")
    reconcile.reconcile_enterprise(acme, now=NOW + timedelta(minutes=1))

    assert domain_states() == {"org_domain_1": "deleted", "org_domain_2": "verified"}


def test_lookup_that_fails_does_not_stop_what_is_listed(workos: WorkOS, acme: Enterprise) -> None:
    create_domain(acme, domain_id="org_domain_1", as_of=NOW - timedelta(days=1), observed_at=NOW)
    workos.api.get(f"{API}/organization_domains/org_domain_1", status=500)
    workos.domains = [domain(2)]

    with pytest.raises(gateway.Unavailable):
        reconcile.reconcile_enterprise(acme, now=NOW + timedelta(seconds=1))

    assert domain_states() == {"org_domain_1": "pending", "org_domain_2": "verified"}


UNSTORABLE: dict[str, dict[str, Any]] = {
    "no id": {"id": None},
    "a list as its id": {"id": ["conn_2"]},
    "an object as its id": {"id": {}},
    "an id of 70 letters": {"id": "c" * 70},
    "NUL in its id": {"id": "conn\0"},
    "half a surrogate pair in its id": {"id": "conn" + chr(0xD800)},
    "an unknown state": {"state": "hibernating"},
    "a list as its state": {"state": []},
    "no state": {"state": None},
}


@pytest.mark.parametrize("fields", UNSTORABLE.values(), ids=UNSTORABLE)
def test_object_that_cannot_be_stored_is_left_out_and_reported_and_its_neighbours_are_written(
    workos: WorkOS, acme: Enterprise, fields: dict[str, Any]
) -> None:
    workos.connections = [connection(**{"id": "conn_2"} | fields), connection()]
    workos.domains = [domain(1)]

    reconcile.reconcile_enterprise(acme, now=NOW)

    assert [row.connection_id for row in Connection.objects.all()] == ["conn_1"]
    assert domain_states() == {"org_domain_1": "verified"}
    assert "Left out: connection" in read_problems()
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("inspect_webhooks", stdout=out)
    assert "Left out: connection" in out.getvalue()

    workos.connections = [connection()]
    reconcile.reconcile_enterprise(acme, now=NOW + timedelta(seconds=1))
    assert read_problems() == ""


def test_value_of_the_api_that_cannot_be_used_is_reported_and_the_rest_is_true(
    workos: WorkOS, acme: Enterprise
) -> None:
    workos.connections = [
        connection(name="Ok\0ta", updated_at="0001-01-01T00:00:00+05:30", connection_type=5)
    ]

    reconcile.reconcile_enterprise(acme, now=NOW)

    row = Connection.objects.get()
    assert (row.name, row.state, row.as_of, row.connection_type) == ("Ok\ufffdta", "validating", NOW, "")
    assert "connection conn_1: updated_at is not a time" in read_problems()
    assert "connection conn_1: connection_type is not a text" in read_problems()


@pytest.mark.parametrize(
    "updated_at",
    [iso(NOW - timedelta(days=9)), "2099-01-01T00:00:00.000Z", None, "soon"],
    ids=["days ago", "far future", "absent", "invalid"],
)
@pytest.mark.parametrize("as_of", [datetime(2099, 1, 1, tzinfo=UTC), None])
def test_api_wins_over_a_time_in_the_future(
    workos: WorkOS, acme: Enterprise, as_of: datetime | None, updated_at: str | None
) -> None:
    if as_of:
        create_connection(acme, as_of=as_of)
    else:
        deliver("connection.activated", id="conn_1", updated_at="2099-01-01T00:00:00.000Z")
        apply_waiting(now=timezone.now())
    workos.connections = [connection(state="inactive", updated_at=updated_at)]

    reconcile.reconcile_enterprise(acme, now=timezone.now())

    assert Connection.objects.get().state == "inactive"


def test_state_that_the_api_does_not_say_stays(workos: WorkOS, acme: Enterprise) -> None:
    create_connection(acme, as_of=NOW - timedelta(days=1))
    create_domain(acme, as_of=NOW - timedelta(days=1))
    workos.connections = [connection(state=None)]
    workos.domains = [domain(1, state=None)]

    reconcile.reconcile_enterprise(acme, now=NOW)

    assert (Connection.objects.get().state, domain_states()) == ("active", {"org_domain_1": "verified"})
