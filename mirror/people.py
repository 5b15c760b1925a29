"""Write people, groups and memberships of directories: what `mirror.upsert` is for other objects.

Whatever the order, repeated or not, the rows end the same: each field keeps the newest that was said of it,
compared by (time, event). Unlike a connection, a person who was removed may return, in the same row. For the
API: `Said(..., is_from_api=True)`, parse, upsert; memberships after both people and groups.

Set by set: for a batch, one statement finds rows, one inserts, one locks, one updates. Rows are inserted
before any is locked, and both in the order of their keys, so that workers cannot deadlock.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, models, transaction

from mirror.models import Directory, DirectoryState
from mirror.parsing import UNDATED, Observed
from mirror.people_counts import CountChange, add_counts, count_row
from mirror.people_models import DirectoryGroup, DirectoryGroupState, DirectoryUser
from mirror.people_parsing import NEVER, ObservedMembership, ObservedRow, Version, parse_version
from mirror.upsert import Outcome, upsert

Row = DirectoryUser | DirectoryGroup
# The directory's primary key and the object's id.
Key = tuple[int, str]


@dataclass(frozen=True)
class PeopleKind:
    """How people or groups are stored.

    `fields`: what can be said of one, each at a time of its own, and the columns that hold it.
    """

    model: type[Row]
    id_field: str
    fields: Mapping[str, tuple[str, ...]]


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


@transaction.atomic
def upsert_people(kind_name: str, observations: Sequence[ObservedRow]) -> list[Outcome]:
    """Write what is new in the observations of people (`directory_user`) or of groups (`directory_group`).

    NO_ORGANIZATION: it names no organization, and we do not know its directory.
    """
    keys = _find_keys(observations)
    written = _write_rows(PEOPLE_KINDS[kind_name], keys, observations)
    return [
        _decide(key is not None, one, place in written.news)
        for place, (key, one) in enumerate(zip(keys, observations, strict=True))
    ]


@transaction.atomic
def upsert_memberships(observations: Sequence[ObservedMembership]) -> list[Outcome]:
    """Write what is new in the observations, and in what they say of their people and groups.

    A person or group that we do not hold gets a row that is not announced, so that the membership is there
    when they are.
    """
    keys = _find_keys([row for one in observations for row in (one.user, one.group)])
    # Both or neither: what waits for a directory writes nothing.
    pairs = [(user, group) if user and group else None for user, group in zip(*[iter(keys)] * 2, strict=True)]
    users = _write_rows(
        PEOPLE_KINDS["directory_user"],
        [pair and pair[0] for pair in pairs],
        [one.user for one in observations],
    )
    groups = _write_rows(
        PEOPLE_KINDS["directory_group"],
        [pair and pair[1] for pair in pairs],
        [one.group for one in observations],
    )
    newest: dict[tuple[int, int], int] = {}
    for place, pair in enumerate(pairs):
        if pair:
            ids = users.primary_keys[pair[0]], groups.primary_keys[pair[1]]
            if ids not in newest or observations[place].version > observations[newest[ids]].version:
                newest[ids] = place
    written = _write_memberships({ids: observations[place] for ids, place in newest.items()})
    news = {newest[ids] for ids in written} | users.news | groups.news
    return [
        _decide(pair is not None, one.user, place in news)
        for place, (pair, one) in enumerate(zip(pairs, observations, strict=True))
    ]


def _decide(has_directory: bool, observed: ObservedRow, is_new: bool) -> Outcome:
    if has_directory:
        return Outcome.APPLIED if is_new else Outcome.STALE
    return Outcome.UNKNOWN_ORGANIZATION if observed.organization_id else Outcome.NO_ORGANIZATION


def _find_keys(observations: Sequence[ObservedRow]) -> list[Key | None]:
    """The key of each; None for one of a directory that we do not know."""
    directories = _find_directories(observations)
    return [
        (directories[one.directory_id], one.object_id) if one.directory_id in directories else None
        for one in observations
    ]


def _find_directories(observations: Iterable[ObservedRow]) -> dict[str, int]:
    """The primary keys of their directories.

    A directory that we do not hold gets a row: it sends people, so it exists. Its own news replaces the row
    whatever its time, and a deletion that arrived before stays. Its organization must be known.
    """
    owners = {one.directory_id: one.organization_id for one in observations if one.organization_id}
    wanted = {one.directory_id for one in observations}
    found = _read_directories(wanted)
    missing = sorted(owners.keys() - found.keys())
    if not missing:
        return found
    upsert("directory", [_build_directory(owners[directory_id], directory_id) for directory_id in missing])
    return _read_directories(wanted)


def _read_directories(directory_ids: set[str]) -> dict[str, int]:
    rows = Directory.objects.filter(directory_id__in=directory_ids)
    return dict(rows.values_list("directory_id", "pk"))


def _build_directory(organization_id: str, directory_id: str) -> Observed:
    row = Directory(
        directory_id=directory_id,
        state=DirectoryState.VALIDATING,
        as_of=UNDATED,
        state_since=UNDATED,
        as_of_is_estimated=True,
    )
    return Observed(organization_id, row)


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


@dataclass(frozen=True)
class _Written:
    """The places of the observations that were news, and the primary keys of all rows."""

    news: set[int]
    primary_keys: dict[Key, int]


def _write_rows(
    kind: PeopleKind, keys: Sequence[Key | None], observations: Sequence[ObservedRow]
) -> _Written:
    """Merge the observations into their rows; one without a key is left out."""
    places: dict[Key, list[int]] = {}
    for place, key in enumerate(keys):
        if key:
            places.setdefault(key, []).append(place)

    def merge_all(key: Key, row: Row) -> set[int]:
        return {place for place in places[key] if merge(row, observations[place], kind.fields)}

    rows = _read_rows(kind, places)
    written = _Written(set(), {key: row.pk for key, row in rows.items()})
    changes: list[CountChange] = []
    missing = {key: build_row(kind, key) for key in sorted(places.keys() - rows.keys())}
    news = {key: merge_all(key, row) for key, row in missing.items()}
    for key, primary_key in _insert_rows(kind, missing).items():
        written.primary_keys[key] = primary_key
        written.news.update(news[key])
        changes.append(CountChange(None, missing.pop(key)))
    # Only what would change is locked. Versions only grow, so what is stale now stays stale. What is still
    # missing was inserted by another worker meanwhile.
    outdated = {key for key, row in rows.items() if merge_all(key, row)}
    updated = []
    for key, row in _read_rows(kind, outdated | missing.keys(), lock=True).items():
        written.primary_keys[key] = row.pk
        before = count_row(row)
        if new := merge_all(key, row):
            written.news.update(new)
            updated.append(row)
            changes.append(CountChange(before, row))
    _update_rows(kind, updated)
    add_counts(changes)
    return written


def _read_rows(kind: PeopleKind, keys: Iterable[Key], *, lock: bool = False) -> dict[Key, Row]:
    wanted = sorted(keys)
    if not wanted:
        return {}
    table = kind.model._meta.db_table
    rows = kind.model._default_manager.raw(
        f"SELECT stored.* FROM {table} stored"  # noqa: S608 - names of our own
        f" JOIN unnest(%s::bigint[], %s::text[]) AS wanted (directory_id, object_id)"
        f" ON stored.directory_id = wanted.directory_id AND stored.{kind.id_field} = wanted.object_id"
        f" ORDER BY stored.directory_id, stored.{kind.id_field}"
        + (" FOR NO KEY UPDATE OF stored" if lock else ""),
        [[directory for directory, _ in wanted], [object_id for _, object_id in wanted]],
    )
    return {(row.directory_id, getattr(row, kind.id_field)): row for row in rows}


def _insert_rows(kind: PeopleKind, rows: Mapping[Key, Row]) -> dict[Key, int]:
    """Insert those that no other worker has inserted meanwhile. Returns their primary keys."""
    if not rows:
        return {}
    columns = [one for one in kind.model._meta.concrete_fields if not one.primary_key]
    names = ", ".join(one.column for one in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {kind.model._meta.db_table} ({names})"  # noqa: S608 - names of our own
            f" SELECT * FROM {_unnest(columns)} AS new ({names})"
            f' ORDER BY directory_id, {kind.id_field} COLLATE "C"'
            f" ON CONFLICT (directory_id, {kind.id_field}) DO NOTHING"
            f" RETURNING directory_id, {kind.id_field}, id",
            _columns_of(columns, rows.values()),
        )
        return {(directory, object_id): pk for directory, object_id, pk in cursor.fetchall()}


def _update_rows(kind: PeopleKind, rows: Sequence[Row]) -> None:
    if not rows:
        return
    columns = [
        one for one in kind.model._meta.concrete_fields if one.name not in ("directory", kind.id_field)
    ]
    names = [one.column for one in columns]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {kind.model._meta.db_table} AS stored SET"  # noqa: S608 - names of our own
            f" ({', '.join(names[1:])}) = ROW({', '.join(f'new.{name}' for name in names[1:])})"
            f" FROM {_unnest(columns)} AS new ({', '.join(names)}) WHERE stored.id = new.id",
            _columns_of(columns, rows),
        )


def _unnest(columns: Sequence[Any]) -> str:
    """`unnest(%s::bigint[], …)`: one parameter for each column, however many rows there are."""
    return f"unnest({', '.join(f'%s::{_array_type(one)}' for one in columns)})"


def _array_type(column: Any) -> str:
    # JSON comes as text.
    is_json = isinstance(column, models.JSONField)
    return "text[]::jsonb[]" if is_json else f"{column.db_type(connection)}[]"


def _columns_of(columns: Sequence[Any], rows: Iterable[Row]) -> list[list[Any]]:
    return [[_to_parameter(one, getattr(row, one.attname)) for row in rows] for one in columns]


def _to_parameter(column: Any, value: Any) -> Any:
    return value if value is None or not isinstance(column, models.JSONField) else json.dumps(value)


def _write_memberships(
    newest: Mapping[tuple[int, int], ObservedMembership],
) -> set[tuple[int, int]]:
    """Insert or update where newer, in one statement and in the order of their keys. Returns what changed."""
    if not newest:
        return set()
    ordered = sorted(newest.items())
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO mirror_directorymembership AS stored"
            " (user_id, group_id, is_member, as_of, as_of_event)"
            " SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::boolean[], %s::timestamptz[], %s::text[])"
            " ON CONFLICT (user_id, group_id) DO UPDATE SET is_member = EXCLUDED.is_member,"
            " as_of = EXCLUDED.as_of, as_of_event = EXCLUDED.as_of_event"
            " WHERE (EXCLUDED.as_of, EXCLUDED.as_of_event) > (stored.as_of, stored.as_of_event)"
            " RETURNING user_id, group_id",
            [
                [user for (user, _), _ in ordered],
                [group for (_, group), _ in ordered],
                [one.is_member for _, one in ordered],
                [one.version.as_of for _, one in ordered],
                [one.version.event_id for _, one in ordered],
            ],
        )
        return set(cursor.fetchall())
