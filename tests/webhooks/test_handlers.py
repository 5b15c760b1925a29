"""Handlers apply each event correctly in any order of arrival."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from audit.actions import Action
from audit.log import audit_entries_for
from enterprises.models import Enterprise
from mirror.models import Certificate, Connection, Directory, Organization, OrganizationDomain
from outbox.models import Task
from tests.conftest import BIRCH_ORGANIZATION
from tests.deliveries import deliver
from webhooks.event_names import HANDLED_EVENTS
from webhooks.handlers import HANDLERS
from webhooks.inbox import apply_waiting
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db


def apply_event(event: str, number: int = 1, at: str = "2026-01-15T12:00:00.000Z", **data: Any) -> str:
    """Deliver and apply one event; return its status."""
    event_id = f"event_{number:026d}"
    if event.startswith(("connection.a", "connection.d", "dsync.", "organization")) and "failed" not in event:
        data.setdefault("updated_at", at)
    deliver(event, event_id=event_id, created_at=at, **data)
    apply_waiting(now=timezone.now())
    return WebhookEvent.objects.get(event_id=event_id).status


LATER, LATEST = "2026-01-15T13:00:00.000Z", "2026-01-15T14:00:00.000Z"


def test_connection_activated_event_creates_an_active_connection(acme: Enterprise) -> None:
    assert apply_event("connection.activated") == "applied"

    connection = Connection.objects.get()
    assert (connection.organization_id, connection.state) == (acme.organization_id, "active")
    assert (connection.connection_type, connection.name) == ("OktaSAML", "Acme SSO")
    assert connection.as_of == datetime(2026, 1, 15, 12, tzinfo=UTC)


def test_event_changes_only_its_own_enterprise(acme: Enterprise, birch: Enterprise) -> None:
    apply_event("connection.activated", 1, id="conn_birch", organization_id=BIRCH_ORGANIZATION)
    apply_event("connection.deactivated", 2, LATER)

    assert Connection.objects.get(organization=birch.organization).state == "active"
    assert Connection.objects.get(organization=acme.organization).state == "inactive"


def test_two_connections_of_one_enterprise_are_both_kept(acme: Enterprise) -> None:
    apply_event("connection.activated", 1)
    apply_event("connection.activated", 2, id="conn_second")

    assert Connection.objects.filter(organization=acme.organization, state="active").count() == 2


@pytest.mark.parametrize(
    ("event", "state"),
    [("connection.deactivated", "inactive"), ("connection.deleted", "deleted")],
)
def test_event_name_overrides_the_state_in_its_payload(acme: Enterprise, event: str, state: str) -> None:
    apply_event(event, state="active")

    assert Connection.objects.get().state == state


def test_older_event_is_stale_and_changes_nothing(acme: Enterprise) -> None:
    apply_event("connection.deactivated", 2, LATER)

    assert apply_event("connection.activated", 1) == "stale"
    assert Connection.objects.get().state == "inactive"


def test_equal_timestamps_are_ordered_by_event_id(acme: Enterprise) -> None:
    apply_event("connection.deactivated", 2)

    assert apply_event("connection.activated", 1) == "stale"
    assert apply_event("connection.activated", 3) == "applied"


def test_deleted_connection_is_not_revived_by_a_newer_event(acme: Enterprise) -> None:
    apply_event("connection.deleted", 1)

    assert apply_event("connection.activated", 2, LATEST) == "stale"
    assert Connection.objects.get().state == "deleted"


def test_deletion_is_applied_even_with_an_older_timestamp(acme: Enterprise) -> None:
    apply_event("connection.activated", 2, LATEST)

    assert apply_event("connection.deleted", 1) == "applied"
    assert Connection.objects.get().state == "deleted"


def test_event_without_timestamps_uses_issued_at(acme: Enterprise) -> None:
    from tests.deliveries import payload

    event = payload("connection.activated", event_id="event_1")
    del event["created_at"], event["data"]["updated_at"], event["data"]["created_at"]
    deliver(event)
    apply_waiting(now=timezone.now())

    assert Connection.objects.get().as_of == WebhookEvent.objects.get().issued_at


def test_timestamps_without_offset_are_read_as_utc(acme: Enterprise) -> None:
    apply_event("connection.activated", updated_at="2023-04-28 20:05:31.093")

    assert Connection.objects.get().as_of == datetime(2023, 4, 28, 20, 5, 31, 93000, tzinfo=UTC)


def test_connection_without_organization_is_ignored_with_a_reason(acme: Enterprise) -> None:
    assert apply_event("connection.activated", organization_id=None) == "ignored"
    assert "organization" in WebhookEvent.objects.get().reason
    assert not Connection.objects.exists()


@pytest.mark.parametrize(
    ("event", "state"),
    [("dsync.activated", "active"), ("dsync.deleted", "deleted")],
)
def test_directory_event_sets_the_directory_state(acme: Enterprise, event: str, state: str) -> None:
    assert apply_event(event) == "applied"

    directory = Directory.objects.get()
    assert (directory.organization_id, directory.state) == (acme.organization_id, state)


def test_dsync_deactivated_event_deactivates_the_directory(acme: Enterprise) -> None:
    from tests.deliveries import payload

    event = payload("dsync.activated") | {"event": "dsync.deactivated"}
    deliver(event)
    apply_waiting(now=timezone.now())

    assert Directory.objects.get().state == "inactive"


@pytest.mark.parametrize(
    ("event", "state"),
    [
        ("organization_domain.created", "pending"),
        ("organization_domain.verified", "verified"),
        ("organization_domain.deleted", "deleted"),
    ],
)
def test_domain_event_sets_the_domain_state(acme: Enterprise, event: str, state: str) -> None:
    assert apply_event(event, state="pending") == "applied"

    domain = OrganizationDomain.objects.get()
    assert domain.organization_id == acme.organization_id
    assert (domain.domain, domain.state) == ("acme.example", state)


def test_failed_domain_verification_keeps_its_reason(acme: Enterprise) -> None:
    apply_event("organization_domain.created")
    apply_event("organization_domain.verification_failed", 2)

    domain = OrganizationDomain.objects.get()
    assert (domain.state, domain.reason) == ("failed", "domain_verification_period_expired")


def test_certificate_reminder_does_not_make_an_older_connection_event_stale(acme: Enterprise) -> None:
    apply_event("connection.saml_certificate_renewal_required", 9, LATEST)

    assert apply_event("connection.activated", 1) == "applied"
    assert Certificate.objects.get().state == "renewal_required"
    assert Connection.objects.get().state == "active"


def test_renewed_certificate_clears_a_reminder_that_arrives_late(acme: Enterprise) -> None:
    apply_event("connection.saml_certificate_renewed", 2, LATER)
    apply_event("connection.saml_certificate_renewal_required", 1)

    assert Certificate.objects.get().state == "renewed"


def test_organization_created_event_completes_interrupted_provisioning(db: None) -> None:
    lost = Enterprise.objects.create(name="Acme Inc.", slug="acme", attention="WorkOS is not reachable.")

    assert apply_event("organization.created", external_id=str(lost.external_id)) == "applied"

    lost.refresh_from_db()
    assert lost.organization_id == "org_01EHWNCE74X7JSDV0X3SZ3KJNY"
    assert lost.attention == ""
    assert OrganizationDomain.objects.get().domain == "acme.example"


def test_domain_in_unknown_state_does_not_block_other_domains(db: None) -> None:
    lost = Enterprise.objects.create(name="Acme Inc.", slug="acme-inc")
    domains = [
        {
            "object": "organization_domain",
            "id": f"org_domain_{state}",
            "domain": f"{state}.example",
            "state": state,
        }
        for state in ("verified", "expired")
    ]

    assert (
        apply_event("organization.created", 1, external_id=str(lost.external_id), domains=domains)
        == "applied"
    )
    lost.refresh_from_db()
    assert lost.organization_id == "org_01EHWNCE74X7JSDV0X3SZ3KJNY"
    assert list(OrganizationDomain.objects.values_list("domain", flat=True)) == ["verified.example"]
    # An event about that domain alone fails, and can be replayed by a version that knows the state.
    assert apply_event("organization_domain.updated", 2, state="expired") == "failed"
    assert "state 'expired', which we do not know" in WebhookEvent.objects.last().reason  # type: ignore[union-attr]


def test_newer_name_of_an_organization_is_written_and_an_older_one_is_stale(acme: Enterprise) -> None:
    Organization.objects.update(name="Acme", as_of=datetime(2026, 1, 15, 11, tzinfo=UTC))

    assert apply_event("organization.updated", 2, LATER, name="Acme Corporation", domains=[]) == "applied"
    assert apply_event("organization.updated", 1, name="Acme Limited", domains=[]) == "stale"
    assert apply_event("organization.updated", 3, LATEST, name=None, domains=[]) == "stale"

    organization = Organization.objects.get()
    assert organization.name == "Acme Corporation"
    assert organization.as_of == datetime(2026, 1, 15, 13, tzinfo=UTC)


@pytest.mark.parametrize("external_id", [None, "2fe01467-f7ea-4dd2-8b79-c2b4f56d0191", "not-a-uuid"])
def test_organization_with_another_external_id_is_not_linked(db: None, external_id: str | None) -> None:
    ours = Enterprise.objects.create(name="Acme Inc.", slug="acme")

    assert apply_event("organization.created", external_id=external_id) == "waiting"

    ours.refresh_from_db()
    assert ours.organization_id is None


def test_organization_deletion_deletes_its_connections_and_directories(
    acme: Enterprise, birch: Enterprise
) -> None:
    apply_event("connection.activated", 1)
    apply_event("dsync.activated", 2)
    apply_event("connection.activated", 3, id="conn_birch", organization_id=BIRCH_ORGANIZATION)

    assert apply_event("organization.deleted", 4, LATER) == "applied"

    acme.refresh_from_db()
    assert acme.provisioning == Enterprise.Provisioning.REMOVED
    assert Connection.objects.get(organization=acme.organization).state == "deleted"
    assert Directory.objects.get(organization=acme.organization).state == "deleted"
    assert Connection.objects.get(organization=birch.organization).state == "active"


def test_late_event_does_not_revive_a_connection_of_a_deleted_organization(acme: Enterprise) -> None:
    apply_event("organization.deleted", 1)
    apply_event("connection.activated", 2, LATEST)

    assert Connection.objects.get().state == "deleted"


def test_event_for_unknown_organization_waits_until_the_organization_is_linked(db: None) -> None:
    enterprise = Enterprise.objects.create(name="Acme Inc.", slug="acme")
    assert apply_event("connection.activated", 1) == "waiting"

    apply_event("organization.created", 2, external_id=str(enterprise.external_id))
    apply_waiting(now=timezone.now())

    assert WebhookEvent.objects.get(event="connection.activated").status == "applied"
    enterprise.refresh_from_db()
    assert Connection.objects.get().organization_id == enterprise.organization_id


def test_event_without_handler_is_ignored_with_a_reason(acme: Enterprise) -> None:
    assert apply_event("dsync.token.created") == "ignored"
    assert WebhookEvent.objects.get().reason


def test_event_names_are_those_of_the_handlers() -> None:
    assert list(HANDLED_EVENTS) == sorted(HANDLERS)


def test_connection_directory_and_organization_events_have_handlers() -> None:
    for prefix in ("connection.", "dsync.activated", "dsync.deactivated", "dsync.deleted", "organization."):
        assert any(name.startswith(prefix) for name in HANDLERS)


def test_renamed_active_connection_is_neither_audited_nor_notified(acme: Enterprise) -> None:
    apply_event("connection.activated", 1)
    entries, tasks = audit_entries_for(acme).count(), set(Task.objects.values_list("pk", "requests"))

    assert apply_event("connection.activated", 2, LATER, name="Renamed") == "applied"

    assert Connection.objects.get().name == "Renamed"
    assert audit_entries_for(acme).count() == entries
    assert set(Task.objects.values_list("pk", "requests")) == tasks


def test_state_change_is_in_the_audit_log_once_with_workos_as_actor(
    acme: Enterprise, birch: Enterprise
) -> None:
    apply_event("connection.activated", 2, LATER)
    apply_event("connection.activated", 1)
    apply_event("connection.activated", 3, LATEST)
    apply_event("connection.deleted", 4)

    entries = [(entry.action, entry.actor, entry.target) for entry in audit_entries_for(acme)]
    assert sorted(entries) == [
        (Action.CONNECTION_ACTIVATED, "WorkOS", "Acme SSO"),
        (Action.CONNECTION_REMOVED, "WorkOS", "Acme SSO"),
    ]
    assert not audit_entries_for(birch).exists()
