"""Settings of the outbox, with their defaults and system checks.

The outbox defines no tasks itself. Three settings name objects of the project by dotted path:
`OUTBOX_TASKS`, a dict of kind → `TaskHandler`;
`OUTBOX_STEPS`, a dict of name → `Step` that the worker repeats, each in a thread of its own;
`OUTBOX_PERIODIC_JOBS`, a sequence of `PeriodicJob`.

Three more are for tests, which do not wait that long: `OUTBOX_RETRY_SECONDS`, after which a step that failed
runs again, `OUTBOX_STOP_SECONDS`, the longest that a stopped worker works on, and `OUTBOX_HEARTBEAT_SECONDS`.

`OUTBOX_LISTEN_PARAMETERS`: psycopg's arguments of a direct connection, if the default one is a pooler's.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import connection
from django.utils.module_loading import import_string

from outbox.handlers import PeriodicJob, Step, TaskHandler


def task_handlers() -> Mapping[str, TaskHandler]:
    handlers: Mapping[str, TaskHandler] = _load("OUTBOX_TASKS", {})
    return handlers


def steps() -> Mapping[str, Step]:
    loaded: Mapping[str, Step] = _load("OUTBOX_STEPS", {})
    return loaded


def periodic_jobs() -> Sequence[PeriodicJob]:
    loaded: Sequence[PeriodicJob] = _load("OUTBOX_PERIODIC_JOBS", ())
    return loaded


def retry_seconds() -> float:
    return float(getattr(settings, "OUTBOX_RETRY_SECONDS", 5))


def stop_seconds() -> float:
    return float(getattr(settings, "OUTBOX_STOP_SECONDS", 8))


def heartbeat_seconds() -> float:
    return float(getattr(settings, "OUTBOX_HEARTBEAT_SECONDS", 5))


def listen_parameters() -> dict[str, Any]:
    """psycopg's arguments of a direct connection, to listen on. Empty: use the default database's."""
    parameters: dict[str, Any] = getattr(settings, "OUTBOX_LISTEN_PARAMETERS", {})
    return parameters


def _load(name: str, default: Any) -> Any:
    path = getattr(settings, name, "")
    return import_string(path) if path else default


@checks.register
def check_settings(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    problems: list[checks.CheckMessage] = []
    for name in ("OUTBOX_TASKS", "OUTBOX_STEPS", "OUTBOX_PERIODIC_JOBS"):
        try:
            _load(name, None)
        except ImportError as error:
            problems.append(
                checks.Error(
                    f"{name} cannot be imported: {error}.",
                    hint="Give the dotted path of an object, such as myproject.tasks.TASKS.",
                    id="outbox.E001",
                )
            )
    return problems


@checks.register
def check_database(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    if connection.vendor == "postgresql":
        return []
    return [
        checks.Error(
            f"The default database is {connection.display_name}; this application needs PostgreSQL.",
            hint="Set DATABASE_URL to a PostgreSQL 15 or newer, such as postgres://user:password@host/name.",
            id="outbox.E002",
        )
    ]
