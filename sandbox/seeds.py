"""Seed files: a store written down, in YAML or JSON."""

from pathlib import Path
from typing import Any

import yaml

from sandbox import directory_groups, errors, it_contacts, organizations, scenarios, webhook_endpoints
from sandbox.parameters import MAX_USERS
from sandbox.store import Store

_SEED_KEYS = {"organizations", "webhook_endpoints", "switches"}
_ORGANIZATION_KEYS = {
    "id",
    "name",
    "external_id",
    "metadata",
    "domains",
    "it_contacts",
    "connections",
    "directories",
}


class InvalidSeed(ValueError):
    """The seed is malformed. The message says where."""


def load_seed(path: Path) -> dict[str, Any]:
    """Raises InvalidSeed."""
    try:
        return parse_seed(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, InvalidSeed) as error:
        raise InvalidSeed(f"cannot read {path}: {error}") from error


def parse_seed(text: str) -> dict[str, Any]:
    """Raises InvalidSeed. JSON is YAML too."""
    try:
        seed = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidSeed(f"neither YAML nor JSON: {error}") from error
    if not isinstance(seed, dict):
        raise InvalidSeed("a seed is a mapping")
    return seed


def apply_seed(store: Store, seed: dict[str, Any]) -> dict[str, int]:
    """Create what the seed lists, emitting the events. Returns the number of objects per table.

    Raises InvalidSeed.
    """
    _reject_unknown_keys(seed, _SEED_KEYS, "the seed")
    try:
        store.switches.update(seed.get("switches") or {})
        for row in seed.get("webhook_endpoints") or []:
            webhook_endpoints.create_endpoint(
                store,
                row["url"],
                secret=row.get("secret"),
                events=tuple(row["events"]) if row.get("events") else ("*",),
            )
        for row in seed.get("organizations") or []:
            _create_organization(store, row)
    except errors.ApiError as error:
        raise InvalidSeed(str(error.body)) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidSeed(f"the seed has the wrong structure: {error!r}") from error
    return {name: len(table) for name, table in store.tables.items() if len(table)}


def _reject_unknown_keys(row: dict[str, Any], allowed: set[str], name: str) -> None:
    unknown = set(row) - allowed
    if unknown:
        raise InvalidSeed(
            f"{name} has no {', '.join(sorted(unknown))}; it may have {', '.join(sorted(allowed))}"
        )


def _create_organization(store: Store, row: dict[str, Any]) -> None:
    _reject_unknown_keys(row, _ORGANIZATION_KEYS, "an organization")
    domains = [
        {"domain": item, "state": "pending"} if isinstance(item, str) else item
        for item in row.get("domains") or []
    ]
    values = {name: row[name] for name in ("id", "name", "external_id", "metadata") if name in row}
    organization = organizations.create_organization(
        store, values | {"domain_data": domains}, source="dashboard"
    )
    for email in row.get("it_contacts") or []:
        it_contacts.create_contact(store, organization.id, email)
    for item in row.get("connections") or []:
        _reject_unknown_keys(item, {"type", "state", "name"}, "a connection")
        scenarios.set_up_connection(
            store, organization, item["type"], state=item.get("state", "active"), name=item.get("name")
        )
    for item in row.get("directories") or []:
        _reject_unknown_keys(item, {"type", "state", "name", "users", "groups"}, "a directory")
        users = item.get("users", 0)
        if not isinstance(users, int) or not 0 <= users <= MAX_USERS:
            raise InvalidSeed(f"users is a number from 0 to {MAX_USERS}")
        directory = scenarios.set_up_directory(
            store,
            organization,
            item["type"],
            state=item.get("state", "linked"),
            users=users,
            name=item.get("name"),
        )
        for name in item.get("groups") or []:
            directory_groups.create_group(store, directory, name)
