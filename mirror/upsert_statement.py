"""Which version of an object is newer, in Python and in SQL, and the statement that writes the newer ones."""

from datetime import datetime
from functools import cache

from django.db import connection

from audit.arrays import build_column, build_unnest, get_stored_fields
from mirror.models import DELETED, MirroredRow
from mirror.parsing import UNDATED
from mirror.registry import Kind
from mirror.times import MAX_AHEAD


def get_version(row: MirroredRow) -> tuple[bool, datetime, str]:
    return row.state == DELETED, row.as_of, row.as_of_event


def is_newer(row: MirroredRow, stored: MirroredRow) -> bool:
    """What _IS_NEWER and the condition on deleted rows say, for a stored row that is locked."""
    if stored.state == DELETED:
        return False
    is_from_api = not row.as_of_event and row.as_of > UNDATED
    return get_version(row) > get_version(stored) or (
        is_from_api and (stored.as_of_is_estimated or stored.as_of > row.observed_at + MAX_AHEAD)
    )


_IS_NEWER = (
    f"(EXCLUDED.state = '{DELETED}'"
    ' OR (EXCLUDED.as_of, EXCLUDED.as_of_event COLLATE "C") > (stored.as_of, stored.as_of_event COLLATE "C")'
    # The API says what is so now: a time of ours that is not the object's own does not stand against it.
    f" OR (EXCLUDED.as_of_event = '' AND EXCLUDED.as_of > '{UNDATED.isoformat()}'"
    " AND (stored.as_of_is_estimated OR stored.as_of > EXCLUDED.observed_at"
    f" + interval '{MAX_AHEAD.total_seconds():.0f} seconds')))"
)


def write_newer(kind: Kind, rows: dict[str, MirroredRow]) -> dict[str, str]:
    """Insert new rows, update older ones, and fill in what is blank in newer ones.

    Returns for each key written the state that the row had before; `rows` become as they are stored. The
    statement stores the previous state itself: on a conflict PostgreSQL evaluates SET on the locked, newest
    version of the row, also when two transactions insert the same key at once.
    """
    # In one order everywhere, so that two workers cannot deadlock.
    ordered = [rows[key] for key in sorted(rows)]
    fields = get_stored_fields(kind.model)
    columns = [one.column for one in fields]
    parameters = [build_column(one, [getattr(row, one.attname) for row in ordered]) for one in fields]
    written: dict[str, str] = {}
    with connection.cursor() as cursor:
        cursor.execute(_build_statement(kind), parameters)
        for values in cursor.fetchall():
            stored = dict(zip(columns, values, strict=True))
            row = rows[stored[kind.key_field]]
            for column, value in stored.items():
                setattr(row, column, value)
            written[kind.get_key(row)] = row.previous_state
    return written


@cache
def _build_statement(kind: Kind) -> str:
    fields = get_stored_fields(kind.model)
    columns = [one.column for one in fields]
    names = ", ".join(columns)
    assignments = [_assignment(kind, column) for column in columns if column != kind.key_field]
    fills = "".join(f" OR (stored.{column} = '' AND EXCLUDED.{column} <> '')" for column in kind.fillable)
    fills += "".join(
        f" OR (EXCLUDED.{one} IS NOT NULL AND EXCLUDED.{one} IS DISTINCT FROM stored.{one})"
        for one in kind.present
    )
    # Names come from the models, values are parameters.
    return (
        f"INSERT INTO {kind.model._meta.db_table} AS stored ({names}) "  # noqa: S608
        f"SELECT * FROM {build_unnest(fields)} "
        f"ON CONFLICT ({kind.key_field}) DO UPDATE SET {', '.join(assignments)} "
        f"WHERE stored.state <> '{DELETED}' AND ({_IS_NEWER}{fills}) "
        f"RETURNING {names}"
    )


def _assignment(kind: Kind, column: str) -> str:
    if column == "previous_state":
        return "previous_state = stored.state"
    if column in kind.present:
        return f"{column} = COALESCE(EXCLUDED.{column}, stored.{column})"
    if column in kind.fillable:
        keep = f"EXCLUDED.{column} = '' OR (stored.{column} <> '' AND NOT {_IS_NEWER})"
    else:
        keep = f"NOT {_IS_NEWER}"
        if condition := kind.keep_column_if.get(column):
            keep += f" OR ({condition})"
    return f"{column} = CASE WHEN {keep} THEN stored.{column} ELSE EXCLUDED.{column} END"
