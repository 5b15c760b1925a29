"""The enterprise's page: for each intent its state, what happened last, and the one thing to do next."""

import uuid
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from enterprises.intents import Intent
from enterprises.models import Certificate, Connection, Directory, Enterprise, OrganizationDomain
from portal import lines, visits
from portal.guides import GUIDES, Guide
from portal.lines import Line
from portal.models import PortalSession

Row = Connection | Directory | OrganizationDomain

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
    watched = [visit for section in shown for visit in section.watched]
    return Status(
        shown,
        visits.pause(watched, now=now) if watched else None,
        [section.news for section in shown if section.news],
    )


def _of_objects(enterprise: Enterprise, build: "partial[Section]", *, now: datetime) -> list[Section]:
    """Single Sign-On, Directory Sync and domains: those whose objects WorkOS tells us of."""
    connections = _shown(Connection.objects.filter(enterprise=enterprise).order_by("-as_of"), now)
    directories = _shown(Directory.objects.filter(enterprise=enterprise).order_by("-as_of"), now)
    domains = _shown(OrganizationDomain.objects.filter(enterprise=enterprise).order_by("domain"), now)
    certificates = {
        certificate.connection_id: certificate
        for certificate in Certificate.objects.filter(enterprise=enterprise, renewal_required=True)
    }
    verified = any(row.state == OrganizationDomain.State.VERIFIED for row in domains)
    told = [
        lines.connection(row, certificates.get(row.connection_id), has_verified_domain=verified, now=now)
        for row in connections
    ]
    return [
        build(Intent.SSO, rows=connections, told_lines=told),
        build(Intent.DSYNC, rows=directories, told_lines=[lines.directory(row) for row in directories]),
        build(Intent.DOMAIN_VERIFICATION, rows=domains, told_lines=[lines.domain(row) for row in domains]),
    ]


_R = TypeVar("_R", Connection, Directory, OrganizationDomain)


def _shown(rows: Iterable[_R], now: datetime) -> list[_R]:
    return [row for row in rows if row.state != "deleted" or row.told_at > now - _REMOVED_SHOWN]


def _section(
    intent: Intent,
    *,
    rows: Sequence[Row],
    told_lines: Sequence[Line],
    visited: Mapping[str, Sequence[PortalSession]],
    enterprise: Enterprise,
    viewer_id: int,
    now: datetime,
) -> Section:
    guide, theirs = GUIDES[intent], visited.get(intent, [])
    shown = list(told_lines)
    news = ""
    watched: list[PortalSession] = []
    begun: list[PortalSession] = []
    waiting: list[Line] = []
    if intent == Intent.AUDIT_LOGS:
        shown = [lines.opened(theirs[0], now=now) if theirs else lines.NOT_OPENED]
    else:
        if intent in _TOLD:
            back = visits.recent(theirs, now=now)
            watched = [visit for visit in back if _may_bring_news(visit, rows, enterprise)]
            news = next(
                filter(None, (_news(guide, rows, visit, viewer_id, enterprise) for visit in back)), ""
            )
            finished = [visit for visit in watched if visit.finished_at and not _told_since(visit, rows)]
            waiting = [lines.waiting(visit, viewer_id=viewer_id) for visit in finished[:1]]
        elif last := next((visit for visit in theirs if visit.finished_at), None):
            shown.append(lines.finished(last))
        begun = [
            visit
            for visit in visits.unfinished(theirs, now=now)
            if all(row.state in _BEGUN for row in _told_since(visit, rows))
        ]
        shown = [*lines.unfinished(begun, now=now), *waiting, *shown]
    return Section(
        intent,
        guide,
        shown or [lines.NOT_SET_UP],
        actions=_actions(
            intent, rows, told_lines, can_continue=bool(begun), is_waiting=bool(waiting) and not begun
        ),
        news=news,
        watched=watched,
    )


def _told_since(visit: PortalSession, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.as_of >= visit.launched_at]


def _is_checked(visit: PortalSession, enterprise: Enterprise) -> bool:
    back = visits.back_at(visit)
    return bool(back and enterprise.checked_at and enterprise.checked_at >= back)


def _may_bring_news(visit: PortalSession, rows: Sequence[Row], enterprise: Enterprise) -> bool:
    """Nothing is told yet and the API was not asked since; or something is, and it is not the last word."""
    told = _told_since(visit, rows)
    return not any(row.state in _FINAL for row in told) if told else not _is_checked(visit, enterprise)


_TOLD = {Intent.SSO, Intent.DSYNC, Intent.DOMAIN_VERIFICATION}
_BEGUN = {"draft", "requires_type"}
_FINAL = {"active", "inactive", "deleted", "verified", "failed", "invalid_credentials"}


def _actions(
    intent: Intent, rows: Sequence[Row], told_lines: Sequence[Line], *, can_continue: bool, is_waiting: bool
) -> list[Action]:
    guide = GUIDES[intent]
    actions = []
    if intent == Intent.SSO and any(line.needs_certificate for line in told_lines):
        renewal = GUIDES[Intent.CERTIFICATE_RENEWAL]
        actions.append(Action(Intent.CERTIFICATE_RENEWAL, renewal.begin, renewal))
    if can_continue or any(row.state in _BEGUN for row in rows):
        label = f"Continue: {guide.title}"
    elif any(row.state != "deleted" for row in rows):
        label = guide.manage
    else:
        label = guide.begin
    tones = {line.tone for line in told_lines}
    is_well = "good" in tones and "bad" not in tones and not can_continue
    needs_nobody = is_well or is_waiting
    return [*actions, Action(intent, label, guide, is_primary=not actions and not needs_nobody)]


def _without_reason_to_go(section: Section, reasons: Mapping[str, str]) -> Section:
    """The section without the buttons that the plan does not include."""
    allowed = [action for action in section.actions if action.intent not in reasons]
    reason = next((reasons[action.intent] for action in section.actions if action.intent in reasons), "")
    return replace(section, actions=allowed, reason=reason)


def _news(
    guide: Guide, rows: Sequence[Row], visit: PortalSession, viewer_id: int, enterprise: Enterprise
) -> str:
    """`Single Sign-On became active 8 seconds after you returned.`"""
    back = visits.back_at(visit)
    if back is None:
        return ""
    who = "you" if visit.user_id == viewer_id else (visit.user.get_full_name() if visit.user else "somebody")
    told = _told_since(visit, rows)
    for row in told:
        if row.state in _BECAME:
            seconds = round((row.told_at - back).total_seconds())
            what = f"{row.domain} was verified" if isinstance(row, OrganizationDomain) else guide.title
            verb = "" if isinstance(row, OrganizationDomain) else f" {_BECAME[row.state]}"
            if seconds <= 0:
                return f"{what}{verb} before {who} returned."
            return f"{what}{verb} {seconds} {'second' if seconds == 1 else 'seconds'} after {who} returned."
    if _is_checked(visit, enterprise) and not told:
        return f"{guide.title}: WorkOS says that nothing has changed since {who} left."
    return ""


_BECAME = {
    "active": "became active",
    "verified": "was verified",
    "inactive": "was deactivated",
    "deleted": "was removed",
}
