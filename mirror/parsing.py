"""Parse WorkOS's objects into unsaved rows, leniently: objects come in several versions and dialects.

Each function takes an object as an event's `data` or the API holds it, and the time it describes (`as_of`). A
`state` that is given wins over the object's own: the name of an event says more than the old state in its
payload. What an object does not say is blank in the row, and the upsert keeps what is stored.

An object that no column can hold, or that has no identifier, raises InvalidObject; a state that we do not
know raises UnknownState. Any other field that cannot be used counts as absent, and is one of the `problems`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import TextChoices

from mirror.models import DELETED, Certificate, Connection, Directory, MirroredRow, OrganizationDomain
from mirror.text import REPLACEMENT, fold_line, replace_unstorable
from mirror.times import parse_time, resolve_time

MAX_ID_LENGTH = 64
# The version of an object that does not say its state: older than any that does.
UNDATED = datetime(1970, 1, 1, tzinfo=UTC)

_MAX_NAME_LENGTH = 500
_MAX_TYPE_LENGTH = 64
_MAX_DOMAIN_LENGTH = 253
_MAX_REASON_LENGTH = 2000

# The API says linked and unlinked where events say active and inactive.
_DIRECTORY_STATES = {"linked": Directory.State.ACTIVE, "unlinked": Directory.State.INACTIVE}
_DOMAIN_STATES = {"legacy_verified": OrganizationDomain.State.VERIFIED}


class InvalidObject(ValueError):
    """An object that cannot be stored. The message says which, and which field of it; `place` does so
    without any value, for the log.
    """

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place} {problem}")
        self.place = place


class UnknownState(InvalidObject):
    """WorkOS sent a state that we do not know. The object is not written; the row that we have stays."""

    def __init__(self, name: str, value: object) -> None:
        text = replace_unstorable(f"{value!r:.40}")
        super().__init__(f"{name}:", f"WorkOS sent the state {text}, which we do not know.")
        self.place = f"{name}: state"


@dataclass(frozen=True)
class Observed:
    """One object as WorkOS described it: an unsaved row, and the id of its organization (or a blank)."""

    organization_id: str
    row: MirroredRow
    # Fields that were sent and could not be used, in words.
    problems: tuple[str, ...] = ()
    # Without a state it is no newer than what is stored, and only fills in what is blank there.
    has_state: bool = True
    # The field that a new row must have and this one has not. Blank if it is complete.
    missing_field: str = ""


@dataclass(frozen=True)
class ObservedOrganization:
    """What an event or the API says of an Organization."""

    organization_id: str
    external_id: str
    name: str
    as_of: datetime
    problems: tuple[str, ...]


class Fields:
    """Reads the fields of one object, and collects what could not be used."""

    def __init__(self, kind: str, data: object) -> None:
        if not isinstance(data, Mapping):
            raise InvalidObject(kind, "is not an object")
        self.data: Mapping[str, Any] = data
        self.name = kind
        self.problems: list[str] = []

    def read_id(self, limit: int = MAX_ID_LENGTH) -> str:
        """The object's own id, which names it in every problem from here on."""
        object_id = self.require_id_in("id", limit)
        self.name = f"{self.name} {object_id}"
        return object_id

    def require_id_in(self, field: str, limit: int = MAX_ID_LENGTH) -> str:
        """The id in this field. Raises InvalidObject if there is none."""
        object_id = self.read_id_in(field, limit)
        if not object_id:
            raise InvalidObject(f"{self.name}: {field}", "is missing")
        return object_id

    def read_id_in(self, field: str, limit: int = MAX_ID_LENGTH) -> str:
        """The id in this field, or a blank."""
        value = self.data.get(field)
        if value is None or value == "":
            return ""
        if not isinstance(value, str):
            raise InvalidObject(f"{self.name}: {field}", "is not a text")
        if len(value) > limit:
            raise InvalidObject(f"{self.name}: {field}", f"is longer than {limit} characters")
        # Replaced or folded it would be the id of another object. A dot or two would be another API path.
        is_plain = value.isascii() and value.isprintable() and " " not in value
        if value in (".", "..") or not (is_plain or (fold_line(value) == value and REPLACEMENT not in value)):
            raise InvalidObject(f"{self.name}: {field}", "contains a character that no id has")
        return value

    def read_line(self, field: str, limit: int) -> str:
        """The text in this field as one line of at most `limit` characters, or a blank."""
        value = self.data.get(field)
        if value is None:
            return ""
        if not isinstance(value, str):
            self._add_problem(field, "is not a text, so it was not used")
            return ""
        # A text of a mebibyte is not worth folding.
        return fold_line(value[: limit * 2])[:limit]

    def read_time(self, field: str) -> datetime | None:
        value = self.data.get(field)
        at = parse_time(value)
        if at is None and value is not None:
            self._add_problem(field, "is not a time that we can store, so it was not used")
        return at

    def read_state(
        self, given: str, states: type[TextChoices], aliases: Mapping[str, str] | None = None
    ) -> str:
        """The state that is given, or else the object's own; a blank if it has none."""
        if given:
            return given
        value = self.data.get("state")
        if value is None or value == "":
            return ""
        if isinstance(value, str):
            if aliases and value in aliases:
                return str(aliases[value])
            # An object that can be read is not deleted: that is said by an event's name, or by a 404.
            if value in states.values and value != DELETED:
                return value
        raise UnknownState(self.name, value)

    def _add_problem(self, field: str, problem: str) -> None:
        self.problems.append(f"{self.name}: {field} {problem}")


def parse_connection(
    data: Mapping[str, Any], *, as_of: datetime, as_of_event: str = "", state: str = ""
) -> Observed:
    fields = Fields("connection", data)
    row = Connection(
        connection_id=fields.read_id(),
        name=fields.read_line("name", _MAX_NAME_LENGTH),
        connection_type=fields.read_line("connection_type", _MAX_TYPE_LENGTH),
        state=fields.read_state(state, Connection.State),
        as_of=as_of,
        as_of_event=as_of_event,
    )
    return _build_observed(fields, row, default_state=Connection.State.DRAFT)


def parse_directory(
    data: Mapping[str, Any], *, as_of: datetime, as_of_event: str = "", state: str = ""
) -> Observed:
    fields = Fields("directory", data)
    row = Directory(
        directory_id=fields.read_id(),
        name=fields.read_line("name", _MAX_NAME_LENGTH),
        directory_type=fields.read_line("type", _MAX_TYPE_LENGTH),
        listed_people=_read_listed(data, "users"),
        listed_groups=_read_listed(data, "groups"),
        state=fields.read_state(state, Directory.State, _DIRECTORY_STATES),
        as_of=as_of,
        as_of_event=as_of_event,
    )
    return _build_observed(fields, row, default_state=Directory.State.VALIDATING)


def parse_domain(
    data: Mapping[str, Any], *, as_of: datetime, as_of_event: str = "", state: str = "", reason: str = ""
) -> Observed:
    """A domain that does not say its state begins pending."""
    fields = Fields("organization_domain", data)
    row = OrganizationDomain(
        domain_id=fields.read_id(),
        domain=_read_domain(fields),
        state=fields.read_state(state, OrganizationDomain.State, _DOMAIN_STATES),
        reason=fold_line(reason)[:_MAX_REASON_LENGTH],
        as_of=as_of,
        as_of_event=as_of_event,
    )
    missing_field = "" if row.domain or row.state == DELETED else "domain"
    return _build_observed(
        fields, row, default_state=OrganizationDomain.State.PENDING, missing_field=missing_field
    )


def parse_certificate(
    data: Mapping[str, Any], *, as_of: datetime, as_of_event: str = "", state: str
) -> Observed:
    """`data` of a `connection.saml_certificate_*` event, with `connection` and `certificate` nested."""
    connection = Fields("connection", data.get("connection"))
    connection_id = connection.read_id()
    certificate = Fields(f"certificate of {connection_id}", data.get("certificate"))
    certificate_type = certificate.read_line("certificate_type", _MAX_TYPE_LENGTH)
    row = Certificate(
        key=Certificate.build_key(connection_id, certificate_type),
        connection_id=connection_id,
        certificate_type=certificate_type,
        expires_at=certificate.read_time("expiry_date"),
        state=state,
        as_of=as_of,
        as_of_event=as_of_event,
    )
    return Observed(connection.read_id_in("organization_id"), row, tuple(certificate.problems))


def parse_organization(data: object, *, happened_at: datetime, latest: datetime) -> ObservedOrganization:
    """An Organization from the API or an `organization.*` event. Its time is never later than `latest`."""
    fields = Fields("organization", data)
    organization_id = fields.read_id()
    time = resolve_time(
        fields.data.get("updated_at"), field="updated_at", fallback=happened_at, latest=latest
    )
    name = fields.read_line("name", _MAX_NAME_LENGTH)
    external_id = fields.data.get("external_id")
    problems = fields.problems + ([f"{fields.name}: {time.problem}"] if time.problem else [])
    return ObservedOrganization(
        organization_id=organization_id,
        external_id=external_id if isinstance(external_id, str) else "",
        name=name,
        as_of=time.at,
        problems=tuple(problems),
    )


def parse_each(
    items: object, observe: Callable[[Any], Observed], *, name: str
) -> tuple[list[Observed], list[InvalidObject]]:
    """Observe each of a list of objects. One that cannot be stored does not hide the others.

    `name` is what the list is called if it is none.
    """
    observations: list[Observed] = []
    invalid: list[InvalidObject] = []
    if items is None:
        return observations, invalid
    if not isinstance(items, list):
        return observations, [InvalidObject(name, "is not a list")]
    for item in items:
        try:
            observations.append(observe(item))
        except InvalidObject as error:
            invalid.append(error)
    return observations, invalid


def _build_observed(fields: Fields, row: Any, *, default_state: str, missing_field: str = "") -> Observed:
    has_state = bool(row.state)
    if not has_state:
        row.state = default_state
        # A new domain begins pending; of a connection or a directory nothing can be shown without a state.
        if not isinstance(row, OrganizationDomain):
            missing_field = "state"
    return Observed(
        fields.read_id_in("organization_id"), row, tuple(fields.problems), has_state, missing_field
    )


def _read_listed(data: Mapping[str, Any], name: str) -> int | None:
    """How many WorkOS lists: `{"metadata": {"users": {"active": 2, "inactive": 1}, "groups": 4}}`."""
    metadata = data.get("metadata")
    value = metadata.get(name) if isinstance(metadata, Mapping) else None
    parts = [value.get(one) for one in ("active", "inactive")] if isinstance(value, Mapping) else [value]
    numbers = [one for one in parts if type(one) is int and 0 <= one < 2**30]
    return sum(numbers) if len(numbers) == len(parts) else None


def _read_domain(fields: Fields) -> str:
    value = fields.data.get("domain")
    if value is None or value == "":
        return ""
    place = f"{fields.name}: domain"
    if not isinstance(value, str):
        raise InvalidObject(place, "is not a text")
    if len(value) > _MAX_DOMAIN_LENGTH:
        raise InvalidObject(place, f"is longer than {_MAX_DOMAIN_LENGTH} characters")
    # Replaced or folded it would be another domain.
    if fold_line(value) != value or REPLACEMENT in value:
        raise InvalidObject(place, "contains a character that no domain has")
    return value
