"""One form per fault: its title, and its own fields with their defaults."""

from dataclasses import dataclass
from typing import Any

from sandbox.faults import DEFAULTS, DELIVERY_FAULTS, RESPONSE_FAULTS

_TITLES = {
    "duplicate": "Deliver it more than once",
    "delay": "Deliver it later",
    "reorder": "Deliver in another order",
    "drop": "Never deliver it",
    "change_byte": "Change a byte after signing",
    "wrong_secret": "Sign with a wrong secret",
    "old_timestamp": "Sign with an old time",
    "seconds": "Sign with a time in seconds",
    "two_signatures": "Send two signatures",
    "no_space": "Omit the space in the header",
    "status": "Answer with an error",
    "hang": "Answer late",
    "cut": "Cut the connection",
    "empty": "Answer an empty 200",
    "link": "Answer with a wrong link",
    "empty_list": "Answer an empty list",
    "short_list": "End a list too early",
    "gap": "Leave objects out of a list",
    "cut_body": "Cut the connection within the body",
}
_HINTS = {
    "reorder": "Holds that many deliveries, then sends the last one first.",
    "two_signatures": "The valid signature is the second.",
    "seconds": "WorkOS signs with milliseconds.",
    "status": "The request is not processed.",
    "hang": "The request is processed first.",
    "link": "Answers 201 with a link that leads to no portal.",
}
_LABELS = {
    ("duplicate", "copies"): "Extra copies",
    ("delay", "seconds"): "Seconds later",
    ("reorder", "size"): "Deliveries to hold",
    ("old_timestamp", "seconds"): "Seconds ago",
    ("status", "status"): "Status",
    ("status", "retry_after"): "Retry-After in seconds",
    ("hang", "seconds"): "Seconds to wait",
    ("cut", "after"): "Process the request first",
    ("link", "link"): "Link",
    ("short_list", "keep"): "Objects to keep",
    ("gap", "count"): "Objects to leave out",
}


_FIELD_HINTS = {
    ("status", "status"): "400 to 599",
    ("status", "retry_after"): "Sent with 429 only",
}


@dataclass(frozen=True, slots=True)
class FaultField:
    """`type` is that of the HTML input."""

    name: str
    label: str
    hint: str
    default: float | str
    type: str


@dataclass(frozen=True, slots=True)
class FaultForm:
    kind: str
    title: str
    hint: str
    fields: tuple[FaultField, ...]


def _build_form(kind: str) -> FaultForm:
    fields = tuple(
        FaultField(
            name,
            _LABELS[kind, name],
            _FIELD_HINTS.get((kind, name), ""),
            default,
            _choose_type(name, default),
        )
        for name, default in DEFAULTS.get(kind, {}).items()
    )
    return FaultForm(kind, _TITLES[kind], _HINTS.get(kind, ""), fields)


def _choose_type(name: str, default: float | str) -> str:
    if name == "after":
        return "checkbox"
    return "text" if isinstance(default, str) else "number"


FORMS = {kind: _build_form(kind) for kind in (*DELIVERY_FAULTS, *RESPONSE_FAULTS)}
DELIVERY_FORMS = [form for kind, form in FORMS.items() if kind in DELIVERY_FAULTS]
RESPONSE_FORMS = [form for kind, form in FORMS.items() if kind not in DELIVERY_FAULTS]


def describe_values(kind: str, values: dict[str, Any]) -> str:
    """The values of a fault, as the page shows them: "Status: 429 · Retry-After in seconds: 1"."""
    shown = []
    for field in FORMS[kind].fields:
        value = values[field.name]
        if field.type == "checkbox":
            value = "yes" if value else "no"
        if field.name != "retry_after" or values["status"] == 429:
            shown.append(f"{field.label}: {value}")
    return " · ".join(shown)


def parse_fault(form: dict[str, str]) -> dict[str, Any]:
    """The fault as the control API takes it. Raises ValueError."""
    kind = form.get("kind", "")
    if kind not in FORMS:
        raise ValueError("Choose a fault")
    values: dict[str, Any] = {"kind": kind}
    values["times"] = None if "every_time" in form else _parse_whole("Times", form.get("times") or "1")
    for name in ("event",) if kind in DELIVERY_FAULTS else ("method", "path"):
        if form.get(name):
            values[name] = form[name]
    for field in FORMS[kind].fields:
        if field.type == "checkbox":
            values[field.name] = int(field.name in form)
        elif form.get(field.name):
            text = form[field.name]
            values[field.name] = text if field.type == "text" else _parse_number(field.label, text)
    return values


def _parse_whole(label: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise ValueError(f"{label}: {text!r} is not a whole number")
    return int(text)


def _parse_number(label: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise ValueError(f"{label}: {text!r} is not a number") from error
    return int(number) if number.is_integer() else number
