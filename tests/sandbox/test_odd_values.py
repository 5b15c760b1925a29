"""No value in a request is an internal error, and a deleted object's cursor keeps its place."""

import http.client
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workos import WorkOSClient

from sandbox.client import Sandbox
from sandbox.models import Organization
from sandbox.tables import Table

ODD_JSON = [
    "null",
    "true",
    "[]",
    "{}",
    "[[1]]",
    '{"a": {"b": []}}',
    '""',
    '" "',
    '"a"',
    '"\\u0000"',
    '"\\ud83d"',
    "-1",
    "0.5",
    "1e400",
    "-1e400",
    "NaN",
    "Infinity",
    "9" * 400,
    "9" * 5000,
    "1e300",
    "9007199254740993",
    "[" * 100_000,
    '{"a":' * 100_000,
    "[" * 70 + "]" * 70,
    '"' + "x" * 100_000 + '"',
    '"9999-12-31T23:59:59Z"',
    '"0001-01-01T00:00:00+05:30"',
]

CALLS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "POST",
        "/organizations",
        {
            "name": "A",
            "external_id": "a",
            "metadata": {},
            "domain_data": [],
            "domains": [],
            "allow_profiles_outside_organization": False,
        },
    ),
    (
        "PUT",
        "/organizations/{organization}",
        {"name": "A", "metadata": {}, "stripe_customer_id": "cus_1", "domain_data": []},
    ),
    ("POST", "/organization_domains", {"organization_id": "{organization}", "domain": "b.example"}),
    (
        "POST",
        "/portal/generate_link",
        {
            "organization": "{organization}",
            "intent": "sso",
            "return_url": "https://a.example",
            "success_url": "https://a.example",
            "external_user_id": "1",
            "it_contact_emails": [],
        },
    ),
    ("POST", "/portal/revoke_link", {"organization": "{organization}", "external_user_id": "1"}),
    ("POST", "/webhook_endpoints", {"endpoint_url": "https://a.example", "events": ["connection.activated"]}),
    ("POST", "/organizations/{organization}/it_contacts", {"email": "it@a.example"}),
    ("POST", "/_sandbox/reset", {"seed": True}),
    ("POST", "/_sandbox/seed", {"organizations": [], "switches": {}, "webhook_endpoints": []}),
    ("POST", "/_sandbox/settle", {"seconds": 0}),
    ("PATCH", "/_sandbox/clock", {"freeze": True, "advance": 1}),
    (
        "PATCH",
        "/_sandbox/switches",
        {
            "link_seconds": 60,
            "retry_delays": [1],
            "single_use_links": True,
            "concurrency": 1,
            "unknown_organization_status": 404,
            "webhook_timeout": 1,
            "delivery_log": 5,
        },
    ),
    ("POST", "/_sandbox/faults", {"kind": "delay", "seconds": 1, "times": 1, "event": "*"}),
    ("POST", "/_sandbox/faults", {"kind": "duplicate", "copies": 1}),
    ("POST", "/_sandbox/faults", {"kind": "status", "status": 500, "retry_after": 1, "path": "/nowhere"}),
    ("POST", "/_sandbox/events", {"event": "a.b", "data": {}, "organization_id": "{organization}"}),
    (
        "POST",
        "/_sandbox/connections",
        {"organization_id": "{organization}", "type": "OktaSAML", "state": "active", "name": "A"},
    ),
    ("POST", "/_sandbox/connections/{connection}/expire_certificate", {"days": 30}),
    (
        "POST",
        "/_sandbox/directories",
        {"organization_id": "{organization}", "type": "okta scim v2.0", "users": 0},
    ),
    ("POST", "/_sandbox/directories/{directory}/people/add", {"count": 1}),
    ("POST", "/_sandbox/domains/verify", {"organization_id": "{organization}", "domain": "c.example"}),
    (
        "POST",
        "/_sandbox/domains/fail",
        {"organization_id": "{organization}", "domain": "c.example", "reason": "x"},
    ),
    ("POST", "/_sandbox/links/expire", {"organization_id": "{organization}"}),
    ("POST", "/_sandbox/bursts", {"directory_id": "{directory}", "count": 1, "event": "dsync.user.created"}),
    ("POST", "/_sandbox/lifecycles", {"name": "A"}),
    ("PUT", "/_sandbox/webhook", {"url": "http://localhost:9/", "secret": "whsec"}),
]


class Caller:
    """Calls the sandbox with a body as it stands."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._connection = http.client.HTTPConnection(
            "127.0.0.1", int(sandbox.url.rsplit(":", 1)[1]), timeout=20
        )

    def call(self, method: str, path: str, body: str | None = None) -> int:
        headers = {"Authorization": "Bearer sk_test_odd", "Content-Type": "application/json"}
        self._connection.request(method, path, body.encode() if body is not None else None, headers)
        response = self._connection.getresponse()
        response.read()
        return response.status

    def close(self) -> None:
        self._connection.close()


def build_bodies(body: dict[str, Any], ids: dict[str, str]) -> list[str]:
    """`body`, with each of its values replaced by each odd one; and each odd one as the whole body."""
    text = json.dumps(body)
    for name, value in ids.items():
        text = text.replace(f"{{{name}}}", value)
    filled = json.loads(text)
    bodies = list(ODD_JSON)
    for name in filled:
        rest = json.dumps({key: value for key, value in filled.items() if key != name})[1:-1]
        bodies += [f'{{"{name}": {odd}{", " if rest else ""}{rest}}}' for odd in ODD_JSON]
    return bodies


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "body"), CALLS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_no_body_is_an_internal_error(sandbox: Sandbox, method: str, path: str, body: dict[str, Any]) -> None:
    caller = Caller(sandbox)
    statuses = {}

    def set_up() -> dict[str, str]:
        sandbox.reset()
        sandbox.switch(requests_per_minute=10**9)
        organization = sandbox.request(
            "POST", "seed", {"organizations": [{"name": "Acme", "domains": ["c.example"]}]}
        )
        organization = sandbox.organizations()[0]["id"]
        return {
            "organization": organization,
            "connection": sandbox.activate_connection(organization)["id"],
            "directory": sandbox.activate_directory(organization)["id"],
        }

    ids = set_up()
    for text in build_bodies(body, ids):
        address = path.format(**ids)
        statuses[text[:80]] = caller.call(method, address, text)
        if path in ("/_sandbox/reset", "/_sandbox/clock", "/_sandbox/switches"):
            ids = set_up()
    # What was accepted can be shown, too.
    for page in ("state", "events", "deliveries", "faults", "switches", "health", "mails"):
        statuses[page] = caller.call("GET", f"/_sandbox/{page}")
    for page in ("organizations?limit=100", "events?events=a.b", "webhook_endpoints"):
        statuses[page] = caller.call("GET", f"/{page}")
    caller.close()

    assert {text: status for text, status in statuses.items() if status >= 500} == {}


@pytest.mark.parametrize("value", ["-1", "0", "9" * 5000, "1e3", "x", "%00", "%FF", "1.5", "%D9%A3"])
@pytest.mark.parametrize("parameter", ["limit", "order", "after", "before", "range_start", "events"])
def test_no_query_is_an_internal_error(sandbox: Sandbox, parameter: str, value: str) -> None:
    caller = Caller(sandbox)
    for path in ("/organizations", "/connections", "/events", "/_sandbox/events", "/_sandbox/deliveries"):
        assert caller.call("GET", f"{path}?{parameter}={value}") < 500
    caller.close()


def test_walk_goes_on_after_the_object_of_its_cursor_was_deleted(workos: WorkOSClient) -> None:
    created = [workos.organizations.create_organization(name=f"Acme {n}").id for n in range(12)]
    page = workos.organizations.list_organizations(limit=4, order="asc")
    for one in page.data[2:]:
        workos.organizations.delete_organization(one.id)

    rest = workos.organizations.list_organizations(limit=100, order="asc", after=page.list_metadata.after)
    back = workos.organizations.list_organizations(limit=100, order="asc", before=page.list_metadata.after)

    assert [one.id for one in rest.data] == created[4:]
    assert [one.id for one in back.data] == created[:2]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 200)), max_size=300))
def test_cursor_keeps_its_place_whatever_is_deleted(steps: list[tuple[bool, int]]) -> None:
    table = Table("organizations", Organization)
    numbers: list[int] = list(range(100))
    for number in numbers:
        table.put(_organization(number))
    ever, living = list(numbers), set(numbers)
    for deletes, choice in steps:
        if deletes and living:
            number = sorted(living)[choice % len(living)]
            table.delete(f"org_{number:04}")
            living.discard(number)
        elif not deletes:
            table.put(_organization(len(ever)))
            living.add(len(ever))
            ever.append(len(ever))

    for cursor in ever[:: max(1, len(ever) // 7)]:
        after = [int(row.id[4:]) for row in table.iterate(after=f"org_{cursor:04}")]
        before = [int(row.id[4:]) for row in table.iterate(after=f"org_{cursor:04}", backwards=True)]
        assert after == [number for number in sorted(living) if number > cursor]
        assert before == [number for number in sorted(living, reverse=True) if number < cursor]


def _organization(number: int) -> Organization:
    return Organization(id=f"org_{number:04}", name="Acme", created_at="", updated_at="")
