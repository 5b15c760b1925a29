"""The page of an enterprise: a checklist with one next step, and the state of each step."""

import uuid
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from django.urls import reverse
from django.utils.translation import gettext as _

from enterprises.intents import Intent
from enterprises.models import Enterprise
from mirror.models import DELETED, Certificate, Connection, Directory, MirroredRow, OrganizationDomain
from mirror.people_counts import Arrival, Counts, find_arrival, read_counts
from portal.models import PortalSession
from portal.page import lines, providers, wording
from portal.page.last_action import LastAction, LaunchFailure
from portal.page.lines import Fact, Line
from portal.page.notices import SHOWN_FOR, Notice, find_notice
from portal.page.people import ARRIVAL_POLLING_DELAY, build_people_facts
from portal.page.progress import STARTED_STATES, Progress
from portal.page.providers import Provider, get_provider
from portal.page.sessions import (
    WAIT_LIMIT,
    find_causes,
    first_return_at,
    name_person,
    polling_delay,
    sessions_by_intent,
)
from portal.page.wording import INTENT_WORDINGS, IntentWording, StateWording

# Deleted objects are shown this long.
_DELETED_SHOWN_FOR = timedelta(days=30)
# After “Check now”, a reconcile that was this young is the answer.
MIN_CHECK_INTERVAL = timedelta(seconds=10)
_FAILURE_SHOWN_FOR = timedelta(minutes=10)
# How long a person who added a DNS record waits for it, before verifying is their next step again.
_DNS_DELAY = timedelta(days=1)

# The steps, in their order, and what else a plan can include. WorkOS reports the objects of the steps only.
STEPS = (Intent.DOMAIN_VERIFICATION, Intent.SSO, Intent.DSYNC)
_NOT_MIRRORED = (Intent.AUDIT_LOGS, Intent.LOG_STREAMS, Intent.BRING_YOUR_OWN_KEY)


@dataclass(frozen=True)
class LaunchButton:
    """A button that launches the Admin Portal. `nonce` is that of the portal session it starts."""

    intent: Intent
    label: wording.Text
    # The next step. One button of the page at most.
    is_primary: bool = False
    nonce: uuid.UUID = field(default_factory=uuid.uuid4)


@dataclass(frozen=True)
class Section:
    """One intent. Its first button is the most important one."""

    intent: Intent
    wording: IntentWording
    state: StateWording
    lines: Sequence[Line]
    buttons: Sequence[LaunchButton] = ()
    is_in_plan: bool = True
    # Which section is the next step: the lowest one, see _Urgency. None if nothing is to be done.
    urgency: int | None = None
    is_next: bool = False
    # Those that a person chooses from, or the one that they chose.
    providers: Sequence[Provider] = ()
    notice: Notice | None = None
    failure: LaunchFailure | None = None
    # Portal sessions about which WorkOS may still report, and whether something must come.
    pending: Sequence[PortalSession] = ()
    is_waiting: bool = False

    @property
    def is_optional(self) -> bool:
        return self.intent == Intent.DSYNC and not self.is_set_up

    @property
    def is_set_up(self) -> bool:
        return self.state not in (wording.NOT_SET_UP, wording.NOT_OPENED)

    @property
    def is_done(self) -> bool:
        return self.state.tone == "good"

    @property
    def is_shown(self) -> bool:
        """Whether the plan includes it, or it is set up anyway: a plan can be reduced."""
        return self.is_in_plan or self.state.tone in {"good", "bad"}

    @property
    def has_several_objects(self) -> bool:
        """Otherwise the state beside the heading is that of the object, too."""
        return sum(line.words != wording.NO_VERIFIED_DOMAIN for line in self.lines) > 1


class _Urgency:
    SSO_OFF, CERTIFICATE, DIRECTORY_OFF, STEP = range(4)


@dataclass(frozen=True)
class Check:
    """The line beside “Check now”. `at` follows the text."""

    text: str
    at: datetime | None = None
    is_running: bool = False


@dataclass(frozen=True)
class Overview:
    sections: Sequence[Section]
    check: Check
    # A failure of an intent that has no section.
    failure: LaunchFailure | None = None
    # Seconds until the page polls again, or None if no update is expected.
    polling_delay: int | None = None
    is_waiting: bool = False

    @property
    def steps(self) -> list[Section]:
        return [section for section in self.sections if section.is_in_plan and section.intent in STEPS]

    @property
    def others(self) -> list[Section]:
        return [section for section in self.sections if section.is_in_plan and section.intent not in STEPS]

    @property
    def no_longer_in_plan(self) -> list[Section]:
        return [section for section in self.sections if section.is_shown and not section.is_in_plan]

    @property
    def not_in_plan(self) -> list[Section]:
        return [section for section in self.sections if not section.is_shown]

    @property
    def announcement(self) -> str:
        """What a screen reader reads aloud when it has changed."""
        notice = next((section.notice for section in self.sections if section.notice), None)
        return str(notice or (self.check.text if self.check.is_running else ""))

    @property
    def notice(self) -> Notice | None:
        return next((section.notice for section in self.sections if section.notice), None)

    @property
    def updates_hash(self) -> str:
        return f"{zlib.crc32(self.announcement.encode()):08x}"


def build_overview(
    enterprise: Enterprise,
    *,
    plan: Iterable[Intent],
    viewer_id: int,
    last_action: LastAction | None,
    now: datetime,
) -> Overview:
    """`plan` are the intents that the enterprise may use."""
    included = set(plan)
    sessions = sessions_by_intent(enterprise)
    rows = _load_rows(enterprise, now)
    context = _Context(enterprise, rows, sessions, find_causes(enterprise, rows.with_facts), viewer_id, now)
    sections = [
        _remove_buttons(section, included)
        for section in (
            context.build_domains(),
            context.build_sso(),
            context.build_directory(),
            *map(context.build_not_mirrored, _NOT_MIRRORED),
        )
    ]
    sections = _mark_next_step(sections)
    failure = _current_failure(last_action, now)
    sections = _add_failure(sections, failure)
    if failure is None:
        sections = _add_notice(sections, context, last_action.at if last_action else None)
    is_placed = any(section.failure for section in sections)
    check = _describe_check(enterprise, rows, last_action, now)
    return Overview(
        sections,
        check,
        None if is_placed else failure,
        _find_polling_delay(sections, check, last_action, rows.arrivals, now),
        any(section.is_waiting for section in sections),
    )


@dataclass(frozen=True)
class _Rows:
    domains: Sequence[OrganizationDomain]
    connections: Sequence[Connection]
    directories: Sequence[Directory]
    certificates: Sequence[Certificate]
    # By directory: what it holds, and the first syncs that are arriving.
    counts: Mapping[int, Counts]
    arrivals: Mapping[int, Arrival]

    @property
    def all(self) -> list[MirroredRow]:
        return [*self.domains, *self.connections, *self.directories, *self.certificates]

    @property
    def with_facts(self) -> dict[Intent, list[MirroredRow]]:
        return {
            Intent.SSO: [row for row in self.connections if row.state in _WITH_FACTS],
            Intent.DSYNC: [row for row in self.directories if row.state in _WITH_FACTS],
        }

    @property
    def has_verified_domain(self) -> bool:
        return any(row.state == OrganizationDomain.State.VERIFIED for row in self.domains)

    def due_certificate(self, connection: Connection) -> Certificate | None:
        """Of several certificates that must be renewed, the one that expires first."""
        due = [
            one
            for one in self.certificates
            if one.connection_id == connection.connection_id
            and one.state == Certificate.State.RENEWAL_REQUIRED
        ]
        return min(due, key=_expiry) if due else None

    def valid_until(self, connection: Connection) -> datetime | None:
        """The first end of a certificate, as far as WorkOS has reported one."""
        known = [
            one.expires_at
            for one in self.certificates
            if one.connection_id == connection.connection_id and one.expires_at
        ]
        return min(known, default=None)


# Active, or off: also those of which an active one can become again.
_WITH_FACTS = {Connection.State.ACTIVE, Connection.State.INACTIVE, Directory.State.INVALID_CREDENTIALS}


def _expiry(certificate: Certificate) -> datetime:
    return certificate.expires_at or datetime.min.replace(tzinfo=UTC)


def _load_rows(enterprise: Enterprise, now: datetime) -> _Rows:
    organization = {"organization": enterprise.organization_id}
    connections = _shown(Connection.objects.filter(**organization).order_by("-as_of"), now)
    directories = _shown(Directory.objects.filter(**organization).order_by("-as_of"), now)
    counts = read_counts([row.pk for row in directories]) if directories else {}
    arrivals = {
        row.pk: arrival
        for row in directories
        if (arrival := find_arrival(row, counts.get(row.pk, Counts()), now))
    }
    return _Rows(
        _shown(OrganizationDomain.objects.filter(**organization).order_by("domain"), now),
        connections,
        directories,
        # A certificate without its connection says nothing.
        list(Certificate.objects.filter(**organization)) if connections else [],
        counts,
        arrivals,
    )


_Row = TypeVar("_Row", bound=MirroredRow)


def _shown(rows: Iterable[_Row], now: datetime) -> list[_Row]:
    return [row for row in rows if row.state != DELETED or row.observed_at > now - _DELETED_SHOWN_FOR]


@dataclass(frozen=True)
class _Context:
    """What the sections are built from."""

    enterprise: Enterprise
    rows: _Rows
    sessions: Mapping[str, Sequence[PortalSession]]
    causes: Mapping[MirroredRow, PortalSession]
    viewer_id: int
    now: datetime

    def build_domains(self) -> Section:
        domains, intent = self.rows.domains, Intent.DOMAIN_VERIFICATION
        progress = self._progress(intent, domains)
        words = INTENT_WORDINGS[intent]
        is_done = self.rows.has_verified_domain
        label = words.resume if progress.unfinished else words.manage if is_done else words.configure
        waits_for_dns = any(
            one.finished_at and self.now - one.finished_at < _DNS_DELAY for one in progress.sessions
        ) and all(row.state == OrganizationDomain.State.PENDING for row in domains)
        return self._build(
            intent,
            [lines.domain_line(row) for row in domains],
            [progress],
            [LaunchButton(intent, label)],
            urgency=None if is_done or waits_for_dns else _Urgency.STEP,
        )

    def build_sso(self) -> Section:
        intent, renewal = Intent.SSO, Intent.CERTIFICATE_RENEWAL
        connections, words = self.rows.connections, INTENT_WORDINGS[intent]
        progresses = [self._progress(intent, connections), self._progress(renewal, self.rows.certificates)]
        states = {row.state for row in connections}
        due = {row.connection_id: self.rows.due_certificate(row) for row in connections}
        is_certificate_due = any(
            due[row.connection_id] and lines.is_certificate_due(row) for row in connections
        )
        is_begun = bool(progresses[0].unfinished) or not states.isdisjoint(STARTED_STATES)
        is_off = Connection.State.INACTIVE in states
        if is_off:
            label = wording.TURN_ON
        elif is_begun:
            label = words.resume
        else:
            label = words.manage if states - {DELETED} else words.configure
        buttons = [LaunchButton(intent, label)]
        urgency: int | None = _Urgency.STEP
        if is_off:
            urgency = _Urgency.SSO_OFF
        elif is_certificate_due:
            urgency = _Urgency.CERTIFICATE
        elif not states.isdisjoint({Connection.State.ACTIVE, Connection.State.VALIDATING}):
            urgency = None
        if is_certificate_due:
            # Nobody can sign in while it is off: that comes first.
            buttons.insert(1 if is_off else 0, LaunchButton(renewal, INTENT_WORDINGS[renewal].configure))
        own = [
            lines.connection_line(
                row,
                due[row.connection_id],
                is_sso_active=Connection.State.ACTIVE in states,
                facts=self._connection_facts(row),
                now=self.now,
            )
            for row in connections
            if row.state not in STARTED_STATES
        ]
        is_usable = not states.isdisjoint({Connection.State.ACTIVE, Connection.State.VALIDATING})
        if is_usable and not self.rows.has_verified_domain:
            own.append(Line(wording.NO_VERIFIED_DOMAIN, note=str(wording.NO_VERIFIED_DOMAIN.note)))
        begun = [lines.name_object(row) for row in connections if row.state in STARTED_STATES]
        known = [get_provider(row.connection_type) for row in connections if row.state != DELETED]
        return self._build(
            intent, own, progresses, buttons, urgency=urgency, begun=begun, known=known, is_begun=is_begun
        )

    def build_directory(self) -> Section:
        intent, directories = Intent.DSYNC, self.rows.directories
        progress, words = self._progress(intent, directories), INTENT_WORDINGS[intent]
        states = {row.state for row in directories}
        urgency: int | None = _Urgency.STEP
        if Directory.State.INVALID_CREDENTIALS in states:
            label, urgency = wording.UPDATE_CREDENTIALS, _Urgency.DIRECTORY_OFF
        elif Directory.State.INACTIVE in states:
            label, urgency = wording.TURN_ON, _Urgency.DIRECTORY_OFF
        elif progress.unfinished:
            label = words.resume
        else:
            label = words.manage if states - {DELETED} else words.configure
        if urgency == _Urgency.STEP and not states.isdisjoint(
            {Directory.State.ACTIVE, Directory.State.VALIDATING}
        ):
            urgency = None
        own = [lines.directory_line(row, facts=self._directory_facts(row)) for row in directories]
        known = [get_provider(row.directory_type) for row in directories if row.state != DELETED]
        return self._build(
            intent, own, [progress], [LaunchButton(intent, label)], urgency=urgency, known=known
        )

    def build_not_mirrored(self, intent: Intent) -> Section:
        """WorkOS reports nothing of these, so the section shows who opened or finished them."""
        own, words = self.sessions.get(intent, []), INTENT_WORDINGS[intent]
        if intent == Intent.AUDIT_LOGS:
            # People only look at these: nothing is started or finished.
            opened = [lines.opened_line(one, now=self.now) for one in own[:1]]
            state = opened[0].words if opened else wording.NOT_OPENED
            return Section(intent, words, state, opened, [LaunchButton(intent, words.configure)])
        unfinished = self._progress(intent, ()).unfinished
        shown = [self._in_progress(unfinished)] if unfinished else []
        shown += [lines.finished_line(one, now=self.now) for one in own if one.finished_at][:1]
        label = words.resume if unfinished else words.manage if shown else words.configure
        state = shown[0].words if shown else wording.NOT_SET_UP
        return Section(intent, words, state, shown, [LaunchButton(intent, label)])

    def _build(
        self,
        intent: Intent,
        own: Sequence[Line],
        progresses: Sequence[Progress],
        buttons: Sequence[LaunchButton],
        *,
        urgency: int | None,
        begun: Sequence[str] = (),
        known: Sequence[Provider] = (),
        is_begun: bool = False,
    ) -> Section:
        unfinished = [session for progress in progresses for session in progress.unfinished]
        waiting = [session for progress in progresses for session in progress.waiting[:1]][:1]
        shown = [lines.waiting_line(session, viewer_id=self.viewer_id) for session in waiting]
        if unfinished or is_begun:
            shown.append(self._in_progress(unfinished, begun))
        shown += own
        return Section(
            intent,
            INTENT_WORDINGS[intent],
            _choose_state([line.words for line in shown]),
            shown,
            buttons,
            urgency=None if waiting and urgency == _Urgency.STEP else urgency,
            providers=known or providers.COMMON.get(intent, ()),
            pending=[session for progress in progresses for session in progress.pending],
            is_waiting=any(one.pending and not one.is_settled for one in progresses),
        )

    def _progress(self, intent: Intent, rows: Sequence[MirroredRow]) -> Progress:
        return Progress(self.sessions.get(intent, []), rows, self.enterprise, self.now)

    def _in_progress(self, sessions: Sequence[PortalSession], begun: Sequence[str] = ()) -> Line:
        return lines.in_progress_line(sessions, begun, viewer_id=self.viewer_id, now=self.now)

    def _connection_facts(self, row: Connection) -> list[Fact]:
        if row.state not in _WITH_FACTS:
            return []
        domains = [one.domain for one in self.rows.domains if one.state == OrganizationDomain.State.VERIFIED]
        return [
            Fact(_("Provider"), lines.name_object(row)),
            *_fact_if(self.rows.valid_until(row), _("Certificate valid until"), style="date"),
            *([Fact(_("Domains"), ", ".join(domains))] if domains else []),
            *self._history_facts(row),
            Fact(_("Connection ID"), id=row.connection_id),
        ]

    def _directory_facts(self, row: Directory) -> list[Fact]:
        people = build_people_facts(
            self.rows.counts.get(row.pk, Counts()),
            self.rows.arrivals.get(row.pk),
            url=reverse("enterprises:people", args=[self.enterprise.slug]),
        )
        if row.state not in _WITH_FACTS:
            # Its people may arrive before its own event.
            return [] if row.state == DELETED else people
        return [
            Fact(_("Provider"), lines.name_object(row)),
            *people,
            *self._history_facts(row),
            Fact(_("Directory ID"), id=row.directory_id),
        ]

    def _history_facts(self, row: MirroredRow) -> list[Fact]:
        """Who set it up, as far as a portal session says so; the last change, and the last check."""
        facts = []
        cause = self.causes.get(row)
        if cause:
            is_active = row.state == Connection.State.ACTIVE
            term = _("Set up by") if is_active else _("Changed by")
            facts.append(Fact(term, name_person(cause), at=row.state_since, style="date"))
        facts.append(Fact(str(wording.describe_state(row).since), at=row.state_since))
        if row.as_of != row.state_since:
            facts.append(Fact(_("Last change"), at=row.as_of))
        return [*facts, *_fact_if(self.enterprise.reconciled_at, _("Last checked"))]


def _fact_if(at: datetime | None, term: str, *, style: str = "moment") -> list[Fact]:
    return [Fact(term, at=at, style=style)] if at else []


# Of several states, the first one with the first of these tones is the section's.
_TONES = ("bad", "good", "wait", "off")


def _choose_state(states: Sequence[StateWording]) -> StateWording:
    objects = [state for state in states if state != wording.NO_VERIFIED_DOMAIN]
    return next((state for tone in _TONES for state in objects if state.tone == tone), wording.NOT_SET_UP)


def _remove_buttons(section: Section, plan: set[Intent]) -> Section:
    """The section without the buttons for intents that the plan does not include."""
    if section.intent in plan:
        return section
    return replace(section, buttons=(), urgency=None, is_in_plan=False)


def _mark_next_step(sections: Sequence[Section]) -> list[Section]:
    """Make one button of the page the primary one. The order of the sections decides between steps."""
    urgencies = [section.urgency for section in sections if section.urgency is not None]
    lowest = min(urgencies, default=None)
    chosen = next((one for one in sections if lowest is not None and one.urgency == lowest), None)
    if chosen is None or not chosen.buttons:
        return list(sections)
    first, *rest = chosen.buttons
    marked = replace(chosen, is_next=True, buttons=[replace(first, is_primary=True), *rest])
    return [marked if section is chosen else section for section in sections]


def _current_failure(last_action: LastAction | None, now: datetime) -> LaunchFailure | None:
    if last_action is None or now - last_action.at >= _FAILURE_SHOWN_FOR:
        return None
    return last_action.failure


def _add_failure(sections: Sequence[Section], failure: LaunchFailure | None) -> list[Section]:
    if failure is None:
        return list(sections)
    intent = Intent.SSO if failure.intent == Intent.CERTIFICATE_RENEWAL else failure.intent
    return [
        replace(section, failure=failure) if section.intent == intent and section.is_shown else section
        for section in sections
    ]


def _add_notice(
    sections: Sequence[Section], context: "_Context", last_action_at: datetime | None
) -> list[Section]:
    """The newest notice of the page, in the section that it belongs to."""
    rows = context.rows
    find = partial(
        find_notice,
        sessions=[one for own in context.sessions.values() for one in own],
        viewer_id=context.viewer_id,
        last_action_at=last_action_at,
        now=context.now,
    )
    active = [row for row in rows.connections if row.state == Connection.State.ACTIVE]
    own: dict[Intent, Sequence[Any]] = {
        Intent.DOMAIN_VERIFICATION: rows.domains,
        # While one is active, nobody says of another that single sign-on is off.
        Intent.SSO: [*(active or rows.connections), *rows.certificates],
        Intent.DSYNC: rows.directories,
    }
    found = {intent: notice for intent, its_rows in own.items() if (notice := find(its_rows)) is not None}
    for section in sections:
        # No good news in a card that needs attention.
        if section.state.tone == "bad" and section.intent in found and found[section.intent].tone == "good":
            del found[section.intent]
    newest = max(found, key=lambda intent: found[intent].shown_at, default=None)
    return [
        replace(section, notice=found[section.intent]) if section.intent == newest else section
        for section in sections
    ]


def _describe_check(
    enterprise: Enterprise, rows: _Rows, last_action: LastAction | None, now: datetime
) -> Check:
    reconciled_at = enterprise.reconciled_at
    if last_action and last_action.is_check:
        waited = now - last_action.at
        is_done = reconciled_at is not None and reconciled_at >= last_action.at - MIN_CHECK_INTERVAL
        if not is_done and waited < MIN_CHECK_INTERVAL:
            return Check(_("Checking…"), is_running=True)
        if not is_done and waited < WAIT_LIMIT:
            return Check(str(wording.STILL_WAITING), is_running=True)
        if is_done and reconciled_at and now - max(reconciled_at, last_action.at) < SHOWN_FOR:
            changes = [row for row in rows.all if row.observed_at >= last_action.at]
            if last_action.previous_check and not changes:
                return Check(_("Up to date. Nothing changed since"), last_action.previous_check)
            return Check(_("Up to date, checked"), reconciled_at)
    if reconciled_at:
        return Check(_("Last checked"), reconciled_at)
    return Check(_("Updates automatically."))


def _find_polling_delay(
    sections: Sequence[Section],
    check: Check,
    last_action: LastAction | None,
    arrivals: Mapping[int, Arrival],
    now: datetime,
) -> int | None:
    waits = [at for section in sections for one in section.pending if (at := first_return_at(one))]
    if check.is_running and last_action:
        waits.append(last_action.at)
    delays = [polling_delay(max(waits), now=now)] if waits else []
    if arrivals:
        delays.append(ARRIVAL_POLLING_DELAY)
    # Once more when the notice is over, to take it away.
    delays += [
        max(1, int((section.notice.shown_at + SHOWN_FOR - now).total_seconds()) + 1)
        for section in sections
        if section.notice
    ]
    return min(delays, default=None)


def describe_sign_in(enterprise: Enterprise) -> str:
    """One line for members, who cannot change anything: `Your company signs in with Okta.`"""
    rows = list(
        Connection.objects.filter(organization=enterprise.organization_id)
        .exclude(state=DELETED)
        .order_by("-as_of")
    )
    brands: dict[str, list[str]] = {}
    for row in rows:
        brand = get_provider(row.connection_type).brand or _("your identity provider")
        known = brands.setdefault(row.state, [])
        if brand not in known:
            known.append(brand)
    if active := brands.get(Connection.State.ACTIVE):
        return _("Your company signs in with %(provider)s.") % {"provider": _join(active)}
    if off := brands.get(Connection.State.INACTIVE):
        note = str(wording.STATE_WORDINGS[Connection][Connection.State.INACTIVE].note)
        return f"{wording.SSO_IS_OFF} {note % {'provider': _join(off)}}"
    if rows:
        return _("Your company is setting up single sign-on.")
    return _("Your company hasn’t set up single sign-on yet.")


def _join(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    return _("%(names)s and %(last)s") % {"names": ", ".join(names[:-1]), "last": names[-1]}
