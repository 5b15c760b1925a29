"""Provision many enterprises from a CSV file: one by one, within WorkOS's rate limit, and safe to repeat."""

import csv
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email, validate_slug
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

import gateway
from audit.actor import Actor
from audit.one_line import fold_to_one_line
from enterprises import memberships, provisioning
from enterprises.domains import normalize_domain
from enterprises.models import Enterprise

COLUMNS = {"name", "slug", "domains", "it_admin"}

# The lengths of the database columns.
MAX_NAME_LENGTH, MAX_SLUG_LENGTH, MAX_EMAIL_LENGTH = 150, 60, 254
_MAX_ATTEMPTS = 3
_LONGEST_WAIT_SECONDS = 120.0


@dataclass
class Row:
    """One enterprise of the file. `error` says why it was not provisioned; blank if it was."""

    name: str
    slug: str
    domains: list[str] = field(default_factory=list)
    it_admin: str = ""
    line: int = 0
    error: str = ""
    organization_id: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def parse_row(*, name: str, slug: str, domains: Sequence[str], it_admin: str, line: int = 0) -> Row:
    """Validate what a person typed. Raises ValidationError, InvalidDomain or another ValueError."""
    name = fold_to_one_line(name)
    slug = slug.strip() or slugify(name)[:MAX_SLUG_LENGTH].strip("-")
    if not name:
        raise ValueError("it has no name.")
    if not slug:
        raise ValueError(f"No slug can be made from “{name}”: give one.")
    validate_slug(slug)
    it_admin = it_admin.strip().lower()
    if it_admin:
        validate_email(it_admin)
    for text, words, most in (
        (name, "name", MAX_NAME_LENGTH),
        (slug, "slug", MAX_SLUG_LENGTH),
        (it_admin, "IT admin’s address", MAX_EMAIL_LENGTH),
    ):
        if len(text) > most:
            raise ValueError(f"Its {words} has more than {most} characters.")
    return Row(name, slug, sorted({normalize_domain(one) for one in domains}), it_admin, line)


def parse_csv(text: str) -> list[Row]:
    """The rows of the file; invalid rows carry their error. Raises ValueError if the header is wrong."""
    # Not `splitlines`, for which a line ends at characters that are no line's end in CSV. A quoted cell may
    # hold line breaks.
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    try:
        columns = [str(one).strip() for one in reader.fieldnames or ()]
        table = [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} is not CSV: {error}.") from None
    if "name" not in columns or set(columns) - COLUMNS or len(set(columns)) < len(columns):
        raise ValueError(
            "its first line must name the columns: name, and optionally slug, domains, it_admin."
        )
    rows = []
    for line, cells in table:
        values = {
            str(key).strip(): value or "" for key, value in cells.items() if isinstance(value, str | None)
        }
        row = Row(values.get("name", ""), values.get("slug", ""), line=line)
        try:
            if None in cells:
                raise ValueError("it has more cells than the first line.")
            row = parse_row(
                name=values["name"],
                slug=values.get("slug", ""),
                domains=values.get("domains", "").replace(";", " ").replace(",", " ").split(),
                it_admin=values.get("it_admin", ""),
                line=line,
            )
        except ValidationError as error:
            row.error = " ".join(error.messages)
        except ValueError as error:
            row.error = str(error)
        rows.append(row)
    return rows


def find_namesake(name: str, slug: str) -> Enterprise | None:
    """A customer of the same name, if `slug` would be a new one: it may be the same company."""
    if Enterprise.objects.filter(slug=slug).exists():
        return None
    return Enterprise.objects.filter(name__iexact=name, deprovisioned_at=None).order_by("pk").first()


def provision_rows(
    rows: Sequence[Row],
    *,
    per_minute: int,
    allow_namesakes: bool,
    dry_run: bool,
    actor: Actor,
    report_progress: Callable[[Row], None],
) -> Sequence[Row]:
    """Provision the rows one after another. A row that failed carries its error."""
    pause = 60 / per_minute
    lines_by_slug: dict[str, int] = {}
    for row in rows:
        started = time.monotonic()
        if not row.error and row.slug in lines_by_slug:
            row.error = f"“{row.slug}” is already in line {lines_by_slug[row.slug]}."
        lines_by_slug.setdefault(row.slug, row.line)
        if not row.error and not allow_namesakes and (namesake := find_namesake(row.name, row.slug)):
            row.error = f"{namesake.name} is already enrolled as {namesake.slug}. --yes enrolls another one."
        if not row.error and not dry_run:
            _provision_row(row, actor)
            time.sleep(max(0.0, pause - (time.monotonic() - started)))
        report_progress(row)
    return rows


def _provision_row(row: Row, actor: Actor) -> None:
    try:
        with transaction.atomic():
            enterprise = provisioning.enroll(name=row.name, slug=row.slug, domains=row.domains)
            if row.it_admin:
                memberships.add_it_admin(enterprise, row.it_admin, actor, timezone.now())
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            try:
                row.organization_id = provisioning.provision(enterprise, actor).organization_id
            except gateway.Unavailable as error:
                if attempt == _MAX_ATTEMPTS:
                    raise
                # WorkOS may say how long to wait.
                time.sleep(min(error.retry_after or 1.0, _LONGEST_WAIT_SECONDS))
            else:
                return
    except (gateway.GatewayError, provisioning.SlugConflict) as error:
        row.error = str(error)


class ProgressBar:
    """A line that fills up on a terminal, and one line for every tenth elsewhere."""

    def __init__(self, stream: Any, total: int, width: int = 30) -> None:
        self.stream, self.total, self.width = stream, total, width
        self.done = self.failed = 0
        self.is_terminal = stream.isatty()

    def advance(self, row: Row) -> None:
        self.done += 1
        self.failed += bool(row.error)
        filled = self.width * self.done // self.total
        bar = "█" * filled + "░" * (self.width - filled)
        line = f"{bar} {self.done}/{self.total}" + (f", {self.failed} failed" if self.failed else "")
        if self.is_terminal:
            self.stream.write(f"\r{line}", ending="")
        elif self.done * 10 // self.total > (self.done - 1) * 10 // self.total:
            self.stream.write(line)
        self.stream.flush()

    def finish(self) -> None:
        if self.is_terminal and self.done:
            self.stream.write("")
