"""What the page says is true, in whatever order things were told."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from enterprises import errands, facts, objects
from enterprises.models import Certificate, Enterprise, HistoryEntry, SetupLink
from hostapp.models import User
from tests.conftest import ACME_ORGANIZATION, signed_in
from tests.deliveries import deliver
from tests.portal.test_coming_back import visit
from tests.portal.test_page import PATH, connection, text
from webhooks.inbox import apply_waiting

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def main(user: User, path: str = PATH) -> str:
    return text(signed_in(user).get(path).text.split("<main")[1])


def told(state: str, at: datetime, event: str = "", **data: Any) -> None:
    """What WorkOS says of Acme's connection, from an event or from the API."""
    values = {"id": "conn_1", "organization_id": ACME_ORGANIZATION, "connection_type": "OktaSAML"}
    facts.record([objects.connection({**values, **data}, state=state, as_of=at, as_of_event=event)])


def domain_told(state: str, at: datetime) -> None:
    values = {"id": "org_domain_1", "organization_id": ACME_ORGANIZATION, "domain": "acme.example"}
    facts.record([objects.domain({**values, "state": state}, as_of=at)])


def certificate(enterprise: Enterprise, days: float, kind: str = "ResponseSigning") -> Certificate:
    now = timezone.now()
    return Certificate.objects.create(
        enterprise=enterprise, key=f"conn_1/{kind}", connection_id="conn_1", certificate_type=kind,
        renewal_required=True, expires_at=now + days * DAY, as_of=now - DAY,
    )  # fmt: skip


def came_back(enterprise: Enterprise, user: User, **fields: Any) -> None:
    now = timezone.now()
    visit(
        enterprise,
        user,
        launched_at=now - timedelta(minutes=3),
        returned_at=now - timedelta(seconds=10),
        **fields,
    )


def test_a_new_name_is_not_a_new_state(acme: Enterprise, ada: User) -> None:
    now = timezone.now()
    told("active", now - 90 * DAY, "event_1")
    came_back(acme, ada)
    told("active", now - timedelta(minutes=1), name="Renamed")

    assert "Renamed" in main(ada)
    assert "became active" not in main(ada)


def test_a_domain_that_has_been_verified_for_long_is_no_news(acme: Enterprise, ada: User) -> None:
    now = timezone.now()
    domain_told("verified", now - 30 * DAY)
    came_back(acme, ada, intent="domain_verification")
    # Without a time of its own it is as of now, each time it is read.
    domain_told("verified", now)

    assert "was verified" not in main(ada)
    assert f"since {now - 30 * DAY:%-d %B}" in main(ada)


def test_a_failed_domain_still_says_why_after_its_organization_was_told_again(
    acme: Enterprise, ada: User
) -> None:
    domain = {"id": "org_domain_1", "organization_id": ACME_ORGANIZATION, "domain": "acme.example",
              "state": "failed", "updated_at": "2026-01-15T12:00:00.000Z"}  # fmt: skip
    deliver(
        "organization_domain.verification_failed", event_id="event_1",
        organization_domain=domain, reason="domain_verification_period_expired",
    )  # fmt: skip
    apply_waiting(now=timezone.now())
    deliver("organization.updated", event_id="event_2", domains=[domain])
    apply_waiting(now=timezone.now())

    assert "The DNS record was not found in the time given." in main(ada)


def test_one_that_failed_for_a_reason_we_have_not_heard_says_what_to_do(acme: Enterprise, ada: User) -> None:
    domain_told("failed", timezone.now())

    assert "gives no reason. Look at it in the Admin Portal." in main(ada)


def test_an_organization_that_goes_takes_its_connections_with_it_for_all_to_see(
    acme: Enterprise, ada: User, mailoutbox: list[Any]
) -> None:
    now = timezone.now()
    told("active", now - 90 * DAY, "event_1")
    errands.run_due(now=timezone.now())
    mailoutbox.clear()

    facts.close_organizations([(ACME_ORGANIZATION, now)])
    # WorkOS may tell of the children, too, and late.
    told("deleted", now, "event_9")
    errands.run_due(now=timezone.now())

    assert [mail.subject for mail in mailoutbox] == ["Single Sign-On of Acme Inc. was removed"]
    assert HistoryEntry.objects.filter(deed="connection_removed").count() == 1
    assert "Removed Okta SAML" in main(ada)
    assert f"since {now:%-d %B}" in main(ada)


def test_a_deactivated_connection_says_so_though_its_certificate_ends(acme: Enterprise, ada: User) -> None:
    connection(acme, "inactive", as_of=timezone.now())
    certificate(acme, 8.5)
    shown = main(ada)

    assert "Deactivated" in shown
    assert "Its certificate expires in 9 days." in shown
    assert "Renew certificate" in shown


def test_one_that_validates_says_what_the_missing_domain_means(acme: Enterprise, ada: User) -> None:
    connection(acme, "validating", as_of=timezone.now())

    assert "Becomes active with the first sign-in. None of your domains is verified" in main(ada)


def test_each_certificate_of_a_connection_stands_for_itself(
    acme: Enterprise, ada: User, mailoutbox: list[Any]
) -> None:
    told("active", timezone.now() - 9 * DAY)
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
    errands.run_due(now=timezone.now())

    assert "The certificate of Acme Inc. expires in 9 days" in [mail.subject for mail in mailoutbox]
    assert Certificate.objects.count() == 2


def test_of_two_that_end_the_first_is_told(acme: Enterprise, ada: User) -> None:
    connection(acme, "active", as_of=timezone.now())
    certificate(acme, 30)
    certificate(acme, 8.5, "RequestSigning")

    assert "certificate expires in 9 days" in main(ada)


def test_a_renewal_that_nobody_finished_is_listed(acme: Enterprise, ada: User) -> None:
    connection(acme, "active", as_of=timezone.now() - 9 * DAY)
    certificate(acme, 8.5)
    visit(acme, ada, intent="certificate_renewal")

    assert "Started 2 minutes ago by Ada Adeyemi, not finished" in main(ada)
    assert "Renew certificate" in main(ada)


def test_a_renewal_is_waited_for_and_told(acme: Enterprise, ada: User) -> None:
    connection(acme, "active", as_of=timezone.now() - 9 * DAY)
    held = certificate(acme, 8.5)
    begun = visit(acme, ada, intent="certificate_renewal")
    waiting = signed_in(ada).get(f"{PATH}portal/finished/{begun.nonce}/", follow=True)
    held.renewal_required, held.as_of = False, timezone.now()
    held.save()

    assert "You finished in the Admin Portal; its news is on the way." in text(waiting.text)
    assert "load delay" in waiting.text
    assert "Waiting for WorkOS" not in main(ada)
    assert "Needs attention" not in main(ada)


def test_looking_into_what_is_set_up_leaves_nothing_half_done(acme: Enterprise, ada: User) -> None:
    connection(acme, "active", as_of=timezone.now() - 40 * DAY)
    visit(acme, ada, launched_at=timezone.now() - 3 * DAY, returned_at=timezone.now() - 2 * DAY)

    assert "not finished" not in main(ada)
    assert "Manage SSO" in main(ada)


def test_one_that_could_not_be_provisioned_promises_no_minute(acme: Enterprise, ada: User) -> None:
    Enterprise.objects.update(organization_id=None, attention="One of the domains belongs to another.")

    assert "could not be connected to WorkOS. Our staff see why" in main(ada)


def test_setup_links_of_an_organization_that_is_gone_are_good_for_nothing(
    acme: Enterprise, ada: User
) -> None:
    now = timezone.now()
    SetupLink.objects.create(
        enterprise=acme, contact_id="it_contact_1", email="x@p.example", intents=["sso"], sent_by=ada,
        state="sent", asked_at=now, expires_at=now + 20 * DAY,
    )  # fmt: skip
    Enterprise.objects.update(organization_deleted_at=now)
    shown = main(ada, f"{PATH}setup-links/")

    assert "good until" not in shown
    assert "was removed at WorkOS, and its setup links with it" in shown
