"""A database with all migrations applied, of which each test process starts with a copy.

To migrate takes seconds of both processors, and to copy a tenth of one. It stays on the server for the next
run: its name tells the migrations that it has.
"""

import hashlib
import re
from pathlib import Path

import django
import psycopg
from django.apps import apps
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from tests.processes import ROOT

_PREFIX = "test_migrated_"
_IMPORTED = re.compile(r"^(?:from|import) ([a-z_.]+)", re.MULTILINE)
# Any number: one process at a time prepares the database.
_LOCK = 7_104_412_201


def prepare_template() -> str:
    """Create the database unless it is there, and return its name. Drops those of other migrations."""
    name = _PREFIX + _hash_migrations()
    parameters = {**connection.get_connection_params(), "dbname": "postgres", "autocommit": True}
    with psycopg.connect(**parameters) as server:
        server.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        found = server.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [_PREFIX])
        databases = {str(row[0]) for row in found}
        for other in databases - {name}:
            server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(other)))
        if name not in databases:
            # Renamed when it is complete: a process that is killed leaves none that looks so.
            unfinished = _migrate(f"{_PREFIX}unfinished")
            server.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    sql.Identifier(unfinished), sql.Identifier(name)
                )
            )
    return name


def _migrate(name: str) -> str:
    tests = connection.settings_dict["TEST"]
    before = connection.settings_dict["NAME"], tests["NAME"]
    tests["NAME"] = name
    try:
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    finally:
        # A database in use is neither renamed nor copied.
        connection.close()
        connection.settings_dict["NAME"], tests["NAME"] = before
    return name


def _hash_migrations() -> str:
    """A hash of every migration, of our modules that it imports, and of Django, whose own it runs."""
    digest = hashlib.sha256(django.get_version().encode())
    imported = set()
    for app in sorted(apps.get_app_configs(), key=lambda app: app.label):
        module, _explicit = MigrationLoader.migrations_module(app.label)
        folder = Path(app.path) / str(module).rpartition(".")[2]
        for file in sorted(folder.glob("*.py")):
            text = file.read_text()
            digest.update(f"{app.label} {file.name} {text}".encode())
            imported |= set(_IMPORTED.findall(text))
    for name in sorted(imported):
        file = ROOT / f"{name.replace('.', '/')}.py"
        if file.exists():
            digest.update(f"{name} {file.read_text()}".encode())
    return digest.hexdigest()[:16]
