"""Values from outside that cannot be stored or used as they are: the rest is applied, and it is reported."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import InternalError, connection
from django.utils import timezone

from enterprises.models import Enterprise
from hostapp.models import User
from mirror.models import Certificate, Connection, Directory, Organization, OrganizationDomain
from tests.conftest import ACME_ORGANIZATION, signed_in
from tests.deliveries import deliver
from webhooks import inbox
from webhooks.events import Event
from webhooks.handlers import APPLIED, HANDLERS, Outcome
from webhooks.inbox import apply_waiting
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db

LATER, LATEST = "2026-01-15T13:00:00.000Z", "2026-01-15T14:00:00.000Z"
FAR = "2099-01-01T00:00:00.000Z"


def apply_event(
    event: str, number: int = 1, at: str = "2026-01-15T12:00:00.000Z", **data: Any
) -> WebhookEvent:
    """Deliver and apply one event."""
    event_id = f"event_{number:026d}"
    data.setdefault("updated_at", at)
    assert deliver(event, event_id=event_id, created_at=at, **data).status_code == 200
    apply_waiting(now=timezone.now())
    return WebhookEvent.objects.get(event_id=event_id)


def apply_payload(event: str, data: Any, number: int = 1, **envelope: Any) -> WebhookEvent:
    body = {"id": f"event_{number:026d}", "event": event, "data": data, "created_at": LATER} | envelope
    assert deliver(body).status_code == 200
    apply_waiting(now=timezone.now())
    return WebhookEvent.objects.get(event_id=body["id"])


def inspect() -> tuple[str, dict[str, Any]]:
    reports = []
    for arguments in ([], ["--json"]):
        out = StringIO()
        with pytest.raises(SystemExit):
            call_command("inspect_webhooks", *arguments, stdout=out)
        reports.append(out.getvalue())
    return reports[0], json.loads(reports[1])


# Identifiers and other values that a column cannot hold.


@pytest.mark.parametrize(
    ("event", "data", "reason"),
    [
        (
            "connection.activated",
            {"organization_id": "org_" + "x" * 66},
            "connection conn_01EHWNCE74X7JSDV0X3SZ3KJNY: organization_id is longer than 64 characters",
        ),
        ("connection.activated", {"id": "conn_" + "x" * 66}, "connection: id is longer than 64 characters"),
        ("connection.activated", {"id": ["conn_1"]}, "connection: id is not a text"),
        ("connection.activated", {"id": None}, "connection: id is missing"),
        ("connection.activated", {"id": "conn\u0000"}, "connection: id contains a character that no id has"),
        ("dsync.deleted", {"id": {}}, "directory: id is not a text"),
        ("organization.deleted", {"id": "org_" + "x" * 66}, "organization: id is longer than 64 characters"),
        ("organization.updated", {"id": 5}, "organization: id is not a text"),
        (
            "organization_domain.verified",
            {"domain": "x" * 254},
            "organization_domain org_domain_01EHZNVPK2QXHMVWCEDQEKY69A: domain is longer than 253 characters",
        ),
        ("organization_domain.verification_failed", {"organization_domain": 1}, "is not an object"),
        ("connection.saml_certificate_renewed", {"connection": []}, "connection is not an object"),
        ("connection.saml_certificate_renewed", {"connection": {}}, "connection: id is missing"),
    ],
)
def test_event_that_no_column_can_hold_fails_with_its_object_and_field(
    acme: Enterprise, event: str, data: dict[str, Any], reason: str
) -> None:
    deliver("connection.activated", event_id="event_before", id="conn_before")
    failed = apply_event(event, 1, **data)
    apply_event("connection.activated", 2, id="conn_after")

    assert (failed.status, failed.awaited_organization_id) == ("failed", "")
    assert reason in failed.reason
    assert Connection.objects.filter(state="active").count() == 2


def test_event_id_of_255_characters_is_applied(acme: Enterprise) -> None:
    deliver("connection.activated", event_id="e" * 255)
    apply_waiting(now=timezone.now())

    assert WebhookEvent.objects.get().status == "applied"


def test_event_for_an_object_without_its_state_fails_with_the_field(acme: Enterprise) -> None:
    domain = {"id": "org_domain_1", "organization_id": ACME_ORGANIZATION}

    failed = apply_payload("organization_domain.created", domain)

    assert (failed.status, failed.reason) == ("failed", "organization_domain org_domain_1: domain is missing")


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


@pytest.mark.parametrize(
    "error", [SystemExit(1), Unprintable(), ValueError("a\0b\ud800"), RecursionError(), GeneratorExit()]
)
def test_whatever_a_handler_raises_fails_its_event_only(
    acme: Enterprise, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
        if any(event.text("id") == "conn_bad" for event in events):
            raise error
        return [APPLIED for _ in events]

    monkeypatch.setitem(HANDLERS, "connection.activated", fail)
    for number, key in enumerate(["conn_1", "conn_bad", "conn_2"]):
        deliver("connection.activated", event_id=f"event_{number}", id=key)

    assert apply_waiting(now=timezone.now()) == {"applied": 2, "failed": 1}
    assert type(error).__name__ in WebhookEvent.objects.get(status="failed").reason


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome("waiting", waits_for="org_" + "x" * 66),
        Outcome("finished"),
        Outcome("ignored", reason="a\0b"),
        Outcome("ignored", reason=5),  # type: ignore[arg-type]
        "applied",
    ],
)
def test_outcome_that_cannot_be_written_fails_its_event_only(
    acme: Enterprise, monkeypatch: pytest.MonkeyPatch, outcome: Any
) -> None:
    def decide(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
        return [outcome if event.text("id") == "conn_bad" else APPLIED for event in events]

    monkeypatch.setitem(HANDLERS, "connection.activated", decide)
    for number, key in enumerate(["conn_1", "conn_bad", "conn_2"]):
        deliver("connection.activated", event_id=f"event_{number}", id=key)

    outcomes = apply_waiting(now=timezone.now())

    assert outcomes["applied"] == 2
    bad = WebhookEvent.objects.get(event_id="event_1")
    assert bad.status == ("ignored" if getattr(outcome, "reason", "") == "a\0b" else "failed")
    assert bad.reason


@pytest.mark.parametrize(
    ("change", "error"),
    [
        # A time and a number that PostgreSQL has and Python has not.
        ("issued_at = '0044-03-15 12:00:00+00 BC'", "DataError"),
        ("payload = jsonb_set(payload, '{data,number}', repeat('9', 5000)::jsonb)", "ValueError"),
    ],
)
def test_row_that_cannot_be_read_fails_alone(acme: Enterprise, change: str, error: str) -> None:
    for number in range(3):
        deliver("connection.activated", event_id=f"event_{number}", id=f"conn_{number}")
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE webhooks_webhookevent SET {change} WHERE event_id = 'event_1'")  # noqa: S608 - ours

    assert apply_waiting(now=timezone.now()) == {"applied": 2, "failed": 1}
    failed = WebhookEvent.objects.filter(status="failed").values_list("event_id", "reason").get()
    assert failed[0] == "event_1"
    assert error in failed[1]


@pytest.mark.django_db(transaction=True)
def test_constraint_that_is_checked_at_the_commit_fails_its_event_only(
    acme: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
        for event in events:
            if event.text("id") == "conn_bad":
                Enterprise.objects.filter(pk=acme.pk).update(organization="org_missing")
        return [APPLIED for _ in events]

    monkeypatch.setitem(HANDLERS, "connection.activated", write)
    for number, key in enumerate(["conn_1", "conn_bad", "conn_2"]):
        deliver("connection.activated", event_id=f"event_{number}", id=key)

    assert apply_waiting(now=timezone.now()) == {"applied": 2, "failed": 1}
    assert "IntegrityError" in WebhookEvent.objects.get(status="failed").reason
    acme.refresh_from_db()
    assert acme.organization_id == ACME_ORGANIZATION


def test_database_that_is_read_only_is_no_events_failure(
    acme: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver("connection.activated")

    def refuse(events: Sequence[WebhookEvent]) -> None:
        raise InternalError("cannot execute UPDATE in a read-only transaction")

    monkeypatch.setattr(inbox, "write_outcomes", refuse)
    with pytest.raises(InternalError):
        apply_waiting(now=timezone.now())

    assert WebhookEvent.objects.get().status == "waiting"


# Times.

IMPOSSIBLE = [
    "0001-01-01T00:00:00+05:30",
    "9999-12-31T23:59:59-05:30",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
    "10000-01-01T00:00:00Z",
    "yesterday",
    1768478400,
    ["2026-01-15"],
]


@pytest.mark.parametrize("value", IMPOSSIBLE, ids=str)
def test_impossible_time_counts_as_absent_and_is_reported(acme: Enterprise, ada: User, value: object) -> None:
    event = apply_event("connection.activated", updated_at=value)

    assert event.status == "applied"
    assert Connection.objects.get().as_of == event.created_at
    text, report = inspect()
    assert "updated_at is not a time that we can store" in text
    assert report["data_problems"][0]["newest_event_id"] == event.event_id
    assert any("could not be used" in sentence for sentence in report["attention"])
    assert signed_in(ada).get(acme.get_absolute_url()).status_code == 200


@pytest.mark.parametrize("value", IMPOSSIBLE, ids=str)
def test_impossible_time_of_the_event_itself_is_replaced_by_the_time_of_signing(
    acme: Enterprise, value: object
) -> None:
    data = {"id": "conn_1", "organization_id": ACME_ORGANIZATION}

    event = apply_payload("connection.activated", data, created_at=value)

    assert (event.status, event.created_at) == ("applied", None)
    assert Connection.objects.get().as_of == event.issued_at
    assert "created_at is not a time" in event.data_problems


def test_impossible_expiry_of_a_certificate_counts_as_absent(acme: Enterprise) -> None:
    apply_event("connection.saml_certificate_renewal_required", 1)
    event = apply_event(
        "connection.saml_certificate_renewal_required",
        2,
        LATER,
        certificate={"certificate_type": "ResponseSigning", "expiry_date": IMPOSSIBLE[0]},
    )

    assert event.status == "applied"
    assert "expiry_date" in event.data_problems
    assert Certificate.objects.get().expires_at is not None, "what was said before must stay"


def test_time_in_the_future_counts_as_the_present_and_is_reported(acme: Enterprise) -> None:
    event = apply_event("connection.activated", 1, updated_at=FAR)
    now = timezone.now()

    assert Connection.objects.get().as_of == event.issued_at
    assert "updated_at is in the future" in inspect()[0]
    assert (
        apply_event("connection.deactivated", 2, (now + timedelta(seconds=1)).isoformat()).status == "applied"
    )
    assert Connection.objects.get().state == "inactive"


def test_event_of_the_future_counts_as_the_present(acme: Enterprise) -> None:
    data = {"id": "directory_1", "organization_id": ACME_ORGANIZATION}

    event = apply_payload("dsync.activated", data, created_at=FAR)

    assert Directory.objects.get().as_of == event.issued_at == event.created_at
    assert "created_at is in the future" in event.data_problems


def test_name_of_the_future_does_not_stay_for_ever(acme: Enterprise) -> None:
    apply_event("organization.updated", 1, FAR, name="Acme of 2099")
    soon = timezone.now() + timedelta(seconds=1)
    apply_event("organization.updated", 2, soon.isoformat(), name="Acme Holding")

    assert Organization.objects.get().name == "Acme Holding"


def test_clock_that_is_a_little_ahead_is_believed(acme: Enterprise) -> None:
    at = timezone.now() + timedelta(seconds=100)

    assert apply_event("connection.activated", updated_at=at.isoformat()).data_problems == ""
    assert Connection.objects.get().as_of == at


# Text.


@pytest.mark.parametrize("character", [chr(0), chr(0xD800), chr(0xDFFF)])
def test_character_that_cannot_be_stored_is_replaced_and_the_rest_is_true(
    acme: Enterprise, ada: User, character: str
) -> None:
    assert apply_event("connection.activated", name=f"Ok{character}ta").status == "applied"

    assert (Connection.objects.get().name, Connection.objects.get().state) == ("Ok\ufffdta", "active")
    assert signed_in(ada).get(acme.get_absolute_url()).status_code == 200


def test_names_are_one_line(acme: Enterprise) -> None:
    apply_event("connection.activated", 1, name="Okta\r\nBcc: eve@evil.example\u2028x")
    apply_event("organization.updated", 2, timezone.now().isoformat(), name="Acme\nInc")

    assert Connection.objects.get().name == "Okta Bcc: eve@evil.example x"
    assert Organization.objects.get().name == "Acme Inc"


@pytest.mark.parametrize("name", [["Okta"], {"a": 1}, 5, True])
def test_name_that_is_no_text_is_not_used_and_reported(acme: Enterprise, name: object) -> None:
    apply_event("connection.activated", 1)
    event = apply_event("connection.deactivated", 2, LATER, name=name)

    assert (Connection.objects.get().name, Connection.objects.get().state) == ("Acme SSO", "inactive")
    assert "name is not a text" in event.data_problems


# Objects that we hold.


@pytest.mark.parametrize("organization_id", [None, ""])
@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        ("dsync.activated", "dsync.deleted", "deleted"),
        ("connection.activated", "connection.deactivated", "inactive"),
        ("organization_domain.verified", "organization_domain.deleted", "deleted"),
    ],
)
def test_object_that_we_hold_is_known_without_its_organization(
    acme: Enterprise, first: str, second: str, state: str, organization_id: str | None
) -> None:
    apply_event(first, 1)

    event = apply_event(second, 2, LATER, organization_id=organization_id)

    assert event.status == "applied"
    model: Any = {"d": Directory, "c": Connection, "o": OrganizationDomain}[first[0]]
    assert (model.objects.get().state, model.objects.get().organization_id) == (state, ACME_ORGANIZATION)


def test_certificate_is_known_by_its_connection(acme: Enterprise) -> None:
    apply_event("connection.activated", 1)
    nested = {"id": Connection.objects.get().connection_id, "organization_id": None}

    assert apply_event("connection.saml_certificate_renewed", 2, connection=nested).status == "applied"
    assert Certificate.objects.get().organization_id == ACME_ORGANIZATION


# What an event does not say.

DOMAIN = {
    "object": "organization_domain",
    "id": "org_domain_01EHZNVPK2QXHMVWCEDQEKY69A",
    "domain": "acme.example",
}


@pytest.mark.parametrize(
    "domain", [DOMAIN, {"id": DOMAIN["id"]}, DOMAIN | {"state": None, "updated_at": LATEST}]
)
def test_domain_keeps_the_state_that_an_event_does_not_say(acme: Enterprise, domain: dict[str, Any]) -> None:
    apply_event("organization_domain.verified", 1)

    apply_event("organization.updated", 2, LATER, domains=[domain])

    stored = OrganizationDomain.objects.get()
    assert (stored.state, stored.domain) == ("verified", "acme.example")


def test_new_domain_without_a_state_is_pending_until_any_event_says_more(acme: Enterprise) -> None:
    assert apply_event("organization.updated", 3, LATEST, domains=[DOMAIN]).status == "applied"
    assert OrganizationDomain.objects.get().state == "pending"

    assert apply_event("organization_domain.verified", 1).status == "applied"
    assert OrganizationDomain.objects.get().state == "verified"


@pytest.mark.parametrize("value", [{}, {"name": None, "connection_type": None}])
def test_connection_keeps_the_name_and_type_that_an_event_does_not_say(
    acme: Enterprise, value: dict[str, Any]
) -> None:
    apply_event("connection.activated", 1)
    key = Connection.objects.get().connection_id
    data = {"id": key, "organization_id": ACME_ORGANIZATION, "updated_at": LATER, **value}

    assert apply_payload("connection.deactivated", data, 2).status == "applied"

    stored = Connection.objects.get()
    assert (stored.name, stored.connection_type, stored.state) == ("Acme SSO", "OktaSAML", "inactive")


def test_older_event_fills_in_what_a_newer_one_did_not_say(acme: Enterprise) -> None:
    data = {"id": "conn_1", "organization_id": ACME_ORGANIZATION, "updated_at": LATER}
    apply_payload("connection.deactivated", data, 2)

    apply_event("connection.activated", 1, id="conn_1")

    stored = Connection.objects.get()
    assert (stored.name, stored.state, stored.state_since) == ("Acme SSO", "inactive", stored.as_of)


def test_one_bad_domain_does_not_stop_the_others_of_its_organization(acme: Enterprise) -> None:
    domains = [DOMAIN | {"id": "org_domain_" + "x" * 66}, None, "acme", DOMAIN, {"id": "org_domain_2"}]

    event = apply_event("organization.updated", 1, name="Renamed", domains=domains)

    assert event.status == "applied"
    assert [one.domain_id for one in OrganizationDomain.objects.all()] == [DOMAIN["id"]]
    assert event.data_problems.count("Left out") == 4
    assert "org_domain_2: domain is missing" in inspect()[0]


@pytest.mark.parametrize("domains", [{}, "acme.example", 7, True])
def test_domains_that_are_no_list_do_not_stop_their_organization(acme: Enterprise, domains: object) -> None:
    event = apply_event(
        "organization.updated", 1, (timezone.now()).isoformat(), name="Renamed", domains=domains
    )

    assert event.status == "applied"
    assert "domains is not a list" in event.data_problems


# One verified owner of a domain.


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_newer_proof_of_a_domain_wins_in_any_order(
    acme: Enterprise, birch: Enterprise, order: tuple[int, int]
) -> None:
    for number in order:
        event = apply_event(
            "organization_domain.verified",
            number,
            {1: LATER, 2: LATEST}[number],
            id=f"org_domain_{number}",
            organization_id={1: ACME_ORGANIZATION, 2: birch.organization_id}[number],
        )
        assert event.status == "applied"

    states = dict(OrganizationDomain.objects.values_list("domain_id", "state"))
    assert states == {"org_domain_1": "pending", "org_domain_2": "verified"}


def test_two_proofs_in_one_batch_leave_one_owner_and_apply_the_rest(acme: Enterprise) -> None:
    for number in (1, 2, 3):
        deliver(
            "organization_domain.verified",
            event_id=f"event_{number}",
            id=f"org_domain_{number}",
            domain="acme.example" if number < 3 else "other.example",
        )

    apply_waiting(now=timezone.now())

    states = dict(OrganizationDomain.objects.values_list("domain_id", "state"))
    assert states == {"org_domain_1": "pending", "org_domain_2": "verified", "org_domain_3": "verified"}
