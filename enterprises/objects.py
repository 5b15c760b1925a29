"""WorkOS's objects, read into our rows: leniently, because they come in several ages and dialects.

Each function takes the object as WorkOS sends it (in an event's `data` or from the API), and when it was so.
A `state` that is given is believed over the object's own: an event's name says more than the old state that
rides along. Missing identifiers raise KeyError, a state that we do not know raises UnknownState; everything
else has a blank.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db.models import TextChoices
from django.utils.dateparse import parse_datetime

from enterprises.facts import Told
from enterprises.models import Certificate, Connection, Directory, OrganizationDomain

# The API says linked and unlinked where events say active and inactive.
DIRECTORY_STATES = {"linked": Directory.State.ACTIVE, "unlinked": Directory.State.INACTIVE}
DOMAIN_STATES = {"legacy_verified": OrganizationDomain.State.VERIFIED}


class UnknownState(ValueError):
    """WorkOS has a state that we have no word for. The object is kept out; what we hold stays."""


def time(value: object) -> datetime | None:
    """`2026-01-15T12:00:00.000Z` and `2023-04-28 20:05:31.093` (no offset: UTC), or None."""
    if not isinstance(value, str):
        return None
    try:
        parsed = parse_datetime(value)
    except ValueError:
        return None
    return parsed.replace(tzinfo=UTC) if parsed and parsed.tzinfo is None else parsed


def connection(data: Mapping[str, Any], *, as_of: datetime, as_of_event: str = "", state: str = "") -> Told:
    row = Connection(
        connection_id=data["id"],
        name=_text(data.get("name")),
        connection_type=_text(data.get("connection_type"))[:64],
        state=_state(Connection.State, state or data["state"]),
        as_of=as_of,
        as_of_event=as_of_event,
    )
    return Told(_organization_id(data), row)


def directory(data: Mapping[str, Any], *, as_of: datetime, as_of_event: str = "", state: str = "") -> Told:
    told = state or data["state"]
    row = Directory(
        directory_id=data["id"],
        name=_text(data.get("name")),
        directory_type=_text(data.get("type"))[:64],
        state=DIRECTORY_STATES.get(told) or _state(Directory.State, told),
        as_of=as_of,
        as_of_event=as_of_event,
    )
    return Told(_organization_id(data), row)


def domain(
    data: Mapping[str, Any], *, as_of: datetime, as_of_event: str = "", state: str = "", reason: str = ""
) -> Told:
    told = state or data.get("state") or OrganizationDomain.State.PENDING
    row = OrganizationDomain(
        domain_id=data["id"],
        domain=data["domain"],
        state=DOMAIN_STATES.get(told) or _state(OrganizationDomain.State, told),
        reason=reason,
        as_of=as_of,
        as_of_event=as_of_event,
    )
    return Told(_organization_id(data), row)


def certificate(
    data: Mapping[str, Any], *, as_of: datetime, as_of_event: str = "", renewal_required: bool
) -> Told:
    """`data` is that of a `connection.saml_certificate_*` event: `connection` and `certificate`, nested."""
    connection_id = data["connection"]["id"]
    certificate_type = _text(data["certificate"].get("certificate_type"))[:64]
    row = Certificate(
        key=Certificate.key_of(connection_id, certificate_type),
        connection_id=connection_id,
        certificate_type=certificate_type,
        expires_at=time(data["certificate"].get("expiry_date")),
        renewal_required=renewal_required,
        as_of=as_of,
        as_of_event=as_of_event,
    )
    return Told(_organization_id(data["connection"]), row)


def _state(states: type[TextChoices], told: object) -> str:
    try:
        return str(states(str(told)))
    except ValueError:
        raise UnknownState(f"WorkOS says {told!r:.40}, a state that we do not know.") from None


def _organization_id(data: Mapping[str, Any]) -> str:
    return _text(data.get("organization_id"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
