"""In which queue an event waits for a worker. Knows no framework and no database.

A worker takes a share of every queue, so the events of one organization do not hold up those of another.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_MAX_LENGTH = 64
# What a first sync sends, once for each person, group and membership.
_BULK_EVENTS = frozenset(
    {
        "dsync.group.created",
        "dsync.group.updated",
        "dsync.group.user_added",
        "dsync.user.created",
        "dsync.user.updated",
    }
)


@dataclass(frozen=True)
class Queue:
    """Events of one organization that are equally urgent.

    `name` is the id of the organization, or else of the directory; blank if the event has neither.
    """

    is_urgent: bool
    name: str


# Of what was recorded before there were queues.
BLANK_QUEUE = Queue(is_urgent=False, name="")


def find_queue(event: str, data: Mapping[str, Any]) -> Queue:
    """The queue of an event by its name and its `data`."""
    # A deactivation is an update. A person who loses access does not wait until a first sync is over.
    is_deactivation = event == "dsync.user.updated" and data.get("state") == "inactive"
    is_urgent = event not in _BULK_EVENTS or is_deactivation
    return Queue(is_urgent, _find_name(event, data)[:_MAX_LENGTH])


def _find_name(event: str, data: Mapping[str, Any]) -> str:
    if event.startswith("organization."):
        return _text(data, "id")
    for key in ("organization_id", "directory_id"):
        for one in _find_objects(data):
            if found := _text(one, key):
                return found
    return ""


def _find_objects(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The object itself, and those inside it: a connection, a group, a person, a domain."""
    yield data
    for value in data.values():
        # As JSON is read: to ask whether it is any mapping takes ten times as long.
        if isinstance(value, dict):
            yield value


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""
