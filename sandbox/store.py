"""The world as it stands: tables of records, and the file that keeps them, if there is one."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from sandbox.clock import Clock
from sandbox.ids import Ids
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
    Organization,
    OrganizationDomain,
    PortalLink,
    PortalSession,
    Record,
    WebhookEndpoint,
)
from sandbox.switches import Switches

R = TypeVar("R", bound=Record)


class Table(Generic[R]):
    """Records by id, in the order they came; a cursor finds its place without a search."""

    def __init__(self, name: str, kind: type[R], journal: "Journal | None" = None) -> None:
        self.name = name
        self.kind = kind
        self._journal = journal
        self.clear()

    def clear(self) -> None:
        self._rows: dict[str, R] = {}
        self._order: list[str | None] = []
        self._rank: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[R]:
        return iter(list(self._rows.values()))

    def get(self, record_id: str) -> R | None:
        return self._rows.get(record_id)

    def put(self, record: R, *, known: bool = False) -> R:
        """`known`: it comes from the state file and need not be written there again."""
        if record.id not in self._rank:
            self._rank[record.id] = len(self._order)
            self._order.append(record.id)
        self._rows[record.id] = record
        if self._journal and not known:
            self._journal.wrote(self.name, record.id, record)
        return record

    def drop(self, record_id: str) -> None:
        del self._rows[record_id]
        self._order[self._rank.pop(record_id)] = None
        if self._journal:
            self._journal.wrote(self.name, record_id, None)
        if len(self._order) > 64 and len(self._rows) < len(self._order) // 2:
            self._order = list(self._rows)
            self._rank = {key: rank for rank, key in enumerate(self._order) if key is not None}

    def walk(self, *, beyond: str | None = None, backwards: bool = False) -> Iterator[R]:
        """The records after (or, backwards, before) the one with id `beyond`. Raises KeyError."""
        step = -1 if backwards else 1
        place = (len(self._order) if backwards else -1) if beyond is None else self._rank[beyond]
        place += step
        while 0 <= place < len(self._order):
            key = self._order[place]
            if key is not None:
                yield self._rows[key]
            place += step

    def where(self, **values: Any) -> list[R]:
        return [row for row in self._rows.values() if all(getattr(row, k) == v for k, v in values.items())]


class Journal:
    """A state file: SQLite, one row a record, written a batch at a time."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS record"
            " (place INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,"
            " UNIQUE (kind, id))"
        )
        self._waiting: dict[tuple[str, str], Record | None] = {}

    def wrote(self, kind: str, record_id: str, record: Record | None) -> None:
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
                        (kind, record_id, json.dumps(record.as_row())),
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


class World:
    """Everything the sandbox knows. `emit` is how anything in it becomes an event."""

    def __init__(
        self, *, public_url: str, state_file: Path | None = None, random_seed: int | None = None
    ) -> None:
        self.public_url = public_url
        self.clock = Clock()
        self.ids = Ids(self.clock, random_seed)
        self.switches = Switches()
        self.published_dns: set[str] = set()
        self.journal = Journal(state_file) if state_file else None
        self._on_event: list[Callable[[Event], None]] = []

        self.organizations = Table("organizations", Organization, self.journal)
        self.domains = Table("domains", OrganizationDomain, self.journal)
        self.connections = Table("connections", Connection, self.journal)
        self.directories = Table("directories", Directory, self.journal)
        self.users = Table("users", DirectoryUser, self.journal)
        self.groups = Table("groups", DirectoryGroup, self.journal)
        self.contacts = Table("contacts", ItContact, self.journal)
        self.endpoints = Table("endpoints", WebhookEndpoint, self.journal)
        self.links = Table("links", PortalLink, self.journal)
        self.sessions = Table("sessions", PortalSession, self.journal)
        self.destinations = Table("destinations", Destination, self.journal)
        self.mails = Table("mails", Mail, self.journal)
        self.events = Table("events", Event, self.journal)
        self.deliveries = Table("deliveries", Delivery, self.journal)
        if self.journal:
            self._load(self.journal)

    @property
    def tables(self) -> dict[str, Table[Any]]:
        return {value.name: value for value in vars(self).values() if isinstance(value, Table)}

    def _load(self, journal: Journal) -> None:
        tables = self.tables
        for kind, row in journal.load():
            tables[kind].put(tables[kind].kind.from_row(row), known=True)

    def born(self) -> dict[str, Any]:
        """The two stamps of a new record."""
        now = self.clock.now()
        return {"created_at": now, "updated_at": now}

    def changed(self, record: R, **values: Any) -> R:
        """The record with new values and a new `updated_at`; the caller puts it into its table."""
        return replace(record, updated_at=self.clock.now(), **values)

    def on_event(self, listener: Callable[[Event], None]) -> None:
        self._on_event.append(listener)

    def emit(
        self,
        event: str,
        data: dict[str, Any] | DirectoryUser,
        *,
        organization_id: str | None = None,
        source: str = "api",
    ) -> Event:
        emitted = self.events.put(
            Event(
                id=self.ids.new("event"),
                event=event,
                data=data,
                organization_id=organization_id,
                source=source,
                **self.born(),
            )
        )
        for listener in self._on_event:
            listener(emitted)
        return emitted

    def forget(self) -> None:
        """Everything back to the beginning: state, clock, switches, ids."""
        for table in self.tables.values():
            table.clear()
        if self.journal:
            self.journal.erase()
        self.published_dns.clear()
        self.switches = Switches()
        self.clock.reset()
        self.ids.reset()
