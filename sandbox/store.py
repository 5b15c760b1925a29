"""The store as it stands: tables of records, and the file that keeps them, if there is one."""

import json
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


class Table(Generic[ModelT]):
    """Records by id, in the order they came; a cursor finds its place without a search."""

    def __init__(self, name: str, kind: type[ModelT], state_file: "StateFile | None" = None) -> None:
        self.name = name
        self.kind = kind
        self._state_file = state_file
        self.clear()

    def clear(self) -> None:
        self._rows: dict[str, ModelT] = {}
        self._order: list[str | None] = []
        self._rank: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[ModelT]:
        return iter(list(self._rows.values()))

    def get(self, record_id: str) -> ModelT | None:
        return self._rows.get(record_id)

    def put(self, record: ModelT, *, known: bool = False) -> ModelT:
        """`known`: it comes from the state file and need not be written there again."""
        if record.id not in self._rank:
            self._rank[record.id] = len(self._order)
            self._order.append(record.id)
        self._rows[record.id] = record
        if self._state_file and not known:
            self._state_file.wrote(self.name, record.id, record)
        return record

    def delete(self, record_id: str) -> None:
        del self._rows[record_id]
        self._order[self._rank.pop(record_id)] = None
        if self._state_file:
            self._state_file.wrote(self.name, record_id, None)
        if len(self._order) > 64 and len(self._rows) < len(self._order) // 2:
            self._order = list(self._rows)
            self._rank = {key: rank for rank, key in enumerate(self._order) if key is not None}

    def iterate(self, *, after: str | None = None, backwards: bool = False) -> Iterator[ModelT]:
        """The records after (or, backwards, before) the one with id `after`. Raises KeyError."""
        step = -1 if backwards else 1
        place = (len(self._order) if backwards else -1) if after is None else self._rank[after]
        place += step
        while 0 <= place < len(self._order):
            key = self._order[place]
            if key is not None:
                yield self._rows[key]
            place += step

    def filter(self, **values: Any) -> list[ModelT]:
        return [row for row in self._rows.values() if all(getattr(row, k) == v for k, v in values.items())]


class StateFile:
    """A state file: SQLite, one row a record, written a batch at a time."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS record"
            " (place INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,"
            " UNIQUE (kind, id))"
        )
        self._waiting: dict[tuple[str, str], Model | None] = {}

    def wrote(self, kind: str, record_id: str, record: Model | None) -> None:
        self._waiting[kind, record_id] = record

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        with self._database:
            for (kind, record_id), record in waiting.items():
                if record is None:
                    self._database.execute("DELETE FROM record WHERE kind = ? AND id = ?", (kind, record_id))
                else:
                    self._database.execute(
                        "INSERT INTO record (kind, id, body) VALUES (?, ?, ?)"
                        " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
                        (kind, record_id, json.dumps(record.to_row())),
                    )

    def load(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for kind, body in self._database.execute("SELECT kind, body FROM record ORDER BY place"):
            yield kind, json.loads(body)

    def erase(self) -> None:
        self._waiting.clear()
        with self._database:
            self._database.execute("DELETE FROM record")

    def close(self) -> None:
        self.flush()
        self._database.close()


class Store:
    """Everything the sandbox knows. `emit` is how anything in it becomes an event."""

    def __init__(
        self, *, public_url: str, state_path: Path | None = None, random_seed: int | None = None
    ) -> None:
        self.public_url = public_url
        self.clock = Clock()
        self.ids = IdGenerator(self.clock, random_seed)
        self.switches = Switches()
        self.published_dns: set[str] = set()
        self.state_file = StateFile(state_path) if state_path else None
        self._on_event: list[Callable[[Event], None]] = []

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
        for kind, row in state_file.load():
            tables[kind].put(tables[kind].kind.from_row(row), known=True)

    def new_timestamps(self) -> dict[str, Any]:
        """The two stamps of a new record."""
        now = self.clock.now()
        return {"created_at": now, "updated_at": now}

    def with_changes(self, record: ModelT, **values: Any) -> ModelT:
        """The record with new values and a new `updated_at`; the caller puts it into its table."""
        return replace(record, updated_at=self.clock.now(), **values)

    def add_event_listener(self, listener: Callable[[Event], None]) -> None:
        self._on_event.append(listener)

    def emit_event(
        self,
        event: str,
        data: dict[str, Any] | DirectoryUser,
        *,
        organization_id: str | None = None,
        source: str = "api",
    ) -> Event:
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
        for listener in self._on_event:
            listener(emitted)
        return emitted

    def reset(self) -> None:
        """Everything back to the beginning: state, clock, switches, ids."""
        for table in self.tables.values():
            table.clear()
        if self.state_file:
            self.state_file.erase()
        self.published_dns.clear()
        self.switches = Switches()
        self.clock.reset()
        self.ids.reset()
