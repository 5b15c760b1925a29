"""Read settings from environment variables.

Every problem is collected, so that a person sees all of them at once. A problem names the variable and says
what is expected; it never contains the value, which may be a secret. An empty variable counts as unset.
"""

import io
import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured

from hostapp.setting_formats import NotValid


class InvalidSettings(ImproperlyConfigured):
    """The message names every setting that is missing or wrong, without its value."""


ValueT = TypeVar("ValueT")

# Straight and typographic quotation marks: those of a shell, an --env-file or a word processor.
_QUOTATION_MARKS = "\"'`“”„‘’‚«»"
_TRUE = {"1", "on", "true", "yes", "y", "t"}
_FALSE = {"0", "off", "false", "no", "n", "f"}
# A line that django-environ reads.
_ENV_FILE_LINE = re.compile(r"(?:export )?[A-Za-z_0-9]+=.*")


class EnvironmentVariables:
    """The variables of a process. `problems` collects messages about invalid values."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.problems: list[str] = []

    def is_valid(self, name: str) -> bool:
        """Whether no problem of this variable is known yet."""
        return not any(problem.startswith(f"{name} ") for problem in self.problems)

    def text(self, name: str, *, default: str = "", required: bool = False) -> str:
        """The value as it stands, without surrounding blanks: no `$` is expanded.

        If `<name>_FILE` is set, the value is what that file holds, as secrets are handed to containers.
        """
        value = self._variables.get(name, "").strip() or self._read_file(name)
        if not value:
            if required and self.is_valid(name):
                self.problems.append(f"{name} is not set")
            return default
        if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in value):
            self.problems.append(f"{name} contains a control character")
            return default
        if value[0] in _QUOTATION_MARKS or value[-1] in _QUOTATION_MARKS:
            self.problems.append(f"{name} is in quotation marks: remove them")
            return default
        return value

    def _read_file(self, name: str) -> str:
        file = self._variables.get(f"{name}_FILE", "").strip()
        if not file:
            return ""
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            self.problems.append(f"{name} cannot be read from the file of {name}_FILE: {reason}")
            return ""

    def parsed(
        self, name: str, parse: Callable[[str], ValueT], *, default: ValueT, required: bool = False
    ) -> ValueT:
        """The parsed value. `parse` raises NotValid, whose message follows the name of the variable."""
        value = self.text(name, required=required)
        if not value:
            return default
        try:
            return parse(value)
        except NotValid as error:
            self.problems.append(f"{name} {error}")
        return default

    def boolean(self, name: str, *, default: bool) -> bool:
        return self.parsed(name, _parse_boolean, default=default)

    def integer(self, name: str, *, default: int, least: int, most: int) -> int:
        def parse(value: str) -> int:
            if re.fullmatch(r"[+-]?[0-9]{1,18}", value) and least <= int(value) <= most:
                return int(value)
            raise NotValid(f"must be a whole number from {least} to {most}")

        return self.parsed(name, parse, default=default)

    def number(self, name: str, *, default: float, least: float, most: float) -> float:
        def parse(value: str) -> float:
            if re.fullmatch(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?", value) and least <= float(value) <= most:
                return float(value)
            raise NotValid(f"must be a number from {least:g} to {most:g}")

        return self.parsed(name, parse, default=default)

    def choice(self, name: str, choices: Sequence[str], *, default: str) -> str:
        """One of `choices`, which are in upper case. The value may be in any."""

        def parse(value: str) -> str:
            if value.upper() in choices:
                return value.upper()
            raise NotValid(f"must be one of {', '.join(choices)}")

        return self.parsed(name, parse, default=default)

    def items(
        self,
        name: str,
        parse: Callable[[str], ValueT],
        *,
        default: Sequence[ValueT] = (),
        required: bool = False,
    ) -> list[ValueT]:
        """The parsed parts between commas. Empty parts are left out."""

        def parse_all(value: str) -> list[ValueT]:
            parts = [part.strip() for part in value.split(",")]
            parsed = []
            for number, part in enumerate(parts, 1):
                if not part:
                    continue
                try:
                    parsed.append(parse(part))
                except NotValid as error:
                    raise NotValid(f"{error} (see its part {number})") from None
            if not parsed:
                raise NotValid("holds nothing but commas")
            return parsed

        return self.parsed(name, parse_all, default=list(default), required=required)


def read_env_file(path: Path, *, required: bool) -> list[str]:
    """Add the variables of a `.env` file to the environment, which overrides them.

    Returns problems, in words.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return ["ENV_FILE names a file that does not exist"] if required else []
    except OSError as error:
        return [f"the file of ENV_FILE ({path.name}) cannot be read: {error.strerror}"]
    except UnicodeDecodeError:
        return [f"the file of ENV_FILE ({path.name}) is not UTF-8 text"]
    problems, settings = [], []
    for number, line in enumerate(map(str.strip, lines), 1):
        if _ENV_FILE_LINE.fullmatch(line):
            settings.append(line)
        elif line and not line.startswith("#"):
            problems.append(f"line {number} of {path.name} is not NAME=value")
    if any("\0" in line for line in settings):
        return [f"the file of ENV_FILE ({path.name}) contains a NUL character"]
    environ.Env.read_env(io.StringIO("\n".join(settings)))
    return problems


def read_environment(default_env_file: Path) -> EnvironmentVariables:
    """The process's variables, with those of ENV_FILE. An empty ENV_FILE reads no file."""
    named = os.environ.get("ENV_FILE")
    problems: list[str] = []
    if named is None:
        problems = read_env_file(default_env_file, required=False)
    elif named.strip():
        problems = read_env_file(Path(named.strip()), required=True)
    variables = EnvironmentVariables(os.environ)
    variables.problems += problems
    return variables


def _parse_boolean(value: str) -> bool:
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise NotValid("must be on or off")
