"""What a migration may do while processes of the last release use its tables."""

from collections.abc import Iterator
from typing import Any

from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    RemoveIndexConcurrently,
)
from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.expressions import BaseExpression, Value
from django.db.models.fields import NOT_PROVIDED

RENAMES = (migrations.RenameField, migrations.RenameModel, migrations.AlterModelTable)
REMOVALS = (migrations.RemoveField, migrations.DeleteModel)


def find_problems(migration: migrations.Migration, state: ProjectState, new_tables: set[str]) -> list[str]:
    """What is unsafe in `migration`, which `state` precedes; `new_tables` are those of this release.

    Changes `state` and `new_tables` to what they are after it.
    """
    problems = []
    for operation in migration.operations:
        problems += [
            f"{migration.app_label}.{migration.name}: {problem}"
            for problem in _find_in_operation(operation, migration, state, new_tables)
        ]
        operation.state_forwards(migration.app_label, state)
        if isinstance(operation, migrations.CreateModel):
            new_tables.add(f"{migration.app_label}.{operation.name_lower}")
    return problems


def _find_in_operation(
    operation: Operation, migration: migrations.Migration, state: ProjectState, new_tables: set[str]
) -> Iterator[str]:
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        for inner in operation.database_operations:
            yield from _find_in_operation(inner, migration, state, new_tables)
        return
    table = getattr(operation, "model_name_lower", getattr(operation, "name_lower", ""))
    if f"{migration.app_label}.{table}" in new_tables:
        return
    if isinstance(operation, RENAMES):
        yield f"{operation.describe()}: the last release uses the old name. Add, copy, and remove later."
    elif isinstance(operation, REMOVALS):
        yield f"{operation.describe()}: the last release still reads it. Remove it one release after its use."
    elif isinstance(operation, AddIndexConcurrently | RemoveIndexConcurrently):
        if migration.atomic:
            yield f"{operation.describe()}: needs atomic = False."
    elif isinstance(operation, migrations.AddIndex):
        yield f"{operation.describe()}: blocks writing. Use AddIndexConcurrently."
    elif isinstance(operation, migrations.AddConstraint) and not isinstance(operation, AddConstraintNotValid):
        yield f"{operation.describe()}: blocks writing while it reads the table. Use AddConstraintNotValid."
    elif isinstance(operation, migrations.AddField):
        yield from _find_in_new_column(operation)
    elif isinstance(operation, migrations.AlterField):
        before = state.models[migration.app_label, operation.model_name_lower].fields[operation.name]
        yield from _find_in_changed_column(operation, before)


def _find_in_new_column(operation: migrations.AddField) -> Iterator[str]:
    field = operation.field
    if field.many_to_many:
        return
    default = getattr(field, "db_default", NOT_PROVIDED)
    if isinstance(default, BaseExpression) and not isinstance(default, Value):
        yield f"{operation.describe()}: an expression as default writes every row. Use a constant."
    if not field.null and default is NOT_PROVIDED:
        yield f"{operation.describe()}: the last release cannot insert rows. Use null=True or db_default."
    if _has_index(field):
        yield f"{operation.describe()}: its index blocks writing. Add it with AddIndexConcurrently."


def _find_in_changed_column(
    operation: migrations.AlterField, before: "models.Field[object, object]"
) -> Iterator[str]:
    after = operation.field
    if before.null and not after.null:
        yield f"{operation.describe()}: NOT NULL reads the whole table, and the last release may write nulls."
    if _has_index(after) and not _has_index(before):
        yield f"{operation.describe()}: its index blocks writing. Add it with AddIndexConcurrently."
    if (before.get_internal_type(), before.max_length) != (after.get_internal_type(), after.max_length):
        # A longer limit, or none instead of one, changes no row.
        is_wider = after.max_length is None or (
            before.max_length is not None and before.max_length <= after.max_length
        )
        kinds = {before.get_internal_type(), after.get_internal_type()}
        if not is_wider or not kinds <= {"CharField", "TextField"}:
            yield f"{operation.describe()}: another type may write every row. Add a column instead."


def _has_index(field: Any) -> bool:
    return bool(field.unique or field.db_index)
