"""Parse WorkOS's objects into unsaved rows, leniently: objects come in several versions and dialects.

Each function takes an object as an event's `data` or the API holds it, and the time it describes (`as_of`). A
`state` that is given wins over the object's own: the name of an event says more than the old state in its
payload. A missing identifier raises KeyError, a state that we do not know UnknownState; any other absent
field is blank.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import TextChoices

from mirror.models import Certificate, Connection, Directory, MirroredRow, OrganizationDomain
from mirror.times import parse_time

# The API says linked and unlinked where events say active and inactive.
_DIRECTORY_STATES = {"linked": Directory.State.ACTIVE, "unlinked": Directory.State.INACTIVE}
_DOMAIN_STATES = {"legacy_verified": OrganizationDomain.State.VERIFIED}


class UnknownState(ValueError):
    """WorkOS sent a state that we do not know. The object is not written; the row that we have stays."""


@dataclass(frozen=True)
class Observed:
    """One object as WorkOS described it: an unsaved row, and the id of its organization."""

    organization_id: str
    row: MirroredRow


def parse_connection(
    data: Mapping[str, Any], *, as_of: datetime, as_of_event: str = "", state: str = ""
) -> Observed:
    row = Connection(
        connection_id=data["id"],
        name=_text(data.get("name")),
        connection_type=_text(data.get("connection_type"))[:64],
        state=_known_state(Connection.State, state or data["state"]),
        as_of=as_of,
        as_of_event=as_of_event,
    )
    return Observed(_organization_id(data), row)


def parse_directory(
    data: Mapping[str, Any], *, as_of: datetime, as_of_event: str = "", state: str = ""
) -> Observed:
    given = state or data["state"]
    row = Directory(
        directory_id=data["id"],
        name=_text(data.get("name")),
        directory_type=_text(data.get("type"))[:64],
        state=_DIRECTORY_STATES.get(given) or _known_state(Directory.State, given),
        as_of=as_of,
        as_of_event=as_of_event,
    )
    return Observed(_organization_id(data), row)


def parse_domain(
    data: Mapping[str, Any], *, as_of: datetime, as_of_event: str = "", state: str = "", reason: str = ""
) -> Observed:
    given = state or data.get("state") or OrganizationDomain.State.PENDING
    row = OrganizationDomain(
        domain_id=data["id"],
        domain=data["domain"],
        state=_DOMAIN_STATES.get(given) or _known_state(OrganizationDomain.State, given),
        reason=reason,
        as_of=as_of,
        as_of_event=as_of_event,
    )
    return Observed(_organization_id(data), row)


def parse_certificate(
    data: Mapping[str, Any], *, as_of: datetime, as_of_event: str = "", state: str
) -> Observed:
    """`data` of a `connection.saml_certificate_*` event, with `connection` and `certificate` nested."""
    connection_id = data["connection"]["id"]
    certificate_type = _text(data["certificate"].get("certificate_type"))[:64]
    row = Certificate(
        key=Certificate.build_key(connection_id, certificate_type),
        connection_id=connection_id,
        certificate_type=certificate_type,
        expires_at=parse_time(data["certificate"].get("expiry_date")),
        state=_known_state(Certificate.State, state),
        as_of=as_of,
        as_of_event=as_of_event,
    )
    return Observed(_organization_id(data["connection"]), row)


def _known_state(states: type[TextChoices], value: object) -> str:
    try:
        return str(states(str(value)))
    except ValueError:
        raise UnknownState(f"WorkOS sent the state {value!r:.40}, which we do not know.") from None


def _organization_id(data: Mapping[str, Any]) -> str:
    return _text(data.get("organization_id"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
