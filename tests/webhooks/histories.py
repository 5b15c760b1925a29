"""Generate histories of a directory, and say in what state each must end, independently of the application.

`write_history` plays an identity provider and WorkOS, and returns the events in the order in which they
happened. `read_in_order` is the reference: it reads them in that order, once, with plain dictionaries.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

START = datetime(2026, 1, 15, 12, tzinfo=UTC)

Payload = dict[str, Any]


def format_time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


@dataclass
class Person:
    """A person as WorkOS has them. `said`: what their newest event mentioned."""

    id: str
    idp_id: str
    email: str
    name: str
    state: str
    updated_at: datetime


@dataclass
class Writer:
    """Plays one directory. With `soft_delete`, a deactivation is an update, and without it a deletion."""

    directory: str
    organization: str
    soft_delete: bool
    random: Random
    now: datetime = START
    events: list[Payload] = field(default_factory=list)
    people: dict[str, Person] = field(default_factory=dict)
    groups: dict[str, Payload] = field(default_factory=dict)
    members: set[tuple[str, str]] = field(default_factory=set)
    last_id: int = 0

    def emit(self, event: str, data: Payload) -> None:
        number = len(self.events)
        event_id = f"event_{self.directory}_{number:04d}"
        self.events.append(
            {"id": event_id, "event": f"dsync.{event}", "data": data, "created_at": format_time(self.now)}
        )

    def new_id(self, prefix: str) -> str:
        # The customer's own ids: the same in every directory.
        self.last_id += 1
        return f"{prefix}{self.last_id}"

    def describe(self, person: Person) -> Payload:
        return {
            "id": person.id,
            "directory_id": self.directory,
            "organization_id": self.organization,
            "idp_id": person.idp_id,
            "email": person.email,
            "first_name": person.name,
            "last_name": None,
            "state": person.state,
            "updated_at": format_time(person.updated_at),
        }

    def announce(self, event: str, person: Person, *, optional: tuple[str, ...] = ()) -> None:
        """Emit the person's event; fields that did not change may be absent."""
        person.updated_at = self.now
        data = self.describe(person)
        for name in optional:
            if self.random.random() < 0.3:
                data.pop(name)
        if "first_name" not in data:
            data.pop("last_name")
        self.emit(event, data)

    def choose_person(self, *states: str) -> Person | None:
        found = [one for one in self.people.values() if one.state in states]
        return self.random.choice(found) if found else None

    # Actions. One that is impossible at the moment does nothing.

    def create(self) -> None:
        person_id = self.new_id("u")
        self._add_person(
            Person(person_id, f"idp_{person_id}", f"{person_id}@acme.example", "", "active", START)
        )

    def reassign_address(self) -> None:
        if leaver := self.choose_person("inactive"):
            person_id = self.new_id("u")
            self._add_person(Person(person_id, f"idp_{person_id}", leaver.email, "", "active", START))

    def return_with_new_id(self) -> None:
        if leaver := self.choose_person("inactive"):
            self._add_person(
                Person(self.new_id("u"), leaver.idp_id, leaver.email, leaver.name, "active", START)
            )

    def _add_person(self, person: Person) -> None:
        person.name = person.name or f"Name of {person.id}"
        person.updated_at = self.now
        self.people[person.id] = person
        if self.groups and self.random.random() < 0.3:
            # The membership before its person.
            self._add_member(person, self.random.choice(list(self.groups)))
        self.announce("user.created", person)

    def rename_person(self) -> None:
        if person := self.choose_person("active", *(["inactive"] if self.soft_delete else [])):
            person.name = f"Name {len(self.events)}"
            self.announce("user.updated", person, optional=("email", "idp_id"))

    def deactivate(self) -> None:
        if person := self.choose_person("active"):
            if self.soft_delete:
                person.state = "inactive"
                self.announce("user.updated", person, optional=("email", "idp_id", "first_name"))
            else:
                # The object is as before, and its time, too.
                self.emit("user.deleted", self.describe(person))
                person.state = "inactive"

    def delete(self) -> None:
        if person := self.choose_person("active", "inactive"):
            self.emit("user.deleted", self.describe(person))
            person.state = "inactive"

    def return_with_same_id(self) -> None:
        if person := self.choose_person("inactive"):
            person.state = "active"
            if self.soft_delete or self.random.random() < 0.5:
                self.announce(self.random.choice(["user.updated", "user.created"]), person)
            else:
                # Nothing says so, until their next event.
                self.now += timedelta(seconds=1)
                person.updated_at = self.now

    def create_group(self) -> None:
        self._add_group(self.new_id("g"))

    def return_group(self) -> None:
        ids = {one["data"]["id"] for one in self.events if one["event"] == "dsync.group.deleted"}
        if gone := sorted(ids - self.groups.keys()):
            self._add_group(self.random.choice(gone))

    def _add_group(self, group_id: str) -> None:
        self.groups[group_id] = {
            "id": group_id,
            "directory_id": self.directory,
            "organization_id": self.organization,
            "name": f"Group {len(self.events)}",
            "updated_at": format_time(self.now),
        }
        self.emit("group.created", self.groups[group_id])

    def rename_group(self) -> None:
        if self.groups:
            group_id = self.random.choice(list(self.groups))
            new = {"name": f"Renamed {len(self.events)}", "updated_at": format_time(self.now)}
            self.groups[group_id] = self.groups[group_id] | new
            self.emit("group.updated", self.groups[group_id])

    def delete_group(self) -> None:
        if self.groups:
            self._delete_group(self.random.choice(list(self.groups)))

    def _delete_group(self, group_id: str) -> None:
        self.emit("group.deleted", self.groups.pop(group_id))
        self.members = {pair for pair in self.members if pair[1] != group_id}

    def replace_group_twice(self) -> None:
        """As a script does, in one second: only their ids tell the second deletion from the first."""
        if self.groups and (person := self.choose_person("active")):
            group_id = self.random.choice(list(self.groups))
            # Whose membership the second deletion ends, if nobody adds it again.
            for likelihood in (0.8, 0.2):
                self._delete_group(group_id)
                self._add_group(group_id)
                if self.random.random() < likelihood:
                    self._add_member(person, group_id)

    def add_member(self) -> None:
        if self.groups and (person := self.choose_person("active", "inactive")):
            self._add_member(person, self.random.choice(list(self.groups)))

    def _add_member(self, person: Person, group_id: str) -> None:
        self.members.add((person.id, group_id))
        self._emit_membership("user_added", person, self.groups[group_id])

    def remove_member(self) -> None:
        if self.members:
            user_id, group_id = self.random.choice(sorted(self.members))
            self.members.discard((user_id, group_id))
            self._emit_membership("user_removed", self.people[user_id], self.groups[group_id])

    def return_member(self) -> None:
        removed = [one["data"] for one in self.events if one["event"] == "dsync.group.user_removed"]
        pairs = {(one["user"]["id"], one["group"]["id"]) for one in removed} - self.members
        if possible := sorted(pair for pair in pairs if pair[1] in self.groups):
            user_id, group_id = self.random.choice(possible)
            self._add_member(self.people[user_id], group_id)

    def _emit_membership(self, event: str, person: Person, group: Payload) -> None:
        user = self.describe(person)
        if self.random.random() < 0.5:
            user = {name: user[name] for name in ("id", "directory_id", "organization_id", "email")}
        self.emit(f"group.{event}", {"directory_id": self.directory, "user": user, "group": group})

    def delete_directory(self) -> None:
        self.emit("deleted", {"id": self.directory, "organization_id": self.organization, "state": "active"})


ACTIONS = {
    Writer.create: 6,
    Writer.create_group: 3,
    Writer.add_member: 6,
    Writer.remove_member: 2,
    Writer.return_member: 2,
    Writer.rename_person: 2,
    Writer.deactivate: 3,
    Writer.delete: 1,
    Writer.return_with_same_id: 3,
    Writer.return_with_new_id: 1,
    Writer.reassign_address: 1,
    Writer.rename_group: 1,
    Writer.delete_group: 1,
    Writer.return_group: 1,
    Writer.replace_group_twice: 2,
}
# Few people and groups, to whom much happens.
ACTIONS_OF_FEW = ACTIONS | {
    Writer.create: 1,
    Writer.create_group: 1,
    Writer.remove_member: 5,
    Writer.return_member: 5,
    Writer.return_with_same_id: 8,
    Writer.delete_group: 3,
    Writer.return_group: 5,
    Writer.replace_group_twice: 4,
}
# After these nobody is left to send anything.
LAST_ACTIONS = {None: 9, Writer.delete_directory: 1}


def write_history(seed: int, directory: str, organization: str, *, soft_delete: bool) -> list[Payload]:
    random = Random(seed)  # noqa: S311 - a history that can be repeated
    writer = Writer(directory, organization, soft_delete, random)
    actions, most = random.choice([(ACTIONS, 24), (ACTIONS_OF_FEW, 96)])
    for action in random.choices(list(actions), [*actions.values()], k=random.randint(4, most)):
        # Some things happen in the same second.
        writer.now += timedelta(seconds=random.choice([0, 1, 60]))
        action(writer)
    [last] = random.choices(list(LAST_ACTIONS), [*LAST_ACTIONS.values()])
    if last:
        writer.now += timedelta(seconds=1)
        last(writer)
    return writer.events


@dataclass
class Ending:
    """What is known at the end: state, name, address and identity provider's id of each person; the names of
    the groups; who counts as a member of what.
    """

    people: dict[str, tuple[str, str, str, str]]
    groups: dict[str, str]
    members: set[tuple[str, str]]


def read_in_order(events: list[Payload]) -> Ending:
    """The state after these events, read in the order in which they happened."""
    people: dict[str, dict[str, str]] = {}
    groups: dict[str, str] = {}
    members: set[tuple[str, str]] = set()
    is_deleted = False
    for event in events:
        data = event["data"]
        match event["event"].removeprefix("dsync."):
            case "user.created" | "user.updated":
                _hear(people, data, data["updated_at"])
            case "user.deleted" if data["id"] in people:
                people[data["id"]] |= {"state": "inactive", "at": event["created_at"]}
            case "group.created" | "group.updated":
                groups[data["id"]] = data["name"]
            case "group.deleted":
                groups.pop(data["id"], None)
                members = {pair for pair in members if pair[1] != data["id"]}
            case "group.user_added":
                members.add((data["user"]["id"], data["group"]["id"]))
                user = data["user"]
                # Without its time a person is only named. A description that is not newer says nothing new.
                if "updated_at" in user and user["updated_at"] > people.get(user["id"], {}).get("at", ""):
                    _hear(people, user, user["updated_at"])
            case "group.user_removed":
                members.discard((data["user"]["id"], data["group"]["id"]))
            case "deleted":
                is_deleted = True
    return Ending(
        {
            key: (one["state"], one.get("first_name", ""), one.get("email", ""), one.get("idp_id", ""))
            for key, one in people.items()
        },
        groups,
        set()
        if is_deleted
        else {
            (user, group)
            for user, group in members
            if people.get(user, {}).get("state") == "active" and group in groups
        },
    )


def _hear(people: dict[str, dict[str, str]], data: Mapping[str, Any], at: str) -> None:
    said = {name: data[name] for name in ("state", "first_name", "email", "idp_id") if name in data}
    people.setdefault(data["id"], {}).update(said, at=at)
