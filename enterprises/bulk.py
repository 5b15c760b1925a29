"""Many enterprises from a CSV file: each by itself, no faster than WorkOS allows, safe to run again."""

import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email, validate_slug
from django.utils.text import slugify

import gateway
from enterprises import people, provisioning
from enterprises.domains import normalise

COLUMNS = {"name", "slug", "domains", "it_admin"}

# WorkOS takes 6,000 requests a minute and key, and one enterprise needs two or three.
_PATIENCE = 3
_LONGEST_WAIT = 120.0


@dataclass
class Row:
    """One enterprise of the file; `error` says why it is not provisioned, or nothing."""

    name: str
    slug: str
    domains: list[str] = field(default_factory=list)
    it_admin: str = ""
    line: int = 0
    error: str = ""
    organization_id: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def read(*, name: str, slug: str, domains: Sequence[str], it_admin: str, line: int = 0) -> Row:
    """What somebody typed, checked. Raises ValidationError, InvalidDomain or another ValueError."""
    name, slug = name.strip(), slug.strip() or slugify(name)[:60].strip("-")
    if not slug:
        raise ValueError(f"No slug can be made from “{name}”: give one.")
    validate_slug(slug)
    it_admin = it_admin.strip().lower()
    if it_admin:
        validate_email(it_admin)
    return Row(name, slug, sorted({normalise(one) for one in domains}), it_admin, line)


def parse(text: str) -> list[Row]:
    """The rows of the file; those that cannot be meant carry their error. ValueError: it is no such file."""
    reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
    columns = {str(one).strip() for one in reader.fieldnames or ()}
    if "name" not in columns or columns - COLUMNS:
        raise ValueError("its first line names the columns: name, and if you like slug, domains, it_admin.")
    rows = []
    for typed in reader:
        values = {
            str(key).strip(): value or "" for key, value in typed.items() if isinstance(value, str | None)
        }
        row = Row(values.get("name", ""), values.get("slug", ""), line=reader.line_num)
        try:
            if None in typed:
                raise ValueError("it has more cells than the first line.")
            row = read(
                name=values["name"],
                slug=values.get("slug", ""),
                domains=values.get("domains", "").replace(";", " ").replace(",", " ").split(),
                it_admin=values.get("it_admin", ""),
                line=reader.line_num,
            )
        except ValidationError as error:
            row.error = " ".join(error.messages)
        except ValueError as error:
            row.error = str(error)
        rows.append(row)
    return rows


def provision_all(
    rows: Sequence[Row], *, per_minute: int, dry_run: bool, who: str, tell: Callable[[Row], None]
) -> Sequence[Row]:
    """Provision one after another, and `tell` when each is done. What failed carries its error."""
    pause = 60 / per_minute
    seen: dict[str, int] = {}
    for row in rows:
        began = time.monotonic()
        if not row.error and row.slug in seen:
            row.error = f"“{row.slug}” stands in line {seen[row.slug]} already."
        seen.setdefault(row.slug, row.line)
        if not row.error and not dry_run:
            _provision(row, who)
            time.sleep(max(0.0, pause - (time.monotonic() - began)))
        tell(row)
    return rows


def _provision(row: Row, who: str) -> None:
    try:
        enterprise = provisioning.enroll(name=row.name, slug=row.slug, domains=row.domains)
        if row.it_admin:
            people.make_it_admin(enterprise, row.it_admin)
        for attempt in range(1, _PATIENCE + 1):
            try:
                row.organization_id = provisioning.provision(enterprise, who=who).organization_id
            except gateway.Unavailable as error:
                if attempt == _PATIENCE:
                    raise
                # As long as WorkOS asks, where it does.
                time.sleep(min(error.retry_after or 1.0, _LONGEST_WAIT))
            else:
                return
    except (gateway.GatewayError, provisioning.Different) as error:
        row.error = str(error)


class Bar:
    """A line that fills; where nobody watches, a line for every tenth."""

    def __init__(self, stream: Any, total: int, width: int = 30) -> None:
        self.stream, self.total, self.width = stream, total, width
        self.done = self.failed = 0
        self.watched = stream.isatty()

    def step(self, row: Row) -> None:
        self.done += 1
        self.failed += bool(row.error)
        filled = self.width * self.done // self.total
        bar = "█" * filled + "░" * (self.width - filled)
        line = f"{bar} {self.done}/{self.total}" + (f", {self.failed} failed" if self.failed else "")
        if self.watched:
            self.stream.write(f"\r{line}", ending="")
        elif self.done * 10 // self.total > (self.done - 1) * 10 // self.total:
            self.stream.write(line)
        self.stream.flush()

    def end(self) -> None:
        if self.watched and self.done:
            self.stream.write("")
