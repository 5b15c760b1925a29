"""Write observations of people and groups into their rows: set by set, in few statements for a batch.

What is newer than all that its row says, and what has no row, is decided and written in SQL: nearly
everything. The rest is merged field by field in Python, by `mirror.people_merge`.

Rows are inserted before any is locked, and both in the order of their keys and in one statement, so that
workers cannot deadlock.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.db import connection

from audit.arrays import (
    build_array,
    build_column,
    build_flags,
    build_numbers,
    build_times,
    build_types,
    build_unnest,
)
from mirror.models import DELETED
from mirror.people_counts import NOTHING, CountChange, add_counts, count_row
from mirror.people_merge import Key, PeopleKind, Row, build_row, merge
from mirror.people_parsing import ObservedRow

# Of each observed object, the places of its observations in the batch.
Places = Mapping[Key, list[int]]


@dataclass
class Written:
    """The places of the observations that were news, and the primary keys of all rows."""

    news: set[int] = field(default_factory=set)
    primary_keys: dict[Key, int] = field(default_factory=dict)
    counts: list[CountChange] = field(default_factory=list)


def write_rows(kind: PeopleKind, keys: Sequence[Key | None], observations: Sequence[ObservedRow]) -> Written:
    """Merge the observations into their rows; one without a key is left out."""
    places: dict[Key, list[int]] = {}
    for place, key in enumerate(keys):
        if key:
            known = places.setdefault(key, [])
            # Said twice in the same words, as of a group by each of its members, it is news once.
            if not known or not _is_same(observations[place], observations[known[-1]]):
                known.append(place)
    written = Written()
    newer, others = _compare_rows(kind, places, observations, written)
    missing = {key: places[key] for key in places.keys() - written.primary_keys.keys()}
    # What another worker has inserted meanwhile is still missing.
    others += _insert_rows(kind, missing, observations, written)
    if others:
        _lock_rows(kind, [*newer, *others])
    others += _update_newer(kind, newer, observations, written)
    _merge_rows(kind, {key: places[key] for key in others}, observations, written)
    add_counts(written.counts)
    return written


def _is_same(one: ObservedRow, other: ObservedRow) -> bool:
    return (
        one.version == other.version
        and one.is_announced == other.is_announced
        and one.is_from_api == other.is_from_api
        and one.values == other.values
    )


def _compare_rows(
    kind: PeopleKind, places: Places, observations: Sequence[ObservedRow], written: Written
) -> tuple[dict[Key, int], list[Key]]:
    """Read the rows' versions. Returns the keys and places of what is newer than its row, and the keys of
    what must be merged field by field. All else is stale: versions only grow, so it stays stale.
    """
    if not places:
        return {}, []
    keys = list(places)
    firsts = [observations[one[0]] for one in places.values()]
    with connection.cursor() as cursor:
        cursor.execute(
            # Names are our own.
            "SELECT new.place, stored.id,"  # noqa: S608
            ' (new.as_of, new.as_of_event) > (stored.as_of, stored.as_of_event COLLATE "C"),'
            " stored.is_announced, stored.older_fields IS NOT NULL"
            f" FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::text[])"
            " WITH ORDINALITY AS new (directory_id, object_id, as_of, as_of_event, place)"
            f" JOIN {kind.table} stored ON stored.directory_id = new.directory_id"
            f" AND stored.{kind.id_field} = new.object_id",
            [
                build_numbers(directory for directory, _ in keys),
                build_array(object_id for _, object_id in keys),
                build_times(one.version.as_of for one in firsts),
                build_array(one.version.event_id for one in firsts),
            ],
        )
        rows = cursor.fetchall()
    newer: dict[Key, int] = {}
    others: list[Key] = []
    for ordinal, primary_key, is_newer, is_announced, has_older_fields in rows:
        key, one = keys[ordinal - 1], firsts[ordinal - 1]
        written.primary_keys[key] = primary_key
        if len(places[key]) > 1:
            others.append(key)
        elif is_newer and one.values:
            newer[key] = places[key][0]
        elif (
            has_older_fields
            or one.is_from_api
            or (one.is_announced and not is_announced)
            # A deletion is remembered also when it is older than the row.
            or one.values.get("state") == DELETED
        ):
            others.append(key)
    return newer, others


def _insert_rows(
    kind: PeopleKind, missing: Places, observations: Sequence[ObservedRow], written: Written
) -> list[Key]:
    """Insert rows. Returns the keys of those that another worker has inserted meanwhile."""
    if not missing:
        return []
    rows = {key: _build_new_row(kind, key, places, observations) for key, places in missing.items()}
    columns = kind.columns
    names = ", ".join(one.column for one in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {kind.table} ({names})"  # noqa: S608 - names of our own
            f" SELECT * FROM {build_unnest(columns)} AS new ({names})"
            f' ORDER BY directory_id, {kind.id_field} COLLATE "C"'
            f" ON CONFLICT (directory_id, {kind.id_field}) DO NOTHING"
            f" RETURNING directory_id, {kind.id_field}, id",
            [build_column(one, [row[one.attname] for row, _ in rows.values()]) for one in columns],
        )
        inserted = cursor.fetchall()
    for directory, object_id, primary_key in inserted:
        row, news = rows.pop((directory, object_id))
        written.primary_keys[directory, object_id] = primary_key
        written.news.update(news)
        if row["is_announced"]:
            after = count_row(kind.model, row["state"], True)
            written.counts.append(CountChange(directory, NOTHING, after, row["observed_at"]))
    return list(rows)


def _build_new_row(
    kind: PeopleKind, key: Key, places: Sequence[int], observations: Sequence[ObservedRow]
) -> tuple[Mapping[str, Any], Sequence[int]]:
    """The columns of a row that does not exist yet, and the places of what was news for it."""
    one = observations[places[0]]
    if len(places) > 1 or len(one.values) < len(kind.said_columns):
        row = build_row(kind, key)
        news = [place for place in places if merge(row, observations[place], kind.fields)]
        return {column.attname: getattr(row, column.attname) for column in kind.columns}, news
    # It says all that can be said.
    return {
        "directory_id": key[0],
        kind.id_field: key[1],
        **one.values,
        "is_announced": one.is_announced,
        "as_of": one.version.as_of,
        "as_of_event": one.version.event_id,
        "as_of_is_estimated": one.is_estimated,
        "older_fields": None,
        "observed_at": one.observed_at,
        "state_since": one.version.as_of,
        "deleted_at": None,
        "deleted_event": "",
    }, places


def _lock_rows(kind: PeopleKind, keys: Collection[Key]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT FROM {_join_keys(kind)} FOR NO KEY UPDATE OF stored", _bind_keys(keys))


def _update_newer(
    kind: PeopleKind, newer: Mapping[Key, int], observations: Sequence[ObservedRow], written: Written
) -> list[Key]:
    """Update the rows that are still older. Returns the keys of the others, which are locked."""
    if not newer:
        return []
    remaining = dict(newer)
    keys, places = list(newer), list(newer.values())
    seen = [observations[place] for place in places]
    columns = kind.said_columns
    with connection.cursor() as cursor:
        cursor.execute(
            _build_update(kind),
            [
                build_numbers(directory for directory, _ in keys),
                build_array(object_id for _, object_id in keys),
                build_times(one.version.as_of for one in seen),
                build_array(one.version.event_id for one in seen),
                build_flags(one.is_announced for one in seen),
                build_flags(one.is_estimated for one in seen),
                build_times(one.observed_at for one in seen),
                *(build_column(one, [row.values.get(one.attname) for row in seen]) for one in columns),
            ],
        )
        rows = cursor.fetchall()
    for ordinal, primary_key, was_announced, previous_state, is_announced, state in rows:
        key, one = keys[ordinal - 1], seen[ordinal - 1]
        del remaining[key]
        written.primary_keys[key] = primary_key
        written.news.add(newer[key])
        if is_announced:
            before = count_row(kind.model, previous_state, was_announced)
            after = count_row(kind.model, state, is_announced)
            written.counts.append(CountChange(key[0], before, after, one.observed_at))
    return list(remaining)


@cache
def _build_update(kind: PeopleKind) -> str:
    """Update older rows with the new values that are not NULL. A field without a new value keeps its version.

    The subquery locks the newest version of each row, older or not, and compares it: the previous state is
    that one's.
    """
    columns = kind.said_columns
    names = ", ".join(one.column for one in columns)
    said = ", ".join(f"{one.column} = COALESCE(new.{one.column}, stored.{one.column})" for one in columns)
    unsaid = ", ".join(f"('{name}', new.{name} IS NULL)" for name in kind.fields)
    count = ", ".join(f"new.{name}" for name in kind.fields)
    deletion = ""
    if kind.keeps_deletions:
        deletion = (
            f", deleted_at = CASE WHEN new.state = '{DELETED}' THEN new.as_of ELSE stored.deleted_at END"
            f", deleted_event = CASE WHEN new.state = '{DELETED}' THEN new.as_of_event"
            " ELSE stored.deleted_event END"
        )
    return (
        # Names are our own.
        "WITH new AS MATERIALIZED (SELECT * FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[],"  # noqa: S608
        f" %s::text[], %s::boolean[], %s::boolean[], %s::timestamptz[], {build_types(columns)})"
        " WITH ORDINALITY"
        " AS new (directory_id, object_id, as_of, as_of_event, is_announced, is_estimated, observed_at,"
        f" {names}, place)), held AS MATERIALIZED ("
        "SELECT new.place, stored.id, stored.is_announced, stored.state,"
        ' (new.as_of, new.as_of_event) > (stored.as_of, stored.as_of_event COLLATE "C") AS is_older'
        f" FROM new JOIN {kind.table} stored ON stored.directory_id = new.directory_id"
        f" AND stored.{kind.id_field} = new.object_id"
        f" ORDER BY stored.directory_id, stored.{kind.id_field} FOR NO KEY UPDATE OF stored)"
        f" UPDATE {kind.table} AS stored SET {said},"
        " as_of = new.as_of, as_of_event = new.as_of_event, as_of_is_estimated = new.is_estimated,"
        " observed_at = new.observed_at, is_announced = stored.is_announced OR new.is_announced,"
        " state_since = CASE WHEN new.state <> stored.state THEN new.as_of ELSE stored.state_since END,"
        f" older_fields = CASE WHEN num_nulls({count}) > 0 THEN"
        " (SELECT jsonb_object_agg(name, COALESCE(stored.older_fields -> name,"
        " jsonb_build_array(stored.as_of, stored.as_of_event)))"
        f" FROM (VALUES {unsaid}) AS field (name, is_unsaid) WHERE is_unsaid) END{deletion}"
        " FROM held JOIN new USING (place) WHERE stored.id = held.id AND held.is_older"
        " RETURNING new.place, stored.id, held.is_announced, held.state, stored.is_announced, stored.state"
    )


def _merge_rows(
    kind: PeopleKind, places: Places, observations: Sequence[ObservedRow], written: Written
) -> None:
    """Merge field by field."""
    if not places:
        return
    updated = []
    rows = kind.model._default_manager.raw(
        f"SELECT stored.* FROM {_join_keys(kind)} FOR NO KEY UPDATE OF stored",  # noqa: S608
        _bind_keys(places),
    )
    for row in rows:
        key = row.directory_id, str(getattr(row, kind.id_field))
        written.primary_keys[key] = row.pk
        before = count_row(kind.model, row.state, row.is_announced)
        if new := [place for place in places[key] if merge(row, observations[place], kind.fields)]:
            written.news.update(new)
            updated.append(row)
            if row.is_announced:
                after = count_row(kind.model, row.state, True)
                written.counts.append(CountChange(key[0], before, after, row.observed_at))
    _update_rows(kind, updated)


def _update_rows(kind: PeopleKind, rows: Sequence[Row]) -> None:
    if not rows:
        return
    columns = kind.columns[2:]
    names = [one.column for one in columns]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {kind.table} AS stored SET"  # noqa: S608 - names of our own
            f" ({', '.join(names)}) = ROW({', '.join(f'new.{name}' for name in names)})"
            f" FROM unnest(%s::bigint[], {build_types(columns)}) AS new (id, {', '.join(names)})"
            " WHERE stored.id = new.id",
            [
                build_numbers(row.pk for row in rows),
                *(build_column(one, [getattr(row, one.attname) for row in rows]) for one in columns),
            ],
        )


def _join_keys(kind: PeopleKind) -> str:
    return (
        f"{kind.table} stored JOIN unnest(%s::bigint[], %s::text[]) AS wanted (directory_id, object_id)"
        f" ON stored.directory_id = wanted.directory_id AND stored.{kind.id_field} = wanted.object_id"
        f" ORDER BY stored.directory_id, stored.{kind.id_field}"
    )


def _bind_keys(keys: Collection[Key]) -> list[str]:
    return [
        build_numbers(directory for directory, _ in keys),
        build_array(object_id for _, object_id in keys),
    ]
