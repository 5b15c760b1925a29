from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError

from audit.one_line import fold_to_one_line
from hostapp.explain.events import MAX_SEARCHED, find_event
from hostapp.explain.findings import EventReport, Finding
from hostapp.explain.objects import find_enterprises, find_objects
from hostapp.explain.people import find_person, find_user
from outbox.management.base import Command as BaseCommand

# Of related rows, where the name in the JSON report is not the title.
_TITLES = {"it_contacts": "IT contacts"}


class Command(BaseCommand):
    help = """Explain what is known of a person, an enterprise, or an object or event of WorkOS.

Shows the facts, since when they hold, which events set them, and which events were stale, ignored or refused.
Give an email address, an id (of a user, an organization, connection, directory, domain, directory user or
group, event), a domain name, or an enterprise's slug. Exits with 1 when nothing is known.

  manage.py explain ada@acme.example
  manage.py explain conn_01EHWNCE74X7JSDV0X3SZ3KJNY
  manage.py explain acme.example --json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("query", metavar="EMAIL|ID", help="or a domain, or a slug")
        self.add_json_argument(parser)

    def handle(self, *, query: str, json: bool, **options: Any) -> None:
        # No column holds a NUL, and PostgreSQL refuses to look for one.
        findings = list(_find(query.replace("\0", "").strip()))
        text = "\n\n".join("\n".join(_format_finding(finding)) for finding in findings)
        self.write_report(
            {"query": query, "found": [finding.as_json() for finding in findings]}, text, as_json=json
        )
        if not findings:
            raise CommandError(
                f"Nothing is known of {query}. `manage.py inspect_webhooks` shows what was refused, and "
                "`manage.py list_enterprises` the enterprises."
            )


def _find(query: str) -> Iterator[Finding]:
    if "@" in query:
        yield from find_person(query)
    yield from find_user(query)
    yield from find_enterprises(query)
    yield from find_objects(query)
    if found := find_event(query):
        event, object_ids = found
        yield event
        for object_id in object_ids:
            yield from find_objects(object_id)


def _format_finding(finding: Finding) -> Iterator[str]:
    where = f" · {finding.enterprise}" if finding.enterprise else ""
    yield f"{finding.kind} {finding.id} · {finding.title}{where}"
    if finding.state:
        yield f"  {finding.state}{f' since {_format(finding.since)}' if finding.since else ''}"
    if finding.set_by:
        yield f"  Set by {finding.set_by}"
    for name, value in finding.facts.items():
        if value not in (None, ""):
            setter = finding.set_by_field.get(name)
            yield f"  {name}: {_format(value)}{f' (set by {setter})' if setter else ''}"
    for title, rows in finding.related.items():
        if rows:
            yield f"  {_TITLES.get(title) or title.replace('_', ' ').capitalize()}:"
        for row in rows:
            yield "    " + " · ".join(
                f"{key} {_format(value)}" for key, value in row.items() if value not in (None, "")
            )
    if finding.events:
        yield "  Events, the newest first:"
    if finding.events_are_cut:
        yield f"  Only the newest {MAX_SEARCHED:,} events of its organization were searched."
    for event in finding.events:
        yield f"    {_format_event(event)}"


def _format_event(event: EventReport) -> str:
    details = "; ".join(filter(None, [event.reason, event.data_problems]))
    return (
        f"{_format(event.happened_at)} {event.event} {event.event_id}: {event.status}"
        f"{f' ({fold_to_one_line(details)})' if details else ''}, received {_format(event.received_at)}"
    )


def _format(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return fold_to_one_line(str(value))
