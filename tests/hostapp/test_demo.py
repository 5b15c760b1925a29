"""The demo recognizes a database that an older version of the code has left."""

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from hostapp.management.commands.demo import has_older_layout

pytestmark = pytest.mark.django_db


def test_database_with_current_migrations_has_no_older_layout() -> None:
    assert not has_older_layout()


def test_database_with_some_of_the_current_migrations_has_no_older_layout() -> None:
    MigrationRecorder(connection).record_unapplied("portal", "0001_initial")

    assert not has_older_layout()


def test_empty_database_has_no_older_layout() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE django_migrations")

    assert not has_older_layout()


@pytest.mark.parametrize(("app", "name"), [("enterprises", "0001_older"), ("removed_app", "0001_initial")])
def test_database_with_a_migration_that_the_code_no_longer_has_has_an_older_layout(
    app: str, name: str
) -> None:
    MigrationRecorder(connection).record_applied(app, name)

    assert has_older_layout()
