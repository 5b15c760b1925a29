"""Faults that a test can inject: into the delivery of a webhook, and into a response of the API."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

DELIVERY_FAULTS = {
    "duplicate": "Deliver it again (`copies` more times)",
    "delay": "Deliver it `seconds` later",
    "reorder": "Hold `size` deliveries and send the last one first",
    "drop": "Never deliver it",
    "change_byte": "Change one byte of the body after signing",
    "wrong_secret": "Sign with a wrong secret",
    "old_timestamp": "Sign with a time `seconds` ago",
    "seconds": "Sign with a time in seconds instead of milliseconds",
    "two_signatures": "Send two v1 signatures, as during a secret rotation; the valid one is the second",
    "no_space": "Omit the space after the comma in the header",
}
RESPONSE_FAULTS = {
    "status": "Answer `status` (401, 403, 409, 422, 429, 500 …)",
    "hang": "Process the request, and answer `seconds` later",
    "cut": "Close the connection without a response; with `after` 1, process the request first",
    "empty": "Answer an empty 200",
    "link": "Answer 201 with `link` as the Portal Link",
    "empty_list": "Answer a list as if it had nothing in it",
    "short_list": "End a list after `keep` objects of the page, as if it were complete",
    "gap": "Leave `count` objects out of the middle of a page of a list",
    "cut_body": "Send half of the response, then close the connection",
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
    "short_list": {"keep": 1},
    "gap": {"count": 1},
}
SCHEDULING_FAULTS = ("drop", "reorder", "duplicate", "delay")
MAX_VALUE = 10**6
MAX_COUNT = 1000
STATUSES = range(400, 600)
MAX_APPLICATIONS = 100


@dataclass(slots=True, kw_only=True)
class Fault:
    """A fault, to apply `times` more; None: always. `event`, `method`, `path` are patterns with ``*``."""

    id: str
    kind: str
    event: str = "*"
    method: str = "*"
    path: str = "*"
    times: int | None = 1
    values: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        patterns = (
            {"event": self.event}
            if self.kind in DELIVERY_FAULTS
            else {"method": self.method, "path": self.path}
        )
        return {"id": self.id, "kind": self.kind, "times": self.times, **patterns, **self.values}


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultApplication:
    """One application of a fault. `subject` is the event's type, or the request's method and path."""

    at: str
    kind: str
    values: dict[str, Any]
    subject: str

    def to_json(self) -> dict[str, Any]:
        return {"at": self.at, "kind": self.kind, "subject": self.subject, **self.values}


class Faults:
    """The active faults, oldest first. A fault is removed when it has been applied `times`.

    `applied` has the latest applications, oldest first. `now` returns the time for them.
    """

    def __init__(self, now: Callable[[], str]) -> None:
        self._now = now
        self.active: list[Fault] = []
        self.applied: deque[FaultApplication] = deque(maxlen=MAX_APPLICATIONS)

    def add(self, fault_id: str, values: dict[str, Any]) -> Fault:
        """Add the fault that `values` describes, as posted to the control API.

        Raises ValueError with a message for the caller.
        """
        values = dict(values)
        kind = values.pop("kind", None)
        if not isinstance(kind, str) or (kind not in DELIVERY_FAULTS and kind not in RESPONSE_FAULTS):
            raise ValueError(f"kind is one of {', '.join([*DELIVERY_FAULTS, *RESPONSE_FAULTS])}")
        times = values.pop("times", 1)
        if times is not None and (not isinstance(times, int) or isinstance(times, bool) or times < 1):
            raise ValueError("times is a number from 1, or null for always")
        patterns = {}
        for name in ("event",) if kind in DELIVERY_FAULTS else ("method", "path"):
            patterns[name] = values.pop(name, "*")
            if not isinstance(patterns[name], str):
                raise ValueError(f"{name} is a string")  # noqa: TRY004  (one kind of error for the caller)
        parsed = _validate_values(kind, values)
        if kind == "status" and parsed["status"] not in STATUSES:
            raise ValueError("status is from 400 to 599")
        if kind == "reorder" and times is not None:
            # One reordering holds `size` deliveries, and each of them uses the fault once.
            times *= int(parsed["size"])
        fault = Fault(id=fault_id, kind=kind, times=times, values=parsed, **patterns)
        self.active.append(fault)
        return fault

    def cancel(self, fault_id: str) -> bool:
        """Returns whether there was such a fault."""
        before = len(self.active)
        self.active = [fault for fault in self.active if fault.id != fault_id]
        return len(self.active) < before

    def cancel_all(self) -> None:
        self.active.clear()

    def clear(self) -> None:
        """Cancel all, and forget what was applied."""
        self.active.clear()
        self.applied.clear()

    def take_scheduling_faults(self, event: str) -> list[Fault]:
        """The faults to apply when a delivery of this event type is created."""
        return self._take_matching(
            event, lambda fault: fault.kind in SCHEDULING_FAULTS and fnmatchcase(event, fault.event)
        )

    def take_sending_faults(self, event: str) -> list[Fault]:
        """The faults to apply to one attempt to deliver this event type."""
        return self._take_matching(
            event,
            lambda fault: (
                fault.kind in DELIVERY_FAULTS
                and fault.kind not in SCHEDULING_FAULTS
                and fnmatchcase(event, fault.event)
            ),
        )

    def take_response_fault(self, method: str, path: str) -> Fault | None:
        """The oldest fault for a response to this request."""
        taken = self._take_matching(
            f"{method} {_hide_token(path)}",
            lambda fault: (
                fault.kind in RESPONSE_FAULTS
                and fnmatchcase(method, fault.method.upper())
                and fnmatchcase(path, fault.path)
            ),
            limit=1,
        )
        return taken[0] if taken else None

    def _take_matching(
        self, subject: str, matches: Callable[[Fault], bool], limit: int | None = None
    ) -> list[Fault]:
        taken = [fault for fault in self.active if matches(fault)][:limit]
        for fault in taken:
            self.applied.append(
                FaultApplication(at=self._now(), kind=fault.kind, values=fault.values, subject=subject)
            )
            if fault.times is not None:
                fault.times -= 1
        self.active = [fault for fault in self.active if fault.times is None or fault.times > 0]
        return taken


def _hide_token(path: str) -> str:
    """The path, without the token that a page of the portal has in it."""
    is_page = path.startswith("/portal/") and path not in {"/portal/generate_link", "/portal/revoke_link"}
    return "/portal/…" if is_page else path


def _validate_values(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """The values of this kind of fault, with defaults for those not given. Raises ValueError."""
    parsed: dict[str, Any] = dict(DEFAULTS.get(kind, {}))
    for name, value in values.items():
        if name not in parsed:
            raise ValueError(f"{kind} has no {name}; it has {', '.join(parsed) or 'no values'}")
        if isinstance(parsed[name], str):
            if not isinstance(value, str):
                raise ValueError(f"{name} is a string")  # noqa: TRY004  (one kind of error for the caller)
        elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_VALUE:
            raise ValueError(f"{name} is a number from 0 to {MAX_VALUE}")
        elif name in ("copies", "size", "status", "keep", "count") and (
            value != int(value) or value > MAX_COUNT
        ):
            raise ValueError(f"{name} is a whole number up to {MAX_COUNT}")
        parsed[name] = value
    return parsed
