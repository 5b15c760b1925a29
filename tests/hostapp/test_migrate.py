"""Two hosts may migrate at once: one does it, the other waits and finds nothing to do."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

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
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_migrations_that_run_at_once_all_succeed(empty_database: dict[str, str]) -> None:
    runs = [start_migrate(empty_database) for _ in range(3)]
    outputs = [run.communicate(timeout=100)[0] for run in runs]

    assert [run.returncode for run in runs] == [0, 0, 0], outputs
    assert sum("Applying enterprises.0001_initial... OK" in output for output in outputs) == 1
    assert sum("No migrations to apply." in output for output in outputs) == 2
    waited = [output for output in outputs if "Another migrate is running on this database." in output]
    assert len(waited) <= 2
