"""Any JSON value in any field of any event and any object of the API stops no process, page or neighbour.

VALUE_CASES=5000 pytest tests/webhooks/test_any_values.py       # or: make values
"""

import copy
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import responses
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import gateway
from enterprises import reconcile
from enterprises.models import Enterprise
from hostapp.models import User
from mirror.models import Connection, Directory, OrganizationDomain
from outbox.runner import run_due_tasks
from tests.conftest import ACME_ORGANIZATION, signed_in
from tests.deliveries import deliver, payload
from tests.factories import create_connection, create_directory, create_domain
from tests.gateway.test_gateway import API
from webhooks.event_names import HANDLED_EVENTS
from webhooks.inbox import apply_waiting
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db

CASES_AT_ONCE = 10
CASES = int(os.environ.get("VALUE_CASES", "200"))

_texts = st.one_of(
    st.text(st.characters(exclude_categories=[]), max_size=40),
    st.sampled_from(
        [
            *("", " ", ".", "..", "/", "%00", "None", "null", "deleted", "active", "verified", "linked"),
            *(
                "\0",
                chr(0xD800),
                chr(0xDFFF) + "x",
                "\r\nBcc: x",
                "\u2028",
                "\ufeff",
                "\u202e",
                "İ",
                "ß" * 64,
            ),
            *("x" * 64, "x" * 65, "x" * 254, "x" * 255, "x" * 256, "x" * 3000, "ü" * 70, "{{7*7}}", "<b>"),
            *(ACME_ORGANIZATION, "org_unknown", "conn_1", "2fe01467-f7ea-4dd2-8b79-c2b4f56d0191"),
        ]
    ),
)
_times = st.one_of(
    st.datetimes().map(lambda at: at.isoformat()),
    st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat()),
    st.sampled_from(
        [
            *(
                "0001-01-01T00:00:00+05:30",
                "9999-12-31T23:59:59.999999-05:30",
                "0001-01-01",
                "2099-01-01T00:00:00Z",
            ),
            *(
                "2026-01-15T12:00:00.000Z",
                "2026-01-15T12:00:00+23:59:59.999999",
                "10000-01-01",
                "-0001-01-01",
            ),
        ]
    ),
)
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 2**31, 2**63, -(2**63) - 1, 10**300]),
    st.floats(allow_nan=False, allow_infinity=False),
    _texts,
    _texts,
    _times,
    _times,
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)
_MISSING = object()
# Where (the remainder by the number of places), and what. Several changes of one object meet each other.
_changes = st.lists(st.tuples(st.integers(0, 999), _values | st.just(_MISSING)), min_size=1, max_size=3)


def _find_places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each (container, key) in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _find_places(inner)


def change_values(original: dict[str, Any], changes: list[tuple[int, Any]]) -> dict[str, Any]:
    changed = copy.deepcopy(original)
    for number, value in changes:
        places = list(_find_places(changed))
        if not places:
            break
        container, key = places[number % len(places)]
        if value is _MISSING:
            del container[key]
        else:
            container[key] = value
    return changed


def open_every_page(acme: Enterprise, member: Client, staff: Client) -> None:
    for path in ("", "status/", "members/", "history/", "history/export/", "setup-links/"):
        response = member.get(f"{acme.get_absolute_url()}{path}")
        assert response.status_code < 500, path
        if response.streaming:
            list(response)
    for path in ("/staff/enterprises/", f"/staff/enterprises/{acme.slug}/"):
        assert staff.get(path).status_code < 500, path
    for model in ("connection", "directory", "organizationdomain", "certificate", "organization"):
        assert staff.get(f"/admin/mirror/{model}/").status_code < 500, model
    for model in ("webhookevent", "unreadabledelivery", "refusalsample"):
        assert staff.get(f"/admin/webhooks/{model}/").status_code < 500, model
    for number in WebhookEvent.objects.order_by("pk").values_list("pk", flat=True)[:3]:
        assert staff.get(f"/admin/webhooks/webhookevent/{number}/change/").status_code < 500


def run_commands() -> None:
    for arguments in (["inspect_webhooks", "--json"], ["inspect_webhooks"]):
        # It exits with 1 when something needs a person.
        with suppress(SystemExit):
            call_command(*arguments, stdout=StringIO())


@pytest.fixture
def clients(ada: User, sam: User) -> tuple[Client, Client]:
    User.objects.filter(pk=sam.pk).update(is_superuser=True)
    return signed_in(ada), signed_in(sam)


def limit(examples: int) -> settings:
    return settings(
        max_examples=max(1, examples),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # An example of ten cases shrinks for minutes: the failing one is printed as it was found.
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )


_case = st.tuples(st.sampled_from(HANDLED_EVENTS), _changes)


def create_held_objects(acme: Enterprise) -> None:
    """The objects that the recorded events are about."""
    create_connection(acme, connection_id=payload("connection.activated")["data"]["id"])
    create_directory(acme, directory_id=payload("dsync.activated")["data"]["id"])
    create_domain(acme, domain_id=payload("organization_domain.verified")["data"]["id"])


def read_payload(event: str) -> dict[str, Any]:
    recorded = payload("dsync.activated" if event == "dsync.deactivated" else event)
    return recorded | {"event": event}


# Hypothesis runs every example in one transaction of the test; each is rolled back.
@pytest.mark.timeout(0 if CASES > 200 else 120)
@limit(CASES // CASES_AT_ONCE)
@given(st.lists(_case, min_size=CASES_AT_ONCE, max_size=CASES_AT_ONCE), st.booleans())
def test_any_value_in_an_event_stops_no_process_no_page_and_no_neighbour(
    acme: Enterprise,
    clients: tuple[Client, Client],
    caplog: pytest.LogCaptureFixture,
    cases: list[tuple[str, list[tuple[int, Any]]]],
    is_held: bool,
) -> None:
    caplog.set_level("CRITICAL")
    with transaction.atomic():
        if is_held:
            create_held_objects(acme)
        neighbours = []
        for number, (event, changes) in enumerate(cases):
            body = read_payload(event) | {"id": f"event_{number:03}"}
            assert deliver(change_values(body, changes)).status_code == 200
            neighbours.append(f"event_n{number:03}")
            data = {"id": f"conn_n{number}", "domain": f"n{number}.example"}
            if event.startswith(("connection.a", "connection.d", "dsync.", "organization_domain.v")):
                neighbour = read_payload(event)
                if event == "organization_domain.verification_failed":
                    neighbour["data"]["organization_domain"] |= data
                else:
                    neighbour["data"] |= data
            else:
                neighbour = read_payload("connection.activated")
                neighbour["data"] |= data
            deliver(neighbour | {"id": neighbours[-1]})

        apply_waiting(now=timezone.now())

        for one in WebhookEvent.objects.filter(event_id__in=neighbours):
            # An organization that is deleted, or an object that has gone with it, cannot be newer.
            assert one.status in ("applied", "stale"), (one.status, one.reason, cases)
        assert not WebhookEvent.objects.filter(unfinished_attempts__gt=0).exists()
        now = timezone.now()
        for _ in range(3):
            now += timedelta(days=1)
            apply_waiting(now=now)
        open_every_page(acme, *clients)
        run_commands()
        with responses.RequestsMock(assert_all_requests_are_fired=False):
            run_due_tasks(now=now)
        connection.check_constraints()
        transaction.set_rollback(True)


_OBJECTS: dict[str, dict[str, Any]] = {
    "connections": payload("connection.activated")["data"],
    "directories": payload("dsync.activated")["data"] | {"state": "linked"},
    "domains": payload("organization_domain.verified")["data"],
}
_neighbours: dict[str, Any] = {
    "connections": {"id": "conn_n", "state": "active", "name": "Neighbour"},
    "directories": {"id": "directory_n", "state": "linked", "name": "Neighbour"},
    "domains": {"id": "org_domain_n", "state": "verified", "domain": "neighbour.example"},
}


@pytest.mark.timeout(0 if CASES > 200 else 120)
@limit(CASES // CASES_AT_ONCE)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(_OBJECTS)), _changes), min_size=CASES_AT_ONCE, max_size=CASES_AT_ONCE
    ),
    st.booleans(),
)
def test_any_value_in_an_object_of_the_api_stops_no_process_no_page_and_no_neighbour(
    acme: Enterprise,
    clients: tuple[Client, Client],
    workos_api: responses.RequestsMock,
    caplog: pytest.LogCaptureFixture,
    cases: list[tuple[str, list[tuple[int, Any]]]],
    is_held: bool,
) -> None:
    caplog.set_level("CRITICAL")
    listed: dict[str, list[Any]] = {name: [] for name in _OBJECTS}
    for resource, changes in cases:
        listed[resource].append(change_values(_OBJECTS[resource], changes))
    for resource, objects in listed.items():
        objects.insert(len(objects) // 2, _neighbours[resource])
    workos_api.reset()
    workos_api.get(
        f"{API}/organizations/{ACME_ORGANIZATION}",
        body=json.dumps({"id": ACME_ORGANIZATION, "name": "Acme", "domains": listed["domains"]}),
    )
    for resource in ("connections", "directories"):
        workos_api.get(f"{API}/{resource}", body=json.dumps({"data": listed[resource], "list_metadata": {}}))
    workos_api.get(re.compile(f"{API}/(connections|directories|organization_domains)/.+"), status=404)
    with transaction.atomic():
        if is_held:
            create_held_objects(acme)

        reconcile.reconcile_enterprise(acme, now=timezone.now())

        assert Connection.objects.get(connection_id="conn_n").state == "active"
        assert Directory.objects.get(directory_id="directory_n").state == "active"
        assert OrganizationDomain.objects.get(domain_id="org_domain_n").domain == "neighbour.example"
        open_every_page(acme, *clients)
        run_commands()
        connection.check_constraints()
        transaction.set_rollback(True)


@pytest.mark.timeout(0 if CASES > 200 else 120)
@limit(CASES)
@given(_values)
def test_any_answer_of_the_api_ends_in_a_known_error_or_in_nothing(
    acme: Enterprise, workos_api: responses.RequestsMock, caplog: pytest.LogCaptureFixture, value: Any
) -> None:
    caplog.set_level("CRITICAL")
    workos_api.reset()
    workos_api.get(
        f"{API}/organizations/{ACME_ORGANIZATION}",
        body=json.dumps({"id": ACME_ORGANIZATION, "name": value, "external_id": value, "domains": value}),
    )
    for resource in ("connections", "directories"):
        workos_api.get(f"{API}/{resource}", body=json.dumps({"data": value, "list_metadata": value}))
    with transaction.atomic():
        with suppress(gateway.Refused, gateway.Unavailable):
            reconcile.reconcile_enterprise(acme, now=timezone.now())
        transaction.set_rollback(True)
