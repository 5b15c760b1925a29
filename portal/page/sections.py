"""The enterprise's page: for each intent its state, what happened last, and the one thing to do next."""

import uuid
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from enterprises import refresh
from enterprises.intents import Intent
from enterprises.models import Certificate, Connection, Directory, Enterprise, OrganizationDomain
from portal import lines, visits
from portal.guides import GUIDES, Guide
from portal.lines import Line
from portal.models import PortalSession
from portal.ways import BEGUN, Row, Way

# A removed object is explained for a while, then it is history.
_REMOVED_SHOWN = timedelta(days=30)


@dataclass(frozen=True)
class Action:
    """A button that opens the Admin Portal, and the words to say before it is pressed.

    `visit` will be the visit's nonce: pressing the same button twice is one visit.
    """

    intent: Intent
    label: str
    guide: Guide
    # What is set up and well needs nobody today.
    is_primary: bool = True
    visit: uuid.UUID = field(default_factory=uuid.uuid4)


@dataclass(frozen=True)
class Section:
    """`actions` is empty where the plan does not include it: then `reason` says so."""

    intent: Intent
    guide: Guide
    lines: Sequence[Line]
    actions: Sequence[Action] = ()
    reason: str = ""
    news: str = ""
    # Visits of which news may still come.
    watched: Sequence[PortalSession] = ()

    @property
    def is_left_out(self) -> bool:
        """Not in the plan, and nothing is there that must be seen."""
        return (
            bool(self.reason)
            and not self.actions
            and list(self.lines) in ([lines.NOT_SET_UP], [lines.NOT_OPENED])
        )


@dataclass(frozen=True)
class Status:
    sections: Sequence[Section]
    # Seconds until the page looks again by itself, or None when no news is to come.
    pause: int | None = None
    news: Sequence[str] = field(default_factory=list)

    @property
    def included(self) -> list[Section]:
        return [section for section in self.sections if not section.is_left_out]

    @property
    def not_included(self) -> list[Section]:
        return [section for section in self.sections if section.is_left_out]

    @property
    def news_mark(self) -> str:
        """Changes when the news does: the page is read aloud only then."""
        return f"{zlib.crc32(' '.join(self.news).encode()):08x}"


def of(enterprise: Enterprise, *, reasons: Mapping[str, str], viewer_id: int, now: datetime) -> Status:
    """`reasons` says for each intent that this enterprise may not use why that is so."""
    visited = visits.of(enterprise)
    build = partial(_section, visited=visited, enterprise=enterprise, viewer_id=viewer_id, now=now)
    shown = [
        _without_reason_to_go(section, reasons)
        for section in (
            *_of_objects(enterprise, build, now=now),
            *(
                build(intent, rows=[], told_lines=[])
                for intent in (Intent.AUDIT_LOGS, Intent.LOG_STREAMS, Intent.BRING_YOUR_OWN_KEY)
            ),
        )
    ]
    waits = [at for section in shown for visit in section.watched if (at := visits.back_at(visit))]
    # Somebody pressed "Check now", or has just come back.
    asked_at = refresh.asked_at(enterprise)
    if asked_at and now - asked_at < visits.PATIENCE:
        waits.append(asked_at)
    return Status(
        shown,
        visits.pause(max(waits), now=now) if waits else None,
        [section.news for section in shown if section.news],
    )


def _of_objects(enterprise: Enterprise, build: "partial[Section]", *, now: datetime) -> list[Section]:
    """Single Sign-On, Directory Sync and domains: those whose objects WorkOS tells us of."""
    connections = _shown(Connection.objects.filter(enterprise=enterprise).order_by("-as_of"), now)
    directories = _shown(Directory.objects.filter(enterprise=enterprise).order_by("-as_of"), now)
    domains = _shown(OrganizationDomain.objects.filter(enterprise=enterprise).order_by("domain"), now)
    certificates = list(Certificate.objects.filter(enterprise=enterprise))
    # Of several on one connection the one that ends first.
    due = {
        certificate.connection_id: certificate
        for certificate in sorted(certificates, key=_ends, reverse=True)
        if certificate.renewal_required
    }
    verified = any(row.state == OrganizationDomain.State.VERIFIED for row in domains)
    told = [
        lines.connection(row, due.get(row.connection_id), has_verified_domain=verified, now=now)
        for row in connections
    ]
    return [
        build(Intent.SSO, rows=connections, told_lines=told, certificates=certificates),
        build(Intent.DSYNC, rows=directories, told_lines=[lines.directory(row) for row in directories]),
        build(Intent.DOMAIN_VERIFICATION, rows=domains, told_lines=[lines.domain(row) for row in domains]),
    ]


def _ends(certificate: Certificate) -> datetime:
    return certificate.expires_at or datetime.min.replace(tzinfo=UTC)


_R = TypeVar("_R", Connection, Directory, OrganizationDomain)


def _shown(rows: Iterable[_R], now: datetime) -> list[_R]:
    return [row for row in rows if row.state != "deleted" or row.told_at > now - _REMOVED_SHOWN]


def _section(
    intent: Intent,
    *,
    rows: Sequence[Row],
    told_lines: Sequence[Line],
    certificates: Sequence[Certificate] = (),
    visited: Mapping[str, Sequence[PortalSession]],
    enterprise: Enterprise,
    viewer_id: int,
    now: datetime,
) -> Section:
    guide, theirs = GUIDES[intent], visited.get(intent, [])
    shown = list(told_lines)
    if intent == Intent.AUDIT_LOGS:
        shown = [lines.opened(theirs[0], now=now) if theirs else lines.NOT_OPENED]
        return Section(intent, guide, shown, _actions(intent, rows, told_lines, begun=[], waiting=[]))

    ways = [Way(guide, theirs, rows, enterprise, now)]
    if intent == Intent.SSO:
        renewal = Intent.CERTIFICATE_RENEWAL
        ways.append(Way(GUIDES[renewal], visited.get(renewal, []), certificates, enterprise, now))
    waiting: list[Line] = []
    if intent in _TOLD:
        waiting = [lines.waiting(way.waiting[0], viewer_id=viewer_id) for way in ways if way.waiting][:1]
    elif last := next((visit for visit in theirs if visit.finished_at), None):
        shown.append(lines.finished(last))
    begun = [visit for way in ways for visit in way.begun]
    shown = [*lines.unfinished(begun, now=now), *waiting, *shown]
    return Section(
        intent,
        guide,
        shown or [lines.NOT_SET_UP],
        actions=_actions(intent, rows, told_lines, begun=ways[0].begun, waiting=waiting),
        news=next(filter(None, (way.news(viewer_id) for way in ways)), "") if intent in _TOLD else "",
        watched=[visit for way in ways for visit in way.watched] if intent in _TOLD else [],
    )


# Those whose objects WorkOS tells us of.
_TOLD = {Intent.SSO, Intent.DSYNC, Intent.DOMAIN_VERIFICATION}


def _actions(
    intent: Intent,
    rows: Sequence[Row],
    told_lines: Sequence[Line],
    *,
    begun: Sequence[PortalSession],
    waiting: Sequence[Line],
) -> list[Action]:
    guide = GUIDES[intent]
    actions = []
    if intent == Intent.SSO and any(line.needs_certificate for line in told_lines):
        renewal = GUIDES[Intent.CERTIFICATE_RENEWAL]
        actions.append(Action(Intent.CERTIFICATE_RENEWAL, renewal.begin, renewal, is_primary=not waiting))
    if begun or any(row.state in BEGUN for row in rows):
        label = f"Continue: {guide.title}"
    elif any(row.state != "deleted" for row in rows):
        label = guide.manage
    else:
        label = guide.begin
    tones = {line.tone for line in told_lines}
    is_well = "good" in tones and "bad" not in tones
    needs_nobody = (is_well or waiting) and not begun
    return [*actions, Action(intent, label, guide, is_primary=not actions and not needs_nobody)]


def _without_reason_to_go(section: Section, reasons: Mapping[str, str]) -> Section:
    """The section without the buttons that the plan does not include."""
    allowed = [action for action in section.actions if action.intent not in reasons]
    reason = next((reasons[action.intent] for action in section.actions if action.intent in reasons), "")
    return replace(section, actions=allowed, reason=reason)
