"""Request parameters, parsed and validated. Functions raise 422 with the field, unless they say otherwise."""

import json
import re
from typing import Any, cast
from urllib.parse import urlsplit

from aiohttp import web

from sandbox import errors

MAX_DEPTH = 64
# What a double holds exactly.
MAX_NUMBER = 2**53
MAX_USERS = 100_000

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


async def parse_body(request: web.Request) -> dict[str, Any]:
    """The JSON object of the body; an empty body is an empty object. Raises 400."""
    try:
        values = json.loads(await request.read() or b"{}", parse_constant=_refuse_constant)
        # Half of a surrogate pair cannot be sent on.
        json.dumps(values, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise errors.bad_request("The request body is not valid JSON.") from error
    if not isinstance(values, dict):
        raise errors.bad_request("The request body must be a JSON object.")
    _check_values(values)
    return values


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_values(values: dict[str, Any]) -> None:
    """Raise 400 for a body that is nested too deeply, or has a number out of range."""
    level: list[Any] = [values]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, int | float) and not -MAX_NUMBER <= value <= MAX_NUMBER:
                raise errors.bad_request("The request body has a number out of range.")
        if not below:
            return
        level = below
    raise errors.bad_request("The request body is nested too deeply.")


async def parse_form(request: web.Request) -> dict[str, str]:
    """The text fields of a submitted form, without surrounding spaces."""
    return {name: value.strip() for name, value in (await request.post()).items() if isinstance(value, str)}


def require_text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    if value is None:
        raise errors.invalid_parameter(name, "required", f"{name} is required.")
    if not isinstance(value, str) or not value.strip():
        raise errors.invalid_parameter(name, "invalid", f"{name} must be a non-empty string.")
    return value


def parse_optional_text(values: dict[str, Any], name: str) -> str | None:
    return None if values.get(name) is None else require_text(values, name)


def require_text_list(values: dict[str, Any], name: str) -> list[str]:
    value = values.get(name)
    if value is None:
        raise errors.invalid_parameter(name, "required", f"{name} is required.")
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise errors.invalid_parameter(name, "invalid", f"{name} must be a list of strings.")
    return cast("list[str]", value)


def parse_boolean(values: dict[str, Any], name: str, *, default: bool) -> bool:
    value = values.get(name, default)
    if not isinstance(value, bool):
        raise errors.invalid_parameter(name, "invalid", f"{name} must be a boolean.")
    return value


def require_email(values: dict[str, Any], name: str) -> str:
    value = require_text(values, name).strip()
    if not _EMAIL.fullmatch(value):
        raise errors.invalid_parameter(name, "invalid", f"{name} must be an email address.")
    return value


def is_domain(value: str) -> bool:
    return _DOMAIN.fullmatch(value) is not None


def parse_domain(value: object, field: str) -> str:
    if not isinstance(value, str) or not is_domain(value.strip().lower()):
        raise errors.invalid_parameter(field, "invalid", f"{value!r} is not a valid domain.")
    return value.strip().lower()


def is_secure_url(url: str) -> bool:
    """Whether the URL is HTTPS, or HTTP on loopback."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def parse_external_id(values: dict[str, Any]) -> str | None:
    value = values.get("external_id")
    if value is None:
        return None
    if not isinstance(value, str) or not value or not value.isascii() or len(value) > 128:
        raise errors.invalid_parameter(
            "external_id", "invalid", "external_id must be 1 to 128 ASCII characters."
        )
    return value


def parse_metadata(values: dict[str, Any], name: str = "metadata") -> dict[str, str]:
    """Raises 400 ``invalid_metadata``: at most 50 keys of 40 characters with values of 600."""
    value = values.get(name)
    if value is None:
        return {}
    valid = (
        isinstance(value, dict)
        and len(value) <= 50
        and all(len(key) <= 40 and isinstance(item, str) and len(item) <= 600 for key, item in value.items())
    )
    if not valid:
        raise errors.bad_request(
            "Metadata takes up to 50 keys of 40 characters with text values of 600.", "invalid_metadata"
        )
    return cast("dict[str, str]", value)


def parse_number(
    values: dict[str, Any], name: str, *, default: float, least: float = -MAX_NUMBER, most: float = MAX_NUMBER
) -> float:
    value = values.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise errors.invalid_parameter(name, "invalid", f"{name} must be a number.")
    if not least <= value <= most:
        raise errors.invalid_parameter(name, "invalid", f"{name} must be from {least:.0f} to {most:.0f}.")
    return float(value)


def parse_integer(
    values: dict[str, Any], name: str, *, default: int, least: int = -MAX_NUMBER, most: int = MAX_NUMBER
) -> int:
    value = parse_number(values, name, default=default, least=least, most=most)
    if value != int(value):
        raise errors.invalid_parameter(name, "invalid", f"{name} must be a whole number.")
    return int(value)


def parse_query_integer(request: web.Request, name: str, *, default: int) -> int:
    """An integer of the query string, 0 or more."""
    value = request.query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,15}", value):
        raise errors.invalid_parameter(name, "invalid", f"{name} must be a whole number.")
    return int(value)


def require_one_of(request: web.Request, *names: str) -> None:
    """Require one of these parameters in the query string."""
    if not any(name in request.query for name in names):
        raise errors.invalid_parameter(names[0], "required", f"One of {' or '.join(names)} is required.")
