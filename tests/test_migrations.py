"""Migrations that are newer than the last release are safe beside its processes."""

import re
from typing import Any

import pytest
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.functions import Now

from tests.migration_rules import find_problems

# The last migration of each app in the last release. Raise them with a release, and only then: what is newer
# runs while that release's processes still use the tables.
LAST_RELEASE = {
    "audit": 2,
    "enterprises": 6,
    "hostapp": 4,
    "mirror": 4,
    "outbox": 2,
    "portal": 4,
    "webhooks": 4,
}


def read_number(name: str) -> int:
    found = re.match(r"\d{4}", name)
    assert found, f"{name} does not begin with its number"
    return int(found[0])


def test_new_migrations_are_safe_beside_the_last_release() -> None:
    loader = MigrationLoader(None)
    nodes = loader.graph.nodes
    new = [key for key in nodes if key[0] in LAST_RELEASE and read_number(key[1]) > LAST_RELEASE[key[0]]]
    state = loader.project_state([key for key in nodes if key not in new])
    # Each after those that it depends on.
    new.sort(key=lambda key: len(loader.graph.forwards_plan(key)))
    new_tables: set[str] = set()

    problems = [problem for key in new for problem in find_problems(nodes[key], state, new_tables)]

    assert problems == []


def test_every_app_of_the_project_is_examined() -> None:
    loader = MigrationLoader(None)
    foreign = {"admin", "auth", "contenttypes", "sessions"}

    assert {app for app, _ in loader.graph.nodes} - foreign == set(LAST_RELEASE)


def find_problem(*operations: Operation, is_atomic: bool = True) -> str:
    """The problems of a migration with these operations, after one that has created the table `Thing`."""
    state = ProjectState()
    fields: list[tuple[str, Any]] = [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=50, null=True)),
        ("text", models.TextField()),
    ]
    migrations.CreateModel("Thing", fields).state_forwards("hostapp", state)
    attributes = {"operations": list(operations), "atomic": is_atomic}
    migration = type("Migration", (migrations.Migration,), attributes)("0099_test", "hostapp")
    return " ".join(find_problems(migration, state, set()))


INDEX = models.Index(fields=["name"], name="thing_by_name")
CONSTRAINT = models.CheckConstraint(condition=~models.Q(name=""), name="thing_has_a_name")
OTHER = migrations.CreateModel("Other", [("id", models.BigAutoField(primary_key=True))])


@pytest.mark.parametrize(
    ("operation", "problem"),
    [
        (migrations.AddIndex("thing", INDEX), "AddIndexConcurrently"),
        (AddIndexConcurrently("thing", INDEX), "atomic = False"),
        (migrations.AddConstraint("thing", CONSTRAINT), "AddConstraintNotValid"),
        (migrations.AddField("thing", "size", models.IntegerField()), "null=True or db_default"),
        (migrations.AddField("thing", "size", models.IntegerField(default=1)), "null=True or db_default"),
        (migrations.AddField("thing", "at", models.DateTimeField(db_default=Now())), "Use a constant"),
        (migrations.AddField("thing", "key", models.TextField(null=True, unique=True)), "its index"),
        (migrations.AlterField("thing", "name", models.CharField(max_length=50)), "NOT NULL"),
        (migrations.AlterField("thing", "name", models.CharField(max_length=20, null=True)), "another type"),
        (migrations.AlterField("thing", "name", models.IntegerField(null=True)), "another type"),
        (migrations.AlterField("thing", "text", models.CharField(max_length=50)), "another type"),
        (migrations.AlterField("thing", "text", models.TextField(unique=True)), "its index"),
        (migrations.AlterField("thing", "text", models.TextField(db_index=True)), "its index"),
        (migrations.RenameField("thing", "name", "title"), "old name"),
        (migrations.RenameModel("Thing", "Item"), "old name"),
        (migrations.RemoveField("thing", "name"), "still reads it"),
        (migrations.DeleteModel("Thing"), "still reads it"),
        (
            migrations.SeparateDatabaseAndState(database_operations=[migrations.AddIndex("thing", INDEX)]),
            "AddIndexConcurrently",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_unsafe_operation_is_found(operation: Operation, problem: str) -> None:
    assert problem in find_problem(operation)


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("thing", "size", models.IntegerField(null=True)),
        migrations.AddField("thing", "size", models.IntegerField(db_default=0)),
        migrations.AlterField("thing", "name", models.CharField(max_length=80, null=True)),
        migrations.AlterField("thing", "name", models.TextField(null=True)),
        AddConstraintNotValid("thing", CONSTRAINT),
        OTHER,
    ],
    ids=lambda value: type(value).__name__,
)
def test_safe_operation_is_accepted(operation: Operation) -> None:
    assert find_problem(operation) == ""


def test_index_may_be_built_concurrently_or_on_a_new_table() -> None:
    index = models.Index(fields=["id"], name="other_by_id")

    assert find_problem(AddIndexConcurrently("thing", INDEX), is_atomic=False) == ""
    assert find_problem(OTHER, migrations.AddIndex("other", index)) == ""
