"""Faults to order: what can go wrong on the way to a receiver, and what the API can answer instead."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

DELIVERY_FAULTS = {
    "duplicate": "Post it once more (`copies` more times)",
    "delay": "Post it `seconds` later",
    "reorder": "Hold `size` deliveries and post the last one first",
    "drop": "Never post it",
    "change_byte": "Change one byte of the body after signing",
    "wrong_secret": "Sign with another secret",
    "old_timestamp": "Sign with a time `seconds` ago",
    "seconds": "Sign with a time in seconds instead of milliseconds",
    "two_signatures": "Send two v1, as while a secret is being rotated; ours is the second",
    "no_space": "Leave out the space after the comma of the header",
}
RESPONSE_FAULTS = {
    "status": "Answer `status` (401, 403, 409, 422, 429, 500 …)",
    "hang": "Do it, and answer `seconds` later",
    "cut": "Cut the connection without an answer; with `after` 1, when the deed is done already",
    "empty": "Answer an empty 200",
    "link": "Answer 201 with `link`, which leads to no portal",
}
DEFAULTS: dict[str, dict[str, float | str]] = {
    "duplicate": {"copies": 1},
    "delay": {"seconds": 2},
    "reorder": {"size": 2},
    "old_timestamp": {"seconds": 600},
    "status": {"status": 500, "retry_after": 1},
    "hang": {"seconds": 120},
    "cut": {"after": 0},
    "link": {"link": "javascript:alert(1)"},
}
SCHEDULING_FAULTS = ("drop", "reorder", "duplicate", "delay")
STATUSES = range(400, 600)


@dataclass(slots=True, kw_only=True)
class Fault:
    """`times` left, None for ever. `event`, `method` and `path` are patterns with ``*``."""

    id: str
    kind: str
    event: str = "*"
    method: str = "*"
    path: str = "*"
    times: int | None = 1
    values: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        where = (
            {"event": self.event}
            if self.kind in DELIVERY_FAULTS
            else {"method": self.method, "path": self.path}
        )
        return {"id": self.id, "kind": self.kind, "times": self.times, **where, **self.values}


class Faults:
    """Those ordered and not yet used up, oldest first."""

    def __init__(self) -> None:
        self.active: list[Fault] = []

    def add(self, fault_id: str, values: dict[str, Any]) -> Fault:
        """Raises ValueError, in words for the one who ordered it."""
        values = dict(values)
        kind = values.pop("kind", None)
        if kind not in DELIVERY_FAULTS and kind not in RESPONSE_FAULTS:
            raise ValueError(f"kind is one of {', '.join([*DELIVERY_FAULTS, *RESPONSE_FAULTS])}")
        times = values.pop("times", 1)
        if times is not None and (not isinstance(times, int) or isinstance(times, bool) or times < 1):
            raise ValueError("times is a number from 1, or null for ever")
        patterns = {}
        for name in ("event",) if kind in DELIVERY_FAULTS else ("method", "path"):
            patterns[name] = values.pop(name, "*")
            if not isinstance(patterns[name], str):
                raise ValueError(f"{name} is a text")  # noqa: TRY004  (one kind of error for the caller)
        chosen = _validate_values(kind, values)
        if kind == "status" and chosen["status"] not in STATUSES:
            raise ValueError("status is from 400 to 599")
        if kind == "reorder" and times is not None:
            # One reordering takes `size` deliveries, and each of them uses the fault once.
            times *= int(chosen["size"])
        fault = Fault(id=fault_id, kind=kind, times=times, values=chosen, **patterns)
        self.active.append(fault)
        return fault

    def cancel(self, fault_id: str) -> bool:
        before = len(self.active)
        self.active = [fault for fault in self.active if fault.id != fault_id]
        return len(self.active) < before

    def clear(self) -> None:
        self.active.clear()

    def take_scheduling_faults(self, event: str) -> list[Fault]:
        return self._take_matching(
            lambda fault: fault.kind in SCHEDULING_FAULTS and fnmatchcase(event, fault.event)
        )

    def take_sending_faults(self, event: str) -> list[Fault]:
        return self._take_matching(
            lambda fault: (
                fault.kind in DELIVERY_FAULTS
                and fault.kind not in SCHEDULING_FAULTS
                and fnmatchcase(event, fault.event)
            )
        )

    def take_response_fault(self, method: str, path: str) -> Fault | None:
        taken = self._take_matching(
            lambda fault: (
                fault.kind in RESPONSE_FAULTS
                and fnmatchcase(method, fault.method.upper())
                and fnmatchcase(path, fault.path)
            ),
            most=1,
        )
        return taken[0] if taken else None

    def _take_matching(self, matches: Any, most: int | None = None) -> list[Fault]:
        taken = [fault for fault in self.active if matches(fault)][:most]
        for fault in taken:
            if fault.times is not None:
                fault.times -= 1
        self.active = [fault for fault in self.active if fault.times is None or fault.times > 0]
        return taken


def _validate_values(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """The values that the kind has, as ordered or by default."""
    chosen: dict[str, Any] = dict(DEFAULTS.get(kind, {}))
    for name, value in values.items():
        if name not in chosen:
            raise ValueError(f"{kind} has no {name}; it has {', '.join(chosen) or 'no values'}")
        if isinstance(chosen[name], str):
            if not isinstance(value, str):
                raise ValueError(f"{name} is a text")  # noqa: TRY004  (one kind of error for the caller)
        elif isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ValueError(f"{name} is a number, zero or more")
        chosen[name] = value
    return chosen
