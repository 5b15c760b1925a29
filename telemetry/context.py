"""What is being worked on now: log lines carry it, whichever package writes them."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

_fields: ContextVar[Mapping[str, str]] = ContextVar("log_fields", default=MappingProxyType({}))

# `logger.error(…, extra=LIMITED)`: a fact that each delivery would repeat, such as a database that is away.
# The first line is written at once, and then how many more there were.
LIMITED = {"is_limited": True}


def build_reference() -> str:
    """Eight characters that can be read out on the telephone."""
    return secrets.token_hex(4)


def get_reference() -> str:
    """The reference of this request or task, which the log is searched for. A new one outside of them."""
    return _fields.get().get("reference") or build_reference()


def get_fields() -> Mapping[str, str]:
    return _fields.get()


@contextmanager
def log_fields(**fields: str) -> Iterator[None]:
    """Add fields to all lines of the block. Blank ones are left out."""
    token = _fields.set({**_fields.get(), **{name: value for name, value in fields.items() if value}})
    try:
        yield
    finally:
        _fields.reset(token)


def add_field(name: str, value: str) -> None:
    """Add a field to the lines that follow in this block, such as the enterprise once it is known."""
    if fields := _fields.get():
        _fields.set({**fields, name: value})


def more_fields(**fields: str) -> dict[str, Any]:
    """`extra` of one line: `logger.error(…, extra=more_fields(request_id=…))`. Blank ones are left out."""
    return {"fields": {name: value for name, value in fields.items() if value}}
