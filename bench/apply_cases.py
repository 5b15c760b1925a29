"""The kinds of events whose application `bench.apply` measures."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

ORGANIZATIONS = 50
START = datetime(2026, 1, 15, 12, tzinfo=UTC)
Payload = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One kind of events. `build` makes the data of the n-th; `minute` is when they happened.

    A case goes on from what the cases before it have left, unless it is `fresh`.
    """

    name: str
    event: str
    build: Callable[[int, int], Payload]
    minute: int = 10
    fresh: bool = False
    outcome: str = "applied"
    events: int = 1
    # Of distinct objects, all are applied; of one object, at least the newest.
    distinct: bool = True
    # The people are stored before.
    is_known: bool = False


def at(minute: int, number: int = 0) -> str:
    return (START + timedelta(minutes=minute, milliseconds=number)).isoformat().replace("+00:00", "Z")


def organization_id(number: int) -> str:
    return f"org_01BENCH{number % ORGANIZATIONS:019d}"


def build_person(number: int, minute: int, state: str = "active") -> Payload:
    email = f"marcelina.davis.{number}@acme.example"
    return {
        "object": "directory_user",
        "id": f"directory_user_01BENCH{number:019d}",
        "directory_id": f"directory_01BENCH{number % ORGANIZATIONS:019d}",
        "organization_id": organization_id(number),
        "idp_id": f"00u{number:012d}",
        "email": email,
        "first_name": "Marcelina",
        "last_name": f"Davis {number}",
        "name": f"Marcelina Davis {number}",
        "emails": [{"primary": True, "type": "work", "value": email}],
        "job_title": "Software Engineer",
        "username": email,
        "state": state,
        "raw_attributes": {},
        "custom_attributes": {"department": "Engineering", "job_title": "Software Engineer"},
        "role": {"slug": "member"},
        "roles": [{"slug": "member"}],
        "created_at": at(0),
        "updated_at": at(minute),
    }


def build_leaver(number: int, minute: int) -> Payload:
    return build_person(number, minute, state="inactive")


def build_membership(number: int, minute: int) -> Payload:
    person = build_person(number, minute)
    group = {
        "object": "directory_group",
        "id": f"directory_group_01BENCH{number % 1000:018d}",
        "idp_id": "02grqrue4294w24",
        "directory_id": person["directory_id"],
        "organization_id": person["organization_id"],
        "name": f"Developers {number % 1000}",
        "raw_attributes": {},
        "created_at": at(0),
        "updated_at": at(0),
    }
    return {"directory_id": person["directory_id"], "user": person, "group": group}


def build_connection(number: int, minute: int) -> Payload:
    return {
        "object": "connection",
        "id": f"conn_01BENCH{number:019d}",
        "state": "active",
        "name": f"Acme SSO {number}",
        "connection_type": "OktaSAML",
        "organization_id": organization_id(number),
        "created_at": at(0),
        "updated_at": at(minute),
        "external_key": "ext_01EHWNCE74X7JSDV0X3SZ3KJNY",
        "status": "linked",
        "domains": [{"object": "connection_domain", "id": "conn_domain_1", "domain": "acme.example"}],
    }


def build_one_connection(number: int, minute: int) -> Payload:
    return {**build_connection(0, minute), "updated_at": at(minute, number)}


def build_domain(number: int, minute: int) -> Payload:
    return {
        "object": "organization_domain",
        "id": f"org_domain_01BENCH{number:019d}",
        "organization_id": organization_id(number),
        "domain": f"d{number}.acme.example",
        "state": "pending",
        "verification_prefix": "superapp-domain-verification-z3kjny",
        "verification_token": "m5Oztg3jdK4NJLgs8uIlIprMw",
        "verification_strategy": "dns",
        "created_at": at(0),
        "updated_at": at(minute),
    }


CASES = [
    Case("person created", "dsync.user.created", build_person, fresh=True),
    Case("person updated", "dsync.user.updated", build_person, minute=20),
    Case("person stale", "dsync.user.updated", build_person, minute=5, outcome="stale"),
    Case("membership of known", "dsync.group.user_added", build_membership, minute=20),
    Case("membership of unknown", "dsync.group.user_added", build_membership, fresh=True),
    Case("connection new", "connection.activated", build_connection, fresh=True),
    Case("connection updated", "connection.activated", build_connection, minute=20),
    Case("connection stale", "connection.activated", build_connection, minute=5, outcome="stale"),
    Case("connection, one object", "connection.activated", build_one_connection, fresh=True, distinct=False),
    Case("domain verified", "organization_domain.verified", build_domain, fresh=True),
    Case("leaver", "dsync.user.updated", build_leaver, minute=20, fresh=True, events=5, is_known=True),
]
