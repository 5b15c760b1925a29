"""Parse people, groups and memberships of directories, leniently, as `mirror.parsing` does other objects.

What an object does not mention is absent from `values`, and the upsert keeps what is stored. An object that
cannot be stored, or that has no identifier, raises InvalidObject; a state that we do not know raises
UnknownState.
"""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from mirror.parsing import UNDATED, Fields, UnknownState
from mirror.people_models import DirectoryGroupState, DirectoryUserState
from mirror.times import parse_time, resolve_time

_MAX_ID_LENGTH = 255
_MAX_NAME_LENGTH = 500
_MAX_KEY_LENGTH = 200
_MAX_EMAIL_LENGTH = 320

_USER_STATES = {
    "active": DirectoryUserState.ACTIVE.value,
    "inactive": DirectoryUserState.INACTIVE.value,
    "suspended": DirectoryUserState.INACTIVE.value,
}


class Version(NamedTuple):
    """Which of two descriptions is newer: the object's time, then the event that gave it."""

    as_of: datetime
    event_id: str


NEVER = Version(UNDATED, "")

# What was said of an object, by column. A field with several columns has all of them or none.
Values = Mapping[str, Any]


class ObservedRow(NamedTuple):
    """One person or group as WorkOS described it. Without `values` it is only named."""

    organization_id: str
    directory_id: str
    object_id: str
    version: Version
    values: Values
    # When we learned it: for the API, when the request was started.
    observed_at: datetime
    # It exists, or has existed. A removal does not say so, and neither does a membership that only names it.
    is_announced: bool = True
    # The time is not the object's own.
    is_estimated: bool = False
    is_from_api: bool = False
    problems: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        return self.directory_id, self.object_id


class ObservedMembership(NamedTuple):
    """Whether a person was in a group at a time, and what was said of both."""

    user: ObservedRow
    group: ObservedRow
    is_member: bool
    version: Version

    @property
    def problems(self) -> tuple[str, ...]:
        return self.user.problems + self.group.problems


class Said(NamedTuple):
    """When something was said, and when we learned it: for the API both are when the request was started.

    `event_id`: the event that said it. `latest`: no time of an object counts as later. `directory_id` and
    `organization_id` stand in where the object does not say them.
    """

    happened_at: datetime
    observed_at: datetime
    event_id: str = ""
    is_from_api: bool = False
    latest: datetime | None = None
    directory_id: str = ""
    organization_id: str = ""


def parse_user(data: object, said: Said) -> ObservedRow:
    """A person from the API or an event that says how they are now."""
    fields = Fields("directory_user", data)
    return _parse_row(fields, said, _read_user_values)


def parse_group(data: object, said: Said) -> ObservedRow:
    """A group from the API or an event that says how it is now."""
    fields = Fields("directory_group", data)
    return _parse_row(fields, said, _read_group_values)


def parse_removed_user(data: object, said: Said) -> ObservedRow:
    """A person who was removed at `said.happened_at`: the object carries its last state and time."""
    return _parse_removed(Fields("directory_user", data), said, DirectoryUserState.INACTIVE.value)


def parse_removed_group(data: object, said: Said) -> ObservedRow:
    return _parse_removed(Fields("directory_group", data), said, DirectoryGroupState.DELETED.value)


def parse_membership(data: object, said: Said, *, is_member: bool) -> ObservedMembership:
    """`data` of a `dsync.group.user_*` event: `user` and `group` are nested, and may be partial.

    A complete object in it is news of the object, but of the same time as the object's own event: it has no
    event id, so that the own event wins. A removal only names them.
    """
    fields = Fields("membership", data)
    directory_id = fields.read_id_in("directory_id")
    nested = {name: Fields(f"directory_{name}", fields.data.get(name)) for name in ("user", "group")}
    organization_id = fields.read_id_in("organization_id") or next(
        (found for one in nested.values() if (found := one.read_id_in("organization_id"))), ""
    )
    context = Said(
        said.happened_at,
        said.observed_at,
        latest=said.latest,
        directory_id=directory_id,
        organization_id=organization_id,
    )
    return ObservedMembership(
        _parse_nested(nested["user"], context, is_member, _read_user_values),
        _parse_nested(nested["group"], context, is_member, _read_group_values),
        is_member,
        Version(said.happened_at, said.event_id),
    )


def build_membership(
    directory_id: str, user_id: str, group_id: str, said: Said, *, is_member: bool
) -> ObservedMembership:
    """What the API said at `said.happened_at` about a person and a group whose rows we hold."""

    def name(object_id: str) -> ObservedRow:
        return ObservedRow(
            said.organization_id, directory_id, object_id, NEVER, {}, said.observed_at, is_announced=False
        )

    return ObservedMembership(
        name(user_id), name(group_id), is_member, Version(said.happened_at, said.event_id)
    )


def fold_key(text: str) -> str:
    """The text as it is sorted and searched: without case, accents and surplus spaces."""
    plain = text.casefold()
    if not plain.isascii():
        decomposed = unicodedata.normalize("NFKD", plain)
        plain = "".join(one for one in decomposed if not unicodedata.combining(one))
    return " ".join(plain.split())[:_MAX_KEY_LENGTH]


def fold_email(text: str) -> str:
    return text.lower()[:_MAX_EMAIL_LENGTH]


def _parse_nested(fields: Fields, said: Said, is_member: bool, read_values: Any) -> ObservedRow:
    # Without the object's time it is not known how old the rest is.
    if is_member and parse_time(fields.data.get("updated_at")):
        return _parse_row(fields, said, read_values)
    object_id = fields.read_id(_MAX_ID_LENGTH)
    return ObservedRow(
        fields.read_id_in("organization_id") or said.organization_id,
        _read_directory_id(fields, said),
        object_id,
        NEVER,
        {},
        said.observed_at,
        is_announced=False,
    )


def _parse_row(fields: Fields, said: Said, read_values: Any) -> ObservedRow:
    object_id = fields.read_id(_MAX_ID_LENGTH)
    time = resolve_time(
        fields.data.get("updated_at"),
        field="updated_at",
        fallback=said.happened_at,
        latest=said.latest or said.happened_at,
    )
    values = read_values(fields)
    if created_at := fields.read_time("created_at"):
        values["created_at"] = created_at
    problems = (f"{fields.name}: {time.problem}",) if time.problem else ()
    return ObservedRow(
        fields.read_id_in("organization_id") or said.organization_id,
        _read_directory_id(fields, said),
        object_id,
        Version(time.at, said.event_id),
        values,
        said.observed_at,
        # An event without the object's time has its own. The API only says what is so at this moment.
        is_estimated=not time.is_own and (bool(time.problem) or said.is_from_api),
        is_from_api=said.is_from_api,
        problems=(*fields.problems, *problems),
    )


def _parse_removed(fields: Fields, said: Said, state: str) -> ObservedRow:
    object_id = fields.read_id(_MAX_ID_LENGTH)
    return ObservedRow(
        fields.read_id_in("organization_id") or said.organization_id,
        _read_directory_id(fields, said),
        object_id,
        Version(said.happened_at, said.event_id),
        {"state": state},
        said.observed_at,
        is_announced=False,
        is_estimated=True,
        is_from_api=said.is_from_api,
    )


def _read_directory_id(fields: Fields, said: Said) -> str:
    return fields.read_id_in("directory_id") or said.directory_id or fields.require_id_in("directory_id")


def _read_user_values(fields: Fields) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if (state := fields.data.get("state")) not in (None, ""):
        if not isinstance(state, str) or state not in _USER_STATES:
            raise UnknownState(fields.name, state)
        values["state"] = _USER_STATES[state]
    if (idp_id := _read_said(fields, "idp_id", _MAX_ID_LENGTH)) is not None:
        values["idp_id"] = idp_id
    if (email := _read_said(fields, "email", _MAX_EMAIL_LENGTH)) is not None:
        values["email"] = email
        values["email_key"] = fold_email(email)
    name = _read_said(fields, "name", _MAX_NAME_LENGTH)
    first = _read_said(fields, "first_name", _MAX_NAME_LENGTH)
    last = _read_said(fields, "last_name", _MAX_NAME_LENGTH)
    if name is not None or first is not None or last is not None:
        name = name or f"{first or ''} {last or ''}".strip()[:_MAX_NAME_LENGTH]
        values["name"] = name
        values["name_key"] = fold_key(name)
        values["last_name_key"] = fold_key(last) if last else ""
    return values


def _read_group_values(fields: Fields) -> dict[str, Any]:
    values: dict[str, Any] = {"state": DirectoryGroupState.ACTIVE.value}
    if (name := _read_said(fields, "name", _MAX_NAME_LENGTH)) is not None:
        values["name"] = name
        values["name_key"] = fold_key(name)
    return values


def _read_said(fields: Fields, field: str, limit: int) -> str | None:
    """The text in this field, blank for a null; None if it is absent or not a text."""
    value = fields.data.get(field)
    if value is None:
        return "" if field in fields.data else None
    text = fields.read_line(field, limit)
    return text if isinstance(value, str) else None


def parse_version(value: object) -> Version:
    """A version as `older_fields` keeps it: `["2026-01-15T12:00:00+00:00", "event_1"]`."""
    if isinstance(value, list) and len(value) == 2 and (at := parse_time(value[0])):
        return Version(at.astimezone(UTC), str(value[1]))
    return NEVER
