"""What happens on each event, whatever order it comes in."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from enterprises import history
from enterprises.models import Certificate, Connection, Directory, Enterprise, OrganizationDomain
from tests.conftest import BIRCH_ORGANIZATION
from tests.deliveries import deliver
from webhooks.handlers import HANDLERS
from webhooks.inbox import apply_waiting
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db


def told(event: str, number: int = 1, at: str = "2026-01-15T12:00:00.000Z", **data: Any) -> str:
    """Deliver and apply one event; say what became of it."""
    event_id = f"event_{number:026d}"
    if event.startswith(("connection.a", "connection.d", "dsync.", "organization")) and "failed" not in event:
        data.setdefault("updated_at", at)
    deliver(event, event_id=event_id, created_at=at, **data)
    apply_waiting(now=timezone.now())
    return WebhookEvent.objects.get(event_id=event_id).status


LATER, LATEST = "2026-01-15T13:00:00.000Z", "2026-01-15T14:00:00.000Z"


def test_connection_activated_makes_it_active(acme: Enterprise) -> None:
    assert told("connection.activated") == "applied"

    connection = Connection.objects.get()
    assert (connection.enterprise, connection.state) == (acme, "active")
    assert (connection.connection_type, connection.name) == ("OktaSAML", "Acme SSO")
    assert connection.as_of == datetime(2026, 1, 15, 12, tzinfo=UTC)


def test_an_event_changes_only_its_own_enterprise(acme: Enterprise, birch: Enterprise) -> None:
    told("connection.activated", 1, id="conn_birch", organization_id=BIRCH_ORGANIZATION)
    told("connection.deactivated", 2, LATER)

    assert Connection.objects.get(enterprise=birch).state == "active"
    assert Connection.objects.get(enterprise=acme).state == "inactive"


def test_two_connections_of_one_enterprise_live_side_by_side(acme: Enterprise) -> None:
    told("connection.activated", 1)
    told("connection.activated", 2, id="conn_second")

    assert Connection.objects.filter(enterprise=acme, state="active").count() == 2


@pytest.mark.parametrize(
    ("event", "state"),
    [("connection.deactivated", "inactive"), ("connection.deleted", "deleted")],
)
def test_the_event_s_name_is_believed_over_the_state_that_rides_along(
    acme: Enterprise, event: str, state: str
) -> None:
    told(event, state="active")

    assert Connection.objects.get().state == state


def test_older_news_is_stale(acme: Enterprise) -> None:
    told("connection.deactivated", 2, LATER)

    assert told("connection.activated", 1) == "stale"
    assert Connection.objects.get().state == "inactive"


def test_a_tie_is_decided_by_the_event_id(acme: Enterprise) -> None:
    told("connection.deactivated", 2)

    assert told("connection.activated", 1) == "stale"
    assert told("connection.activated", 3) == "applied"


def test_what_was_deleted_is_not_revived_by_late_or_later_news(acme: Enterprise) -> None:
    told("connection.deleted", 1)

    assert told("connection.activated", 2, LATEST) == "stale"
    assert Connection.objects.get().state == "deleted"


def test_a_deletion_is_final_also_when_its_time_is_old(acme: Enterprise) -> None:
    told("connection.activated", 2, LATEST)

    assert told("connection.deleted", 1) == "applied"
    assert Connection.objects.get().state == "deleted"


def test_an_event_without_times_goes_by_the_delivery_s(acme: Enterprise) -> None:
    from tests.deliveries import payload

    bare = payload("connection.activated", event_id="event_1")
    del bare["created_at"], bare["data"]["updated_at"], bare["data"]["created_at"]
    deliver(bare)
    apply_waiting(now=timezone.now())

    assert Connection.objects.get().as_of == WebhookEvent.objects.get().issued_at


def test_times_without_offset_are_utc(acme: Enterprise) -> None:
    told("connection.activated", updated_at="2023-04-28 20:05:31.093")

    assert Connection.objects.get().as_of == datetime(2023, 4, 28, 20, 5, 31, 93000, tzinfo=UTC)


def test_a_connection_that_names_no_organization_is_ignored_with_that_reason(acme: Enterprise) -> None:
    assert told("connection.activated", organization_id=None) == "ignored"
    assert "organization" in WebhookEvent.objects.get().error
    assert not Connection.objects.exists()


@pytest.mark.parametrize(
    ("event", "state"),
    [("dsync.activated", "active"), ("dsync.deleted", "deleted")],
)
def test_directory_events_set_its_state(acme: Enterprise, event: str, state: str) -> None:
    assert told(event) == "applied"

    directory = Directory.objects.get()
    assert (directory.enterprise, directory.state) == (acme, state)


def test_a_directory_is_deactivated_by_name(acme: Enterprise) -> None:
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
def test_domain_events_set_its_state(acme: Enterprise, event: str, state: str) -> None:
    assert told(event, state="pending") == "applied"

    domain = OrganizationDomain.objects.get()
    assert (domain.enterprise, domain.domain, domain.state) == (acme, "acme.example", state)


def test_a_failed_verification_keeps_its_reason(acme: Enterprise) -> None:
    told("organization_domain.created")
    told("organization_domain.verification_failed", 2)

    domain = OrganizationDomain.objects.get()
    assert (domain.state, domain.reason) == ("failed", "domain_verification_period_expired")


def test_a_certificate_reminder_does_not_age_the_connection_s_state(acme: Enterprise) -> None:
    told("connection.saml_certificate_renewal_required", 9, LATEST)

    assert told("connection.activated", 1) == "applied"
    assert Certificate.objects.get().renewal_required
    assert Connection.objects.get().state == "active"


def test_a_renewed_certificate_clears_the_reminder_in_either_order(acme: Enterprise) -> None:
    told("connection.saml_certificate_renewed", 2, LATER)
    told("connection.saml_certificate_renewal_required", 1)

    assert not Certificate.objects.get().renewal_required


def test_organization_created_heals_what_a_crash_left(db: None) -> None:
    lost = Enterprise.objects.create(name="Acme Inc.", slug="acme", attention="WorkOS is not reachable.")

    assert told("organization.created", external_id=str(lost.external_id)) == "applied"

    lost.refresh_from_db()
    assert lost.organization_id == "org_01EHWNCE74X7JSDV0X3SZ3KJNY"
    assert lost.attention == ""
    assert OrganizationDomain.objects.get().domain == "acme.example"


def test_a_domain_in_a_state_that_we_do_not_know_keeps_nothing_else_back(db: None) -> None:
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

    assert told("organization.created", 1, external_id=str(lost.external_id), domains=domains) == "applied"
    lost.refresh_from_db()
    assert lost.organization_id == "org_01EHWNCE74X7JSDV0X3SZ3KJNY"
    assert list(OrganizationDomain.objects.values_list("domain", flat=True)) == ["verified.example"]
    # What is about that domain alone waits for a person, and for a version that has a word for it.
    assert told("organization_domain.updated", 2, state="expired") == "failed"
    assert "'expired', a state that we do not know" in WebhookEvent.objects.last().error  # type: ignore[union-attr]


@pytest.mark.parametrize("external_id", [None, "2fe01467-f7ea-4dd2-8b79-c2b4f56d0191", "not-a-uuid"])
def test_an_organization_with_another_external_id_is_not_taken_for_ours(
    db: None, external_id: str | None
) -> None:
    ours = Enterprise.objects.create(name="Acme Inc.", slug="acme")

    assert told("organization.created", external_id=external_id) == "waiting"

    ours.refresh_from_db()
    assert ours.organization_id is None


def test_a_deleted_organization_takes_its_children_with_it(acme: Enterprise, birch: Enterprise) -> None:
    told("connection.activated", 1)
    told("dsync.activated", 2)
    told("connection.activated", 3, id="conn_birch", organization_id=BIRCH_ORGANIZATION)

    assert told("organization.deleted", 4, LATER) == "applied"

    acme.refresh_from_db()
    assert acme.provisioning == Enterprise.Provisioning.REMOVED
    assert Connection.objects.get(enterprise=acme).state == "deleted"
    assert Directory.objects.get(enterprise=acme).state == "deleted"
    assert Connection.objects.get(enterprise=birch).state == "active"


def test_late_news_of_a_deleted_organization_s_connection_does_not_revive_it(acme: Enterprise) -> None:
    told("organization.deleted", 1)
    told("connection.activated", 2, LATEST)

    assert Connection.objects.get().state == "deleted"


def test_an_event_for_an_unknown_organization_waits_and_is_applied_when_it_is_known(db: None) -> None:
    enterprise = Enterprise.objects.create(name="Acme Inc.", slug="acme")
    assert told("connection.activated", 1) == "waiting"

    told("organization.created", 2, external_id=str(enterprise.external_id))
    apply_waiting(now=timezone.now())

    assert WebhookEvent.objects.get(event="connection.activated").status == "applied"
    assert Connection.objects.get().enterprise == enterprise


def test_an_event_without_a_handler_is_ignored_with_that_reason(acme: Enterprise) -> None:
    assert told("dsync.user.created") == "ignored"
    assert WebhookEvent.objects.get().error


def test_every_event_of_the_first_issue_has_a_handler() -> None:
    for prefix in ("connection.", "dsync.activated", "dsync.deactivated", "dsync.deleted", "organization."):
        assert any(name.startswith(prefix) for name in HANDLERS)


def test_a_change_of_state_stands_in_the_history_once_as_told_by_workos(
    acme: Enterprise, birch: Enterprise
) -> None:
    told("connection.activated", 2, LATER)
    told("connection.activated", 1)
    told("connection.activated", 3, LATEST)
    told("connection.deleted", 4)

    entries = [(entry.deed, entry.who, entry.for_whom) for entry in history.of(acme)]
    assert sorted(entries) == [
        (history.Deed.CONNECTION_ACTIVATED, history.WORKOS, "Acme SSO"),
        (history.Deed.CONNECTION_REMOVED, history.WORKOS, "Acme SSO"),
    ]
    assert not history.of(birch).exists()
