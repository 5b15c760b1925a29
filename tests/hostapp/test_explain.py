"""`explain` finds whatever is known of a person, an object or an event."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.actor import Actor
from enterprises import invitations
from enterprises.models import Enterprise, ITContact, Role, UndeliverableAddress
from hostapp.models import User
from tests.conftest import ACME_ORGANIZATION
from tests.deliveries import deliver
from tests.factories import (
    create_connection,
    create_directory,
    create_domain,
    create_portal_session,
    create_setup_link,
)
from webhooks.inbox import apply_waiting
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db

CONNECTION = "conn_01EHWNCE74X7JSDV0X3SZ3KJNY"


def explain_text(query: str) -> str:
    out = StringIO()
    call_command("explain", query, stdout=out, stderr=StringIO())
    return out.getvalue()


def explain(query: str) -> dict[str, Any]:
    """The findings by `kind`."""
    out = StringIO()
    call_command("explain", query, "--json", stdout=out, stderr=StringIO())
    return {one["kind"]: one for one in json.loads(out.getvalue())["found"]}


def test_connection_shows_its_state_and_the_event_that_set_it(acme: Enterprise) -> None:
    deliver("connection.activated", event_id="event_new", updated_at="2026-02-01T00:00:00.000Z")
    apply_waiting(now=timezone.now())
    deliver("connection.deactivated", event_id="event_old", updated_at="2026-01-01T00:00:00.000Z")
    apply_waiting(now=timezone.now())

    found = explain(CONNECTION)["connection"]

    assert (found["state"], found["enterprise"], found["set_by"]) == ("active", "acme-inc", "event_new")
    assert found["since"] == "2026-02-01T00:00:00Z"
    assert [(one["event_id"], one["status"], one["reason"]) for one in found["events"]] == [
        ("event_old", "stale", "We have a newer version."),
        ("event_new", "applied", ""),
    ]
    text = explain_text(CONNECTION)
    assert f"connection {CONNECTION}" in text
    assert "active since 2026-02-01 00:00:00 UTC\n  Set by event_new" in text
    assert "connection.deactivated event_old: stale (We have a newer version.), received" in text


def test_object_that_was_read_from_the_api_says_so(acme: Enterprise) -> None:
    create_connection(acme)

    assert explain("conn_1")["connection"]["set_by"] == "the API"


def test_event_shows_its_outcome_and_the_objects_that_it_names(acme: Enterprise) -> None:
    deliver("connection.saml_certificate_renewal_required", event_id="event_1")
    deliver("connection.activated", event_id="event_2", organization_id="org_unknown", id="conn_9")
    create_connection(acme, connection_id=CONNECTION)
    apply_waiting(now=timezone.now())

    assert explain("event_1").keys() == {"event", "connection", "certificate"}
    waiting = explain("event_2")["event"]
    assert (waiting["state"], waiting["facts"]["waits_for"]) == ("waiting", "org_unknown")
    assert waiting["facts"]["source"] == "webhook"


@pytest.mark.parametrize("query", ["acme.example", "ACME.example", "org_domain_1"])
def test_domain_is_found_by_name_and_by_id(acme: Enterprise, query: str) -> None:
    create_domain(acme)

    assert explain(query)["organization_domain"]["state"] == "verified"


def test_organization_lists_its_objects_and_the_enterprise(acme: Enterprise) -> None:
    create_connection(acme)
    create_directory(acme)
    Enterprise.objects.update(attention="A reason.")

    found = explain(ACME_ORGANIZATION)

    assert [one["id"] for one in found["organization"]["related"]["connections"]] == ["conn_1"]
    assert found["enterprise"]["facts"]["attention"] == "A reason."


@pytest.mark.parametrize("query", ["acme-inc", "ACME Inc.", "the external id"])
def test_enterprise_is_found_by_slug_name_and_external_id(acme: Enterprise, query: str) -> None:
    query = str(acme.external_id) if query == "the external id" else query

    assert explain(query)["enterprise"]["title"] == "Acme Inc."


def test_person_shows_memberships_contacts_links_and_refusals(acme: Enterprise, ada: User) -> None:
    ITContact.objects.create(enterprise=acme, email=ada.email, purpose="alerts", contact_id="it_contact_1")
    create_setup_link(acme, ada, email=ada.email)
    create_portal_session(acme, ada, outcome="refused", reference="abc12345")
    UndeliverableAddress.objects.create(email=ada.email, reason="550 no", refused_at=timezone.now())
    invitations.invite(acme, "eve@acme.example", Role.MEMBER, Actor.from_user(ada), timezone.now())

    related = explain(" Ada@ACME.example ")["user"]["related"]

    assert [(one["enterprise"], one["role"]) for one in related["memberships"]] == [("acme-inc", "it_admin")]
    assert related["it_contacts"][0]["purpose"] == "alerts"
    assert related["setup_links"][0]["state"] == "sent"
    assert related["portal_sessions"][0]["reference"] == "abc12345"
    assert related["refused_mails"][0]["reason"] == "550 no"
    assert [one["action"] for one in related["audit_log"]] == ["invited"]
    assert explain(str(ada.pk))["user"]["facts"]["email"] == ada.email
    text = explain_text(ada.email)
    assert "enterprise acme-inc · role it_admin" in text
    assert "  IT contacts:\n" in text


def test_invited_address_without_an_account_is_found(acme: Enterprise, ada: User) -> None:
    invitations.invite(acme, "eve@acme.example", Role.MEMBER, Actor.from_user(ada), timezone.now())

    found = explain("eve@acme.example")

    assert found["address"]["related"]["invitations"][0]["enterprise"] == "acme-inc"
    assert "user" not in found


def test_person_of_a_directory_shows_groups_and_which_event_set_what(acme: Enterprise) -> None:
    create_directory(acme, directory_id="directory_1", as_of=timezone.now() - timedelta(days=400))
    user = {"id": "directory_user_1", "directory_id": "directory_1", "organization_id": ACME_ORGANIZATION}
    deliver("dsync.user.created", event_id="event_1", **user, email="eve@acme.example", state="active",
            updated_at="2026-01-01T00:00:00.000Z")  # fmt: skip
    # A deactivation goes before what a first sync sends.
    apply_waiting(now=timezone.now())
    deliver("dsync.user.updated", event_id="event_2", **user, email="eve@acme.example", state="inactive",
            updated_at="2026-02-01T00:00:00.000Z")  # fmt: skip
    deliver("dsync.user.updated", event_id="event_3", **user, email="old@acme.example", state="active",
            updated_at="2026-01-15T00:00:00.000Z")  # fmt: skip
    deliver(
        "dsync.group.user_added",
        event_id="event_4",
        directory_id="directory_1",
        user=user | {"object": "directory_user"},
        group={"id": "directory_group_1", "directory_id": "directory_1", "name": "Admins"},
    )
    apply_waiting(now=timezone.now())
    assert WebhookEvent.objects.filter(status="failed").count() == 0

    found = explain("eve@acme.example")["directory_user"]

    assert (found["state"], found["set_by"], found["enterprise"]) == ("inactive", "event_2", "acme-inc")
    statuses = {one["event_id"]: one["status"] for one in found["events"]}
    assert statuses == {"event_1": "applied", "event_2": "applied", "event_3": "stale", "event_4": "applied"}
    [group] = found["related"]["groups"]
    assert (group["group_id"], group["is_member"], group["counts"]) == ("directory_group_1", True, False)
    assert explain("directory_user_1").keys() == {"directory_user"}
    assert "directory_group_1" in explain_text("directory_user_1")


def test_person_of_another_directory_with_the_same_id_is_kept_apart(
    acme: Enterprise, birch: Enterprise
) -> None:
    """Imported directories carry the customer's own ids, which are unique in a directory only."""
    for number, enterprise in enumerate((acme, birch), 1):
        directory = f"directory_{number}"
        create_directory(enterprise, directory_id=directory)
        deliver(
            "dsync.user.created", event_id=f"event_{number}", id="42x", directory_id=directory,
            organization_id=enterprise.organization_id, email=f"eve{number}@acme.example",
        )  # fmt: skip
    apply_waiting(now=timezone.now())

    out = StringIO()
    call_command("explain", "42x", "--json", stdout=out)
    found = json.loads(out.getvalue())["found"]

    assert [(one["enterprise"], [event["event_id"] for event in one["events"]]) for one in found] == [
        ("acme-inc", ["event_1"]),
        ("birch-ltd", ["event_2"]),
    ]


@pytest.mark.parametrize("query", ["nobody@acme.example", "conn_none", "9" * 40, "a\0b", "", "%", "💥"])
def test_nothing_known_exits_with_1(query: str) -> None:
    with pytest.raises(CommandError, match="Nothing is known") as raised:
        explain_text(query)

    assert raised.value.returncode == 1


def test_report_never_holds_a_secret(acme: Enterprise, ada: User, settings: Any) -> None:
    deliver("connection.activated", event_id="event_1")
    apply_waiting(now=timezone.now())

    text = explain_text(ada.email) + explain_text("event_1")
    assert ada.password not in text
    assert not [secret for secret in settings.WORKOS_WEBHOOK_SECRETS if secret in text]


def test_search_for_events_is_bounded_and_says_so(acme: Enterprise, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver("connection.activated", event_id="event_old", id="conn_1")
    deliver("connection.activated", event_id="event_new", id="conn_2")
    apply_waiting(now=timezone.now())
    assert "were searched" not in explain_text("conn_1")
    for name in ("hostapp.explain.events", "hostapp.management.commands.explain"):
        monkeypatch.setattr(f"{name}.MAX_SEARCHED", 1)

    assert "Only the newest 1 events of its organization were searched." in explain_text("conn_1")
    assert [one["events"] for one in (explain("conn_1")["connection"],)] == [[]]
    assert explain("conn_2")["connection"]["events"][0]["event_id"] == "event_new"


def test_failed_verification_of_a_domain_is_found(acme: Enterprise) -> None:
    deliver("organization_domain.verification_failed", event_id="event_failed")
    apply_waiting(now=timezone.now())

    found = explain("acme.example")["organization_domain"]

    assert [one["event_id"] for one in found["events"]] == ["event_failed"]
