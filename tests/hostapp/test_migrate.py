"""Two hosts may migrate at once, and beside processes that use the tables."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from hostapp.asgi import get_connection_parameters
from tests.processes import ROOT, build_environment

NAME = "migrated_at_once"


@pytest.fixture
def empty_database(transactional_db: None) -> Iterator[dict[str, str]]:
    """Environment variables of a process on an empty database."""
    name = f"{connection.settings_dict['NAME']}_{NAME}"
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
        cursor.execute(f'CREATE DATABASE "{name}"')
    yield {**build_environment(), "TEST_DATABASE": name}
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def start_migrate(environment: dict[str, str], *arguments: str) -> Any:
    return subprocess.Popen(
        [sys.executable, "manage.py", "migrate", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_migrations_that_run_at_once_all_succeed(empty_database: dict[str, str]) -> None:
    runs = [start_migrate(empty_database) for _ in range(3)]
    outputs = ["".join(run.communicate(timeout=100)) for run in runs]

    assert [run.returncode for run in runs] == [0, 0, 0], outputs
    assert sum("Applying enterprises.0001_initial... OK" in output for output in outputs) == 1
    assert sum("No migrations to apply." in output for output in outputs) == 2
    waited = [output for output in outputs if "Another migrate is running on this database." in output]
    assert len(waited) <= 2


def test_migration_lets_others_pass_while_a_table_is_in_use(empty_database: dict[str, str]) -> None:
    """A transaction has read the table that the migration alters, and a later one wants to read it, too."""
    first = start_migrate(empty_database, "audit", "0001")
    first.communicate(timeout=100)
    assert first.returncode == 0
    parameters = {**get_connection_parameters(), "dbname": empty_database["TEST_DATABASE"]}
    with psycopg.connect(**parameters) as reader, psycopg.connect(**parameters) as other:
        reader.execute("SELECT FROM audit_auditentry")
        run = start_migrate(empty_database, "audit")
        assert run.stderr
        # It has given up its place in the queue.
        lines = iter(run.stderr.readline, "")
        assert any("A table is in use by another transaction. Trying again" in line for line in lines)
        other.execute("SELECT FROM audit_auditentry")
        other.commit()
        reader.commit()
        output, _ = run.communicate(timeout=100)

    assert run.returncode == 0
    assert "Applying audit.0002_session... OK" in output
