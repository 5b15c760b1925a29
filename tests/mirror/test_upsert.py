"""The upsert writes what is newer and returns the changes it made, also with several workers."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from enterprises.models import Enterprise
from mirror.models import Connection, Organization, OrganizationDomain
from mirror.organizations import close_organizations, update_names
from mirror.registry import MIRRORED
from mirror.upsert import Change, Outcome, Upserted, upsert
from tests.conftest import ACME_ORGANIZATION, BIRCH_ORGANIZATION
from tests.processes import wait_until

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


def observe(state: str, *, minute: int = 0, event_id: str = "", **data: Any) -> Upserted:
    """Upsert the connection conn_1 as of `minute` minutes after NOW."""
    fields = {"id": "conn_1", "name": "Okta", "organization_id": ACME_ORGANIZATION, **data}
    observed = MIRRORED["connection"].observe(
        fields, happened_at=NOW + timedelta(minutes=minute), event_id=event_id, state=state
    )
    return upsert("connection", [observed])


def summarize(changes: Any) -> list[tuple[str, str]]:
    return [(change.previous_state, change.row.state) for change in changes]


def test_new_object_is_a_change_from_no_state(acme: Enterprise) -> None:
    result = observe("active")

    assert result.outcomes == [Outcome.APPLIED]
    assert summarize(result.changes) == [("", "active")]
    assert result.changes[0].is_change_of_state


def test_newer_version_returns_the_previous_state(acme: Enterprise) -> None:
    observe("active")

    assert summarize(observe("inactive", minute=1).changes) == [("active", "inactive")]


def test_older_version_and_equal_version_change_nothing(acme: Enterprise) -> None:
    observe("active", minute=1, event_id="event_b")

    for result in (observe("inactive"), observe("inactive", minute=1, event_id="event_b")):
        assert result.outcomes == [Outcome.STALE]
        assert result.changes == []
    assert Connection.objects.get().state == "active"


def test_rename_is_a_change_but_not_of_state(acme: Enterprise) -> None:
    observe("active")

    (change,) = observe("active", minute=1, event_id="event_b", name="Renamed").changes

    assert not change.is_change_of_state
    row = Connection.objects.get()
    assert (row.name, row.state_since, row.as_of) == ("Renamed", NOW, NOW + timedelta(minutes=1))


def test_deletion_is_final_whatever_its_time(acme: Enterprise) -> None:
    observe("active", minute=5)

    assert summarize(observe("deleted").changes) == [("active", "deleted")]
    assert observe("active", minute=9).changes == []
    assert Connection.objects.get().state == "deleted"


def test_batch_writes_only_the_newest_version_of_an_object(acme: Enterprise) -> None:
    kind = MIRRORED["connection"]
    observations = [
        kind.observe(
            {"id": "conn_1", "organization_id": ACME_ORGANIZATION},
            happened_at=NOW + timedelta(minutes=minute),
            state=state,
        )
        for minute, state in ((2, "inactive"), (3, "active"), (1, "active"))
    ]

    result = upsert("connection", observations)

    assert result.outcomes == [Outcome.STALE, Outcome.APPLIED, Outcome.STALE]
    assert summarize(result.changes) == [("", "active")]


def test_object_of_an_unknown_organization_is_not_written(acme: Enterprise) -> None:
    result = observe("active", organization_id="org_unknown")

    assert result.outcomes == [Outcome.UNKNOWN_ORGANIZATION]
    assert not Connection.objects.exists()


def test_deleted_organization_takes_its_objects_with_it(acme: Enterprise, birch: Enterprise) -> None:
    observe("active")
    observe("active", id="conn_2", organization_id=BIRCH_ORGANIZATION)

    result = close_organizations([(ACME_ORGANIZATION, NOW), ("org_unknown", NOW)], now=NOW)

    assert result.outcomes == [Outcome.APPLIED, Outcome.UNKNOWN_ORGANIZATION]
    assert [(change.kind, MIRRORED[change.kind].get_key(change.row)) for change in result.changes] == [
        ("connection", "conn_1")
    ]
    assert summarize(result.changes) == [("active", "deleted")]
    assert Connection.objects.get(connection_id="conn_2").state == "active"
    assert close_organizations([(ACME_ORGANIZATION, NOW)], now=NOW).outcomes == [Outcome.STALE]
    # What a late event reports is deleted, too.
    observe("active", id="conn_3", minute=9)
    assert Connection.objects.get(connection_id="conn_3").state == "deleted"


def test_newer_name_of_an_organization_is_written_and_an_older_one_is_not(acme: Enterprise) -> None:
    later = NOW + timedelta(days=3650)

    assert update_names([(ACME_ORGANIZATION, "Acme Holding", later)]) == {ACME_ORGANIZATION}
    assert update_names([(ACME_ORGANIZATION, "Acme Ltd", NOW)]) == set()
    assert update_names([(ACME_ORGANIZATION, "Acme Holding", later + timedelta(1))]) == set()
    assert update_names([("org_unknown", "Nobody", later)]) == set()
    assert Organization.objects.get(pk=ACME_ORGANIZATION).name == "Acme Holding"


@pytest.mark.parametrize("kind_name", MIRRORED)
def test_each_kind_is_keyed_by_a_unique_field_and_described(kind_name: str) -> None:
    kind = MIRRORED[kind_name]

    key: Any = kind.model._meta.get_field(kind.key_field)
    assert key.unique
    row = kind.model(**{kind.key_field: "key_1", kind.id_field: "id_1"})
    assert kind.describe(row) or isinstance(row, OrganizationDomain)


@contextmanager
def held_at_the_table(workers: int, table: str = "mirror_connection") -> Iterator[None]:
    """Release the workers once all of them wait to write: nothing that they read before counts."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {table} IN SHARE MODE")
        yield
        wait_until(lambda: _count_waiting() == workers)


def _count_waiting() -> int:
    with connection.cursor() as cursor:
        # A transaction sees the activity as of its first look otherwise.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        count: int = cursor.fetchone()[0]
        return count


def run_together(*actions: Callable[[], Upserted], table: str = "mirror_connection") -> list[Change]:
    """The changes of all actions, each in a transaction of its own, held until all are about to write."""
    changes: list[Change] = []

    def act(action: Callable[[], Upserted]) -> None:
        with transaction.atomic():
            changes.extend(action().changes)
        connection.close()

    threads = [threading.Thread(target=act, args=(action,)) for action in actions]
    with held_at_the_table(len(threads), table):
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()
    return changes


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("exists", [False, True], ids=["two first inserts", "two updates"])
def test_two_workers_report_one_change_of_state_between_them(acme: Enterprise, exists: bool) -> None:
    if exists:
        observe("inactive", minute=-1)

    changes = run_together(
        lambda: observe("active", minute=1, event_id="event_a"),
        lambda: observe("active", minute=2, event_id="event_b"),
    )

    assert [change.previous_state for change in changes if change.is_change_of_state] == [
        "inactive" if exists else ""
    ]


@pytest.mark.django_db(transaction=True)
def test_reported_changes_always_lead_to_the_state_that_is_stored(acme: Enterprise) -> None:
    observe("active")

    changes = run_together(
        lambda: observe("inactive", minute=1, event_id="event_a"),
        lambda: observe("active", minute=2, event_id="event_b"),
    )

    # Whoever writes first, the changes form one chain from the old state to the stored one.
    of_state = summarize(change for change in changes if change.is_change_of_state)
    assert of_state in ([], [("active", "inactive"), ("inactive", "active")])
    assert Connection.objects.get().state == "active"


def verify_domain(number: int, minute: int, domain: str = "acme.example") -> Upserted:
    fields = {"id": f"org_domain_{number}", "domain": domain, "organization_id": ACME_ORGANIZATION}
    observed = MIRRORED["organization_domain"].observe(
        fields, happened_at=NOW + timedelta(minutes=minute), event_id=f"event_{number}", state="verified"
    )
    return upsert("organization_domain", [observed])


@pytest.mark.django_db(transaction=True)
def test_two_workers_verify_one_domain_and_the_newer_proof_wins(acme: Enterprise) -> None:
    run_together(
        lambda: verify_domain(1, minute=2),
        lambda: verify_domain(2, minute=1),
        table="mirror_organizationdomain",
    )

    states = dict(OrganizationDomain.objects.values_list("domain_id", "state"))
    assert states == {"org_domain_1": "verified", "org_domain_2": "pending"}


def test_losing_a_domain_is_a_change_of_state(acme: Enterprise) -> None:
    verify_domain(1, minute=1)

    assert summarize(verify_domain(2, minute=2).changes) == [("verified", "pending"), ("", "verified")]


def test_older_proof_of_a_lost_domain_does_not_take_it_back(acme: Enterprise) -> None:
    verify_domain(1, minute=1)
    verify_domain(2, minute=3)

    assert summarize(verify_domain(1, minute=2).changes) == [("pending", "pending")]


def test_owner_that_goes_in_the_same_batch_does_not_keep_its_domain(acme: Enterprise) -> None:
    verify_domain(2, minute=1)
    kind = MIRRORED["organization_domain"]
    result = upsert(
        "organization_domain",
        [
            kind.observe(
                {"id": key, "domain": "acme.example", "organization_id": ACME_ORGANIZATION},
                happened_at=NOW + timedelta(minutes=2),
                state=state,
            )
            for key, state in (("org_domain_1", "verified"), ("org_domain_2", "deleted"))
        ],
    )

    assert result.outcomes == [Outcome.APPLIED, Outcome.APPLIED]
    states = dict(OrganizationDomain.objects.values_list("domain_id", "state"))
    assert states == {"org_domain_1": "verified", "org_domain_2": "deleted"}


def test_database_that_refuses_one_object_gets_the_others(acme: Enterprise) -> None:
    kind = MIRRORED["connection"]
    observations = [
        kind.observe(
            {"id": f"conn_{number}", "organization_id": ACME_ORGANIZATION}, happened_at=NOW, state="active"
        )
        for number in range(3)
    ]
    # What no parser foresaw.
    observations[1].row.state = "x" * 99

    result = upsert("connection", observations)

    assert result.outcomes == [Outcome.APPLIED, Outcome.REFUSED, Outcome.APPLIED]
    assert "connection conn_1" in result.reasons[1]
    assert Connection.objects.count() == 2
