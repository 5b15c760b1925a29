"""What an observation of a person or a group makes of its row: each field keeps the newest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mirror.parsing import UNDATED
from mirror.people_models import DirectoryGroup, DirectoryGroupState, DirectoryUser
from mirror.people_parsing import NEVER, ObservedRow, Version, parse_version

Row = DirectoryUser | DirectoryGroup
# The directory's primary key and the object's id.
Key = tuple[int, str]


# Compared by identity: there are two, below.
@dataclass(frozen=True, eq=False)
class PeopleKind:
    """How people or groups are stored.

    `fields`: what can be said of one, each at a time of its own, and the columns that hold it.
    """

    model: type[Row]
    id_field: str
    fields: Mapping[str, tuple[str, ...]]

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @cached_property
    def columns(self) -> list[Any]:
        """All columns but the primary key. The first two are the key: the directory and the object's id."""
        key = [self.model._meta.get_field(name) for name in ("directory", self.id_field)]
        others = [one for one in self.model._meta.concrete_fields if one not in key and not one.primary_key]
        return [*key, *others]

    @cached_property
    def said_columns(self) -> list[Any]:
        """The columns that hold what was said."""
        said = [name for names in self.fields.values() for name in names]
        return [self.model._meta.get_field(name) for name in said]

    @property
    def keeps_deletions(self) -> bool:
        return self.model is DirectoryGroup


PEOPLE_KINDS = {
    "directory_user": PeopleKind(
        DirectoryUser,
        "user_id",
        {
            "state": ("state",),
            "idp_id": ("idp_id",),
            "email": ("email", "email_key"),
            "name": ("name", "name_key", "last_name_key"),
            "created_at": ("created_at",),
        },
    ),
    "directory_group": PeopleKind(
        DirectoryGroup,
        "group_id",
        {"state": ("state",), "name": ("name", "name_key"), "created_at": ("created_at",)},
    ),
}


def build_row(kind: PeopleKind, key: Key) -> Row:
    """The row of a person of whom nothing is known yet."""
    directory, object_id = key
    return kind.model(
        **{kind.id_field: object_id},
        directory_id=directory,
        as_of=NEVER.as_of,
        as_of_event=NEVER.event_id,
        observed_at=UNDATED,
    )


def merge(row: Row, observed: ObservedRow, fields: Mapping[str, Sequence[str]]) -> bool:
    """Take what is new of `observed` into `row`. Returns whether anything was."""
    older = {name: parse_version(value) for name, value in (row.older_fields or {}).items()}
    stored = Version(row.as_of, row.as_of_event)
    versions = {name: older.get(name, stored) for name in fields}
    # The API says what is so now: a time of ours that is not the object's own does not stand against it. But
    # what we learned after the request was started does.
    is_present = observed.is_from_api and row.as_of_is_estimated and observed.observed_at > row.observed_at
    said = [name for name in fields if name in observed.values]
    new = [name for name in said if is_present or observed.version > versions[name]]
    for name in new:
        _set_field(row, name, fields[name], observed)
        versions[name] = max(versions[name], observed.version)
    is_news = bool(new)
    if observed.is_announced and not row.is_announced:
        row.is_announced = is_news = True
    if new:
        newest = max(versions.values())
        if newest > stored or is_present:
            row.as_of_is_estimated = observed.is_estimated or observed.version < newest
            row.observed_at = observed.observed_at
        row.as_of, row.as_of_event = newest
        row.older_fields = {
            name: [version.as_of.isoformat(), version.event_id]
            for name, version in versions.items()
            if version != newest
        } or None
    return _merge_deletion(row, observed) or is_news


def _set_field(row: Row, name: str, columns: Sequence[str], observed: ObservedRow) -> None:
    if name == "state" and row.state != observed.values["state"]:
        row.state_since = observed.version.as_of
    for column in columns:
        setattr(row, column, observed.values[column])


def _merge_deletion(row: Row, observed: ObservedRow) -> bool:
    """Remember the newest deletion of a group: older memberships ended with it."""
    if not isinstance(row, DirectoryGroup):
        return False
    if observed.values.get("state") != DirectoryGroupState.DELETED:
        return False
    if row.deleted_at and Version(row.deleted_at, row.deleted_event) >= observed.version:
        return False
    row.deleted_at, row.deleted_event = observed.version
    return True
