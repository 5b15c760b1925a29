"""The sandbox's state: tables of objects in memory, and the state file that can keep them."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

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
    Payload,
    PortalLink,
    PortalSession,
    WebhookEndpoint,
)
from sandbox.switches import Switches
from sandbox.tables import Keys, Table

ModelT = TypeVar("ModelT", bound=Model)


def _by(*fields: str) -> Keys:
    """An index of one field, or of several together."""
    if len(fields) == 1:
        [field] = fields
        return lambda row: (getattr(row, field),)
    return lambda row: (tuple([getattr(row, field) for field in fields]),)


# Of the tables that may be large, or that every request searches.
INDEXES: dict[str, dict[str, Keys]] = {
    "organizations": {"external_id": _by("external_id")},
    "domains": {"organization_id": _by("organization_id"), "domain": _by("domain")},
    "connections": {"organization_id": _by("organization_id")},
    "directories": {"organization_id": _by("organization_id")},
    "users": {
        "directory_id": _by("directory_id"),
        # For the directory's own count of active and inactive people.
        "directory_state": _by("directory_id", "state"),
        "group_key": lambda row: row.group_keys,
        "idp_id": _by("idp_id"),
        "email": _by("email"),
    },
    "groups": {"directory_id": _by("directory_id")},
    "contacts": {"organization_id": _by("organization_id")},
    "links": {"organization_id": _by("organization_id"), "secret": _by("secret")},
    "events": {
        "event": _by("event"),
        "organization_id": _by("organization_id"),
        "organization_event": _by("organization_id", "event"),
    },
}


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

        self.organizations = self._table("organizations", Organization)
        self.domains = self._table("domains", OrganizationDomain)
        self.connections = self._table("connections", Connection)
        self.directories = self._table("directories", Directory)
        self.users = self._table("users", DirectoryUser)
        self.groups = self._table("groups", DirectoryGroup)
        self.contacts = self._table("contacts", ItContact)
        self.endpoints = self._table("endpoints", WebhookEndpoint)
        self.links = self._table("links", PortalLink)
        self.sessions = self._table("sessions", PortalSession)
        self.destinations = self._table("destinations", Destination)
        self.mails = self._table("mails", Mail)
        self.events = self._table("events", Event)
        self.deliveries = self._table("deliveries", Delivery)
        if self.state_file:
            self._load(self.state_file)

    def _table(self, name: str, model: type[ModelT]) -> Table[ModelT]:
        return Table(name, model, self.state_file, INDEXES.get(name))

    @property
    def tables(self) -> dict[str, Table[Any]]:
        return {value.name: value for value in vars(self).values() if isinstance(value, Table)}

    def _load(self, state_file: StateFile) -> None:
        tables = self.tables
        members: list[tuple[str, str]] = []
        for name, row in state_file.load():
            if name == "groups":
                # Older files have the members with the group.
                members += [(user_id, row["id"]) for user_id in row.pop("user_ids", ())]
            tables[name].put(tables[name].model.from_row(row), saved=True)
        for user_id, group_id in members:
            if user := self.users.get(user_id):
                self.users.put(replace(user, group_keys=(*user.group_keys, group_id)))

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
        data: dict[str, Any] | Payload,
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
