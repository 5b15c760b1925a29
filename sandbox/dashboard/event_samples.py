"""Samples to start from when one sends an event: the payload of an object that the sandbox has."""

import json
from collections.abc import Callable
from typing import Any

from sandbox import connections, directories, organizations
from sandbox.store import Store

# What the events that begin so are about: the table, and how its rows are shown.
_SUBJECTS: dict[str, tuple[str, Callable[[Store, Any], dict[str, Any]]]] = {
    "organization.": ("organizations", organizations.serialize_organization),
    "organization_domain.": ("domains", lambda _store, row: row.to_json()),
    "connection.": ("connections", connections.serialize_connection),
    "dsync.user.": ("users", lambda _store, row: row.to_json()),
    "dsync.group.": ("groups", lambda _store, row: row.to_json()),
    "dsync.": ("directories", directories.serialize_directory),
}


def build_sample(store: Store, event: str) -> tuple[dict[str, Any], str]:
    """The data of the latest event of this type, or of an object of its kind, and the organization's id."""
    for latest in store.events.iterate(backwards=True):
        if latest.event == event:
            return latest.payload(), latest.organization_id or ""
    for prefix, (table, serialize) in _SUBJECTS.items():
        if event.startswith(prefix):
            row = next(iter(store.tables[table]), None)
            if row is None:
                break
            return serialize(store, row), getattr(row, "organization_id", row.id)
    return {}, ""


def format_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
