"""Seed files: a world written down, in YAML or JSON."""

from pathlib import Path
from typing import Any

import yaml

from sandbox import directories, errors, organizations, scenarios, webhook_endpoints
from sandbox.models import ItContact
from sandbox.store import World

_KNOWN = {"organizations", "webhook_endpoints", "switches"}
_ORGANIZATION_KNOWN = {
    "id",
    "name",
    "external_id",
    "metadata",
    "domains",
    "it_contacts",
    "connections",
    "directories",
}


class BadSeed(ValueError):
    """A seed that cannot be sown; the message says where."""


def read(path: Path) -> dict[str, Any]:
    """Raises BadSeed."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, BadSeed) as error:
        raise BadSeed(f"cannot read {path}: {error}") from error


def parse(text: str) -> dict[str, Any]:
    """Raises BadSeed. JSON is YAML too."""
    try:
        seed = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadSeed(f"neither YAML nor JSON: {error}") from error
    if not isinstance(seed, dict):
        raise BadSeed("a seed is a mapping")
    return seed


def sow(world: World, seed: dict[str, Any]) -> dict[str, int]:
    """Put the seed into the world, as if it had happened: events are emitted. Returns what was made."""
    _only(seed, _KNOWN, "the seed")
    try:
        world.switches.change(seed.get("switches") or {})
        for row in seed.get("webhook_endpoints") or []:
            webhook_endpoints.create(
                world,
                row["url"],
                secret=row.get("secret"),
                events=tuple(row["events"]) if row.get("events") else ("*",),
            )
        for row in seed.get("organizations") or []:
            _organization(world, row)
    except errors.Refusal as refusal:
        raise BadSeed(str(refusal.body)) from refusal
    except (KeyError, TypeError, AttributeError) as error:
        raise BadSeed(f"the seed is not of the right shape: {error!r}") from error
    return {name: len(table) for name, table in world.tables.items() if len(table)}


def _only(row: dict[str, Any], known: set[str], where: str) -> None:
    unknown = set(row) - known
    if unknown:
        raise BadSeed(f"{where} has no {', '.join(sorted(unknown))}; it may have {', '.join(sorted(known))}")


def _organization(world: World, row: dict[str, Any]) -> None:
    _only(row, _ORGANIZATION_KNOWN, "an organization")
    domains = [
        {"domain": item, "state": "pending"} if isinstance(item, str) else item
        for item in row.get("domains") or []
    ]
    wanted = {name: row[name] for name in ("id", "name", "external_id", "metadata") if name in row}
    organization = organizations.create(world, wanted | {"domain_data": domains}, source="dashboard")
    for email in row.get("it_contacts") or []:
        world.contacts.put(
            ItContact(
                id=world.ids.new("it_contact"), organization_id=organization.id, email=email, **world.born()
            )
        )
    for item in row.get("connections") or []:
        _only(item, {"type", "state", "name"}, "a connection")
        scenarios.connect(
            world, organization, item["type"], state=item.get("state", "active"), name=item.get("name")
        )
    for item in row.get("directories") or []:
        _only(item, {"type", "state", "name", "users", "groups"}, "a directory")
        directory = scenarios.sync(
            world,
            organization,
            item["type"],
            state=item.get("state", "linked"),
            users=item.get("users", 0),
            name=item.get("name"),
        )
        for name in item.get("groups") or []:
            directories.add_group(world, directory, name)
