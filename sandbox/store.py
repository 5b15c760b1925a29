"""The sandbox's state: tables of objects in memory, and the state file that can keep them."""

import itertools
import json
import math
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from sandbox.clock import Clock
from sandbox.ids import IdGenerator
from sandbox.models import (
    Connection,
    Delivery,
    Destination,
    Directory,
    DirectoryGroup,
    DirectoryUser,
    Event,
    ItContact,
    Mail,
    Model,
    Organization,
    OrganizationDomain,
    PortalLink,
    PortalSession,
    WebhookEndpoint,
)
from sandbox.switches import Switches

ModelT = TypeVar("ModelT", bound=Model)


# How many deleted objects of a table are remembered as cursors.
MAX_DELETED_CURSORS = 10_000


class Table(Generic[ModelT]):
    """Objects by id, in the order of their creation. A cursor is found without a search.

    The cursor of an object that was deleted in the meantime keeps its place: a client that walks through
    the pages goes on after it.
    """

    def __init__(self, name: str, model: type[ModelT], state_file: "StateFile | None" = None) -> None:
        self.name = name
        self.model = model
        self._state_file = state_file
        self.clear()

    def clear(self) -> None:
        self._rows: dict[str, ModelT] = {}
        # None stands for a deleted row, so that the positions of the others stay.
        self._order: list[str | None] = []
        self._positions: dict[str, int] = {}
        # A place between two rows ends in .5.
        self._deleted_positions: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[ModelT]:
        return iter(list(self._rows.values()))

    def get(self, row_id: str) -> ModelT | None:
        return self._rows.get(row_id)

    def put(self, row: ModelT, *, saved: bool = False) -> ModelT:
        """Add or replace a row. `saved`: it comes from the state file and is not written there again."""
        if row.id not in self._positions:
            self._deleted_positions.pop(row.id, None)
            self._positions[row.id] = len(self._order)
            self._order.append(row.id)
        self._rows[row.id] = row
        if self._state_file and not saved:
            self._state_file.stage(self.name, row.id, row)
        return row

    def delete(self, row_id: str) -> None:
        """Raises KeyError."""
        del self._rows[row_id]
        position = self._positions.pop(row_id)
        self._order[position] = None
        self._deleted_positions[row_id] = position
        if len(self._deleted_positions) > MAX_DELETED_CURSORS:
            del self._deleted_positions[next(iter(self._deleted_positions))]
        if self._state_file:
            self._state_file.stage(self.name, row_id, None)
        if len(self._order) > 64 and len(self._rows) < len(self._order) // 2:
            self._close_gaps()

    def _close_gaps(self) -> None:
        rows_before = [0, *itertools.accumulate(key is not None for key in self._order)]
        self._deleted_positions = {
            key: rows_before[math.ceil(position)] - 0.5 for key, position in self._deleted_positions.items()
        }
        self._order = [key for key in self._order if key is not None]
        self._positions = {key: position for position, key in enumerate(self._order) if key is not None}

    def has_position(self, row_id: str) -> bool:
        """Whether `iterate` can start at this id: of a row, or of one that was deleted."""
        return row_id in self._positions or row_id in self._deleted_positions

    def iterate(self, *, after: str | None = None, backwards: bool = False) -> Iterator[ModelT]:
        """The rows after the one with id `after`; backwards, those before it. Raises KeyError."""
        step = -1 if backwards else 1
        if after is None:
            position = len(self._order) - 1 if backwards else 0
        else:
            place = self._positions[after] if after in self._positions else self._deleted_positions[after]
            position = math.ceil(place) - 1 if backwards else math.floor(place) + 1
        while 0 <= position < len(self._order):
            key = self._order[position]
            if key is not None:
                yield self._rows[key]
            position += step

    def filter(self, **values: Any) -> list[ModelT]:
        return [row for row in self._rows.values() if all(getattr(row, k) == v for k, v in values.items())]


class StateFile:
    """A SQLite file with one row per object. Changes are staged, and written in one transaction."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS record"
            " (place INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,"
            " UNIQUE (kind, id))"
        )
        self._staged: dict[tuple[str, str], Model | None] = {}

    def stage(self, table: str, row_id: str, row: Model | None) -> None:
        """Stage a row to be written, or with None to be deleted."""
        self._staged[table, row_id] = row

    def flush(self) -> None:
        staged, self._staged = self._staged, {}
        if not staged:
            return
        with self._database:
            for (table, row_id), row in staged.items():
                if row is None:
                    self._database.execute("DELETE FROM record WHERE kind = ? AND id = ?", (table, row_id))
                else:
                    self._database.execute(
                        "INSERT INTO record (kind, id, body) VALUES (?, ?, ?)"
                        " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
                        (table, row_id, json.dumps(row.to_row())),
                    )

    def load(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(table, row) in the order of their creation."""
        for table, body in self._database.execute("SELECT kind, body FROM record ORDER BY place"):
            yield table, json.loads(body)

    def clear(self) -> None:
        self._staged.clear()
        with self._database:
            self._database.execute("DELETE FROM record")

    def close(self) -> None:
        self.flush()
        self._database.close()


class Store:
    """The tables, the clock, the ids and the switches of one sandbox."""

    def __init__(
        self, *, public_url: str, state_path: Path | None = None, random_seed: int | None = None
    ) -> None:
        self.public_url = public_url
        self.clock = Clock()
        self.ids = IdGenerator(self.clock, random_seed)
        self.switches = Switches()
        self.published_dns: set[str] = set()
        self.state_file = StateFile(state_path) if state_path else None
        self._event_listeners: list[Callable[[Event], None]] = []

        self.organizations = Table("organizations", Organization, self.state_file)
        self.domains = Table("domains", OrganizationDomain, self.state_file)
        self.connections = Table("connections", Connection, self.state_file)
        self.directories = Table("directories", Directory, self.state_file)
        self.users = Table("users", DirectoryUser, self.state_file)
        self.groups = Table("groups", DirectoryGroup, self.state_file)
        self.contacts = Table("contacts", ItContact, self.state_file)
        self.endpoints = Table("endpoints", WebhookEndpoint, self.state_file)
        self.links = Table("links", PortalLink, self.state_file)
        self.sessions = Table("sessions", PortalSession, self.state_file)
        self.destinations = Table("destinations", Destination, self.state_file)
        self.mails = Table("mails", Mail, self.state_file)
        self.events = Table("events", Event, self.state_file)
        self.deliveries = Table("deliveries", Delivery, self.state_file)
        if self.state_file:
            self._load(self.state_file)

    @property
    def tables(self) -> dict[str, Table[Any]]:
        return {value.name: value for value in vars(self).values() if isinstance(value, Table)}

    def _load(self, state_file: StateFile) -> None:
        tables = self.tables
        for name, row in state_file.load():
            tables[name].put(tables[name].model.from_row(row), saved=True)

    def new_timestamps(self) -> dict[str, Any]:
        """`created_at` and `updated_at` of a new object."""
        now = self.clock.now()
        return {"created_at": now, "updated_at": now}

    def with_changes(self, row: ModelT, **values: Any) -> ModelT:
        """A copy of the row with new values and a new `updated_at`. The caller puts it into its table."""
        return replace(row, updated_at=self.clock.now(), **values)

    def add_event_listener(self, listener: Callable[[Event], None]) -> None:
        self._event_listeners.append(listener)

    def emit_event(
        self,
        event: str,
        data: dict[str, Any] | DirectoryUser,
        *,
        organization_id: str | None = None,
        source: str = "api",
    ) -> Event:
        """Store the event and pass it to the listeners. `source`: api, dashboard, admin_portal or system."""
        emitted = self.events.put(
            Event(
                id=self.ids.new_id("event"),
                event=event,
                data=data,
                organization_id=organization_id,
                source=source,
                **self.new_timestamps(),
            )
        )
        for listener in self._event_listeners:
            listener(emitted)
        return emitted

    def reset(self) -> None:
        """Delete everything, and reset clock, switches and ids."""
        for table in self.tables.values():
            table.clear()
        if self.state_file:
            self.state_file.clear()
        self.published_dns.clear()
        self.switches = Switches()
        self.clock.reset()
        self.ids.reset()
