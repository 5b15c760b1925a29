"""Save the sandbox's objects as JSON, and load them again.

Where webhooks go and what was delivered belong to the process; links, sessions and mails are secrets.
They are not saved.
"""

import types
from dataclasses import dataclass, fields
from typing import Any, Union, get_args, get_origin, get_type_hints

from aiohttp import web

from sandbox.app_keys import DISPATCHER, FAULTS, STORE
from sandbox.bursts import BURSTS
from sandbox.clock import parse_timestamp
from sandbox.models import DirectoryUser, Event, Model
from sandbox.store import Store
from sandbox.switches import Switches
from sandbox.tables import Table

FORMAT = "workos-sandbox-state"
VERSION = 1
SAVED_TABLES = (
    "organizations",
    "domains",
    "connections",
    "directories",
    "users",
    "groups",
    "contacts",
    "destinations",
    "events",
)
# Rows of these belong to what is loaded away.
_CLEARED_TABLES = (*SAVED_TABLES, "links", "sessions", "mails", "deliveries")
# Which table the ids in a field are of.
_REFERENCES = {"directory_id": "directories", "organization_id": "organizations", "group_keys": "groups"}


class InvalidState(Exception):
    """The file cannot be loaded. The message says why, for the person who chose it."""


def save_state(store: Store) -> dict[str, Any]:
    tables = store.tables
    return {
        "format": FORMAT,
        "version": VERSION,
        "saved_at": store.clock.now(),
        "switches": store.switches.to_json(),
        "published_dns": sorted(store.published_dns),
        "tables": {name: [row.to_row() for row in tables[name]] for name in SAVED_TABLES},
    }


@dataclass(frozen=True, slots=True)
class SavedState:
    """A state that can be loaded. `rows` are the objects by table."""

    switches: Switches
    published_dns: set[str]
    rows: dict[str, list[Model]]


async def load_state(app: web.Application, saved: Any) -> int:
    """Replace the objects by the saved ones, without events. Returns how many organizations there are.

    Raises InvalidState, and changes nothing then.
    """
    state = parse_state(app[STORE], saved)
    await app[BURSTS].clear()
    await app[DISPATCHER].clear()
    app[FAULTS].clear()
    _replace_objects(app[STORE], state)
    return len(app[STORE].organizations)


def _replace_objects(store: Store, state: SavedState) -> None:
    tables = store.tables
    endpoints = list(store.endpoints)
    for name in _CLEARED_TABLES:
        tables[name].clear()
    if store.state_file:
        store.state_file.clear()
    for endpoint in endpoints:
        store.endpoints.put(endpoint)
    for name, objects in state.rows.items():
        for item in objects:
            tables[name].put(item)
    store.switches = state.switches
    store.published_dns = state.published_dns


def parse_state(store: Store, saved: Any) -> SavedState:
    """Check the JSON of a file. Changes nothing. Raises InvalidState."""
    if not isinstance(saved, dict) or saved.get("format") != FORMAT:
        raise InvalidState("This file was not saved by the sandbox.")
    if saved.get("version") != VERSION:
        raise InvalidState(f"This file has version {saved.get('version')}; the sandbox loads {VERSION}.")
    switches = Switches()
    names = saved.get("published_dns")
    tables = _require_object(saved.get("tables"), "tables")
    try:
        switches.update(_require_object(saved.get("switches"), "switches"))
    except ValueError as error:
        raise InvalidState(f"A setting is wrong: {error}.") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidState("published_dns must be a list of domains.")
    if set(tables) != set(SAVED_TABLES):
        raise InvalidState(f"tables must have exactly {', '.join(SAVED_TABLES)}.")
    rows = {name: _parse_table(store.tables[name], tables[name]) for name in SAVED_TABLES}
    _check_references(rows)
    return SavedState(switches, set(names), rows)


def _require_object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidState(f"{name} must be an object.")
    return value


def _parse_table(table: Table[Any], rows: Any) -> list[Model]:
    if not isinstance(rows, list):
        raise InvalidState(f"{table.name} must be a list.")
    parsed = [
        _parse_row(table.model, row, f"Row {number} of {table.name}") for number, row in enumerate(rows, 1)
    ]
    if len({row.key for row in parsed}) < len(parsed):
        raise InvalidState(f"{table.name} has an id twice.")
    return parsed


def _parse_row(model: type[Model], row: Any, name: str) -> Model:
    row = dict(_require_object(row, name))
    if model is Event and "user" in row:
        user = _parse_row(DirectoryUser, row.pop("user"), f"The user of {name}")
        return _build_row(model, row | {"data": user}, name)
    return _build_row(model, row, name)


def _build_row(model: type[Model], row: dict[str, Any], name: str) -> Model:
    expected = {item.name for item in fields(model)}
    if set(row) != expected:
        wrong = ", ".join(sorted(set(row) ^ expected))
        raise InvalidState(f"{name} has missing or unknown fields: {wrong}.")
    for field_name, kind in get_type_hints(model).items():
        if field_name in expected and not _is_of_type(row[field_name], kind):
            raise InvalidState(f"{name} has a wrong value for {field_name}.")
    for field_name in ("created_at", "updated_at"):
        try:
            parse_timestamp(row[field_name])
        except ValueError as error:
            raise InvalidState(f"{name} has a wrong time in {field_name}.") from error
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    return model(**values)


def _is_of_type(value: Any, kind: Any) -> bool:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return any(_is_of_type(value, item) for item in arguments)
    if origin is tuple:
        return isinstance(value, list | tuple) and all(_is_of_type(item, arguments[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(_is_of_type(item, arguments[1]) for item in value.values())
    if kind is Any:
        return True
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _check_references(rows: dict[str, list[Model]]) -> None:
    ids = {name: {row.key for row in objects} for name, objects in rows.items()}
    for name, objects in rows.items():
        if name == "events":
            # An event outlives what it is about.
            continue
        for row in objects:
            for field_name, target in _REFERENCES.items():
                value = getattr(row, field_name, ())
                if set(value if isinstance(value, tuple) else (value,)) - ids[target]:
                    raise InvalidState(f"{row.id} of {name} has a {field_name} that is not in the file.")
