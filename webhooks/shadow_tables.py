"""Work on copies of tables, so that a rehearsal locks nothing that others wait for."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, models, transaction


@dataclass(frozen=True)
class Only:
    """The rows that have one of these numbers in a column; without one, in the primary key."""

    values: Collection[int]
    column: str = ""


@contextmanager
def shadow_tables(
    tables: Sequence[type[models.Model]], *, rows: Mapping[type[models.Model], Only]
) -> Iterator[None]:
    """A transaction in which `tables` are temporary copies of themselves; it is rolled back in the end.

    A copy has the rows of its table, or those in `rows`. Statements find it by the
    table's name, because PostgreSQL looks among temporary tables first. So whatever is written or locked is
    the copy. Foreign keys and triggers are not copied. It needs the right TEMPORARY on the database, which
    PostgreSQL gives to everyone.
    """
    with transaction.atomic():
        for model in tables:
            _copy_table(model, rows.get(model))
        with connection.cursor() as cursor:
            for model in tables:
                # Without statistics the planner takes every copy for a small one.
                cursor.execute(f"ANALYZE pg_temp.{_quote(model)}")
        yield
        transaction.set_rollback(True)


def _copy_table(model: type[models.Model], only: Only | None) -> None:
    table = _quote(model)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(relnamespace::regnamespace::text) FROM pg_class WHERE oid = %s::regclass",
            [table],
        )
        schema = cursor.fetchone()[0]
        cursor.execute(f"CREATE TEMPORARY TABLE {table} (LIKE {schema}.{table} INCLUDING ALL) ON COMMIT DROP")
        copy = f"INSERT INTO pg_temp.{table} SELECT * FROM {schema}.{table}"  # noqa: S608 - names of our own
        key = connection.ops.quote_name(str(model._meta.pk.column))
        if only is None:
            cursor.execute(copy)
        else:
            column = connection.ops.quote_name(only.column) if only.column else key
            cursor.execute(f"{copy} WHERE {column} = ANY(%s)", [list(only.values)])
        if isinstance(model._meta.pk, models.AutoField | models.BigAutoField):
            # The copy counts from 1 otherwise, where rows are.
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence(%s, %s),"  # noqa: S608 - names of our own
                f" (SELECT coalesce(max({key}), 0) + 1 FROM pg_temp.{table}), false)",
                [f"pg_temp.{table}", model._meta.pk.column],
            )


def _quote(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)
