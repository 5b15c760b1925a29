"""The page shows the true state, in whatever order changes were observed."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from audit.actor import APPLICATION, WORKOS
from audit.models import AuditEntry
from enterprises.consequences import record_consequences
from enterprises.models import Enterprise
from hostapp.models import User
from mirror.models import Certificate, Organization
from mirror.organizations import close_organizations
from mirror.parsing import Observed, parse_connection, parse_domain
from mirror.upsert import upsert
from outbox.runner import run_due_tasks
from tests.conftest import ACME_ORGANIZATION, signed_in
from tests.deliveries import deliver
from tests.factories import (
    create_certificate,
    create_connection,
    create_portal_session,
    create_setup_link,
)
from tests.portal.test_overview import PATH, text
from webhooks.inbox import apply_waiting

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def page_text(user: User, path: str = PATH) -> str:
    return text(signed_in(user).get(path).text.split("<main")[1])


def observe_connection(state: str, at: datetime, event: str = "", **data: Any) -> None:
    """Mirror Acme's connection in this state, as from an event or from the API."""
    values = {"id": "conn_1", "organization_id": ACME_ORGANIZATION, "connection_type": "OktaSAML"}
    _mirror(parse_connection({**values, **data}, state=state, as_of=at, as_of_event=event), "connection")


def observe_domain(state: str, at: datetime) -> None:
    values = {"id": "org_domain_1", "organization_id": ACME_ORGANIZATION, "domain": "acme.example"}
    _mirror(parse_domain({**values, "state": state}, as_of=at), "organization_domain")


def _mirror(observed: Observed, kind: str) -> None:
    with transaction.atomic():
        record_consequences(upsert(kind, [observed]).changes, WORKOS, timezone.now())


def create_expiring_certificate(
    enterprise: Enterprise, days: float, kind: str = "ResponseSigning"
) -> Certificate:
    now = timezone.now()
    return create_certificate(
        enterprise,
        key=f"conn_1/{kind}",
        certificate_type=kind,
        expires_at=now + days * DAY,
        as_of=now - DAY,
    )


def create_returned_session(enterprise: Enterprise, user: User, **fields: Any) -> None:
    now = timezone.now()
    create_portal_session(
        enterprise,
        user,
        launched_at=now - timedelta(minutes=3),
        returned_at=now - timedelta(seconds=10),
        **fields,
    )


def test_renamed_connection_is_not_reported_as_newly_active(acme: Enterprise, ada: User) -> None:
    now = timezone.now()
    observe_connection("active", now - 90 * DAY, "event_1")
    create_returned_session(acme, ada)
    observe_connection("active", now - timedelta(minutes=1), name="Renamed")

    assert "Renamed" in page_text(ada)
    assert "Single sign-on is active." not in page_text(ada)


def test_domain_verified_long_ago_is_not_reported_as_newly_verified(acme: Enterprise, ada: User) -> None:
    now = timezone.now()
    observe_domain("verified", now - 30 * DAY)
    create_returned_session(acme, ada, intent="domain_verification")
    # A domain without a timestamp of its own gets the time at which it is read.
    observe_domain("verified", now)

    assert "is verified." not in page_text(ada)
    assert f"Verified {now - 30 * DAY:%-d %B}" in page_text(ada)


def test_failed_domain_keeps_its_reason_after_an_organization_event(acme: Enterprise, ada: User) -> None:
    domain = {"id": "org_domain_1", "organization_id": ACME_ORGANIZATION, "domain": "acme.example",
              "state": "failed", "updated_at": "2026-01-15T12:00:00.000Z"}  # fmt: skip
    deliver(
        "organization_domain.verification_failed", event_id="event_1",
        organization_domain=domain, reason="domain_verification_period_expired",
    )  # fmt: skip
    apply_waiting(now=timezone.now())
    deliver("organization.updated", event_id="event_2", domains=[domain])
    apply_waiting(now=timezone.now())

    assert "The TXT record wasn’t found in time." in page_text(ada)


def test_domain_that_failed_without_a_reason_says_what_to_do(acme: Enterprise, ada: User) -> None:
    observe_domain("failed", timezone.now())

    assert "WorkOS didn’t find the TXT record. Check it in the Admin Portal" in page_text(ada)


def test_connection_removal_by_organization_deletion_is_notified_and_audited_once(
    acme: Enterprise, ada: User, mailoutbox: list[Any]
) -> None:
    now = timezone.now()
    observe_connection("active", now - 90 * DAY, "event_1")
    run_due_tasks(now=timezone.now())
    mailoutbox.clear()

    with transaction.atomic():
        changes = close_organizations([(ACME_ORGANIZATION, now)], now=now).changes
        record_consequences(changes, WORKOS, now)
    # WorkOS may also send events for the connections, and late.
    observe_connection("deleted", now, "event_9")
    run_due_tasks(now=timezone.now())

    assert [mail.subject for mail in mailoutbox] == ["Single sign-on was removed · Acme Inc."]
    assert AuditEntry.objects.filter(action="connection_removed").count() == 1
    assert f"Okta SAML Removed {now:%-d %B}" in page_text(ada)


def test_deactivated_connection_with_an_expiring_certificate_shows_both(acme: Enterprise, ada: User) -> None:
    create_connection(acme, state="inactive", as_of=timezone.now())
    create_expiring_certificate(acme, 8.5)
    shown = page_text(ada)

    assert "Single sign-on is off. Nobody can sign in with Okta until it’s turned on again." in shown
    assert "The certificate expires in 9 days." in shown
    assert shown.index("Turn on again") < shown.index("Renew certificate")


def test_validating_connection_explains_the_missing_verified_domain(acme: Enterprise, ada: User) -> None:
    create_connection(acme, state="validating", as_of=timezone.now())

    assert "Becomes active with the first sign-in. Domain not verified People may not be sent" in page_text(
        ada
    )


def test_certificates_of_one_connection_are_kept_separately(
    acme: Enterprise, ada: User, mailoutbox: list[Any]
) -> None:
    observe_connection("active", timezone.now() - 9 * DAY)
    for event, kind, days in (
        ("renewal_required", "ResponseSigning", 8.5),
        ("renewed", "RequestSigning", 700),
    ):
        expires_at = (timezone.now() + days * DAY).isoformat()
        deliver(
            f"connection.saml_certificate_{event}", event_id=f"event_{kind}",
            certificate={"certificate_type": kind, "expiry_date": expires_at},
        )  # fmt: skip
    apply_waiting(now=timezone.now())
    run_due_tasks(now=timezone.now())

    assert "Certificate expires in 9 days · Acme Inc." in [mail.subject for mail in mailoutbox]
    assert Certificate.objects.count() == 2


def test_certificate_warning_and_renewal_are_in_the_audit_log(acme: Enterprise) -> None:
    observe_connection("active", timezone.now() - 9 * DAY)
    expires_at = timezone.now() + 13.5 * DAY
    for event, end in (("renewal_required", expires_at), ("renewed", expires_at + 365 * DAY)):
        deliver(
            f"connection.saml_certificate_{event}", event_id=f"event_{event}",
            certificate={"certificate_type": "ResponseSigning", "expiry_date": end.isoformat()},
        )  # fmt: skip
        apply_waiting(now=timezone.now())

    warning = AuditEntry.objects.get(action="certificate_expires")
    assert warning.outcome == f"in 14 days, on {expires_at:%-d %B %Y}"
    assert warning.actor == APPLICATION.name
    assert AuditEntry.objects.filter(action="certificate_renewed").count() == 1


def test_one_of_two_connections_that_is_off_does_not_turn_single_sign_on_off(
    acme: Enterprise, ada: User
) -> None:
    create_connection(acme, state="active", as_of=timezone.now() - DAY)
    create_connection(acme, connection_id="conn_2", connection_type="AzureSAML", state="inactive")
    shown = page_text(ada)

    assert "Nobody can sign in with Entra ID until it’s turned on again." in shown
    assert "Single sign-on is off" not in shown
    assert "Single sign-on was turned off" not in shown


def test_page_shows_the_certificate_that_expires_first(acme: Enterprise, ada: User) -> None:
    create_connection(acme, state="active", as_of=timezone.now())
    create_expiring_certificate(acme, 30)
    create_expiring_certificate(acme, 8.5, "RequestSigning")

    assert "The certificate expires in 9 days." in page_text(ada)


def test_unfinished_certificate_renewal_is_listed(acme: Enterprise, ada: User) -> None:
    create_connection(acme, state="active", as_of=timezone.now() - 9 * DAY)
    create_expiring_certificate(acme, 8.5)
    create_portal_session(acme, ada, intent="certificate_renewal")

    assert "You started this 2 minutes ago." in page_text(ada)
    assert "Renew certificate" in page_text(ada)


def test_finished_certificate_renewal_shows_waiting_until_it_is_observed(acme: Enterprise, ada: User) -> None:
    create_connection(acme, state="active", as_of=timezone.now() - 9 * DAY)
    expiring = create_expiring_certificate(acme, 8.5)
    session = create_portal_session(acme, ada, intent="certificate_renewal")
    waiting = signed_in(ada).get(f"{PATH}portal/finished/{session.nonce}/", follow=True)
    expiring.state, expiring.state_since = "renewed", timezone.now()
    expiring.save()

    assert "You finished in the Admin Portal. This page updates when WorkOS confirms it." in text(
        waiting.text
    )
    assert "load delay" in waiting.text
    assert "Waiting for WorkOS" not in page_text(ada)
    assert "Needs attention" not in page_text(ada)


def test_session_for_an_active_connection_is_not_shown_as_unfinished(acme: Enterprise, ada: User) -> None:
    create_connection(acme, state="active", as_of=timezone.now() - 40 * DAY)
    create_portal_session(
        acme, ada, launched_at=timezone.now() - 3 * DAY, returned_at=timezone.now() - 2 * DAY
    )

    assert "started" not in page_text(ada)
    assert "Manage SSO" in page_text(ada)


def test_enterprise_that_failed_provisioning_refers_to_staff(acme: Enterprise, ada: User) -> None:
    Enterprise.objects.update(organization=None, attention="One of the domains belongs to another.")

    assert "We couldn’t connect Acme Inc. to WorkOS. Our support team can see why." in page_text(ada)


def test_setup_links_of_a_deleted_organization_are_shown_as_removed(acme: Enterprise, ada: User) -> None:
    now = timezone.now()
    create_setup_link(acme, ada)
    Organization.objects.update(deleted_at=now)
    shown = page_text(ada, f"{PATH}setup-links/")

    assert "good until" not in shown
    assert "was removed in WorkOS, and its setup links with it" in shown
