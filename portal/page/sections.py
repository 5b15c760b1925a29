"""The page of an enterprise: for each intent its state, what happened last, and what to do next."""

import uuid
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from enterprises.intents import Intent
from enterprises.models import Enterprise
from enterprises.reconcile import reconcile_requested_at
from mirror.models import DELETED, Certificate, Connection, Directory, MirroredRow, OrganizationDomain
from portal.models import PortalSession
from portal.page import lines
from portal.page.lines import Line
from portal.page.progress import STARTED_STATES, Progress
from portal.page.sessions import WAIT_LIMIT, first_return_at, polling_delay, sessions_by_intent
from portal.page.wording import INTENT_WORDINGS, IntentWording

# Deleted objects are shown this long.
_DELETED_SHOWN_FOR = timedelta(days=30)


@dataclass(frozen=True)
class LaunchButton:
    """A button that launches the Admin Portal. `nonce` is that of the portal session it starts."""

    intent: Intent
    label: str
    wording: IntentWording
    # False for a second choice, and where nothing needs to be done today.
    is_primary: bool = True
    nonce: uuid.UUID = field(default_factory=uuid.uuid4)


@dataclass(frozen=True)
class Section:
    """One intent. Where the plan does not include it, `buttons` is empty and `reason` says why."""

    intent: Intent
    wording: IntentWording
    lines: Sequence[Line]
    buttons: Sequence[LaunchButton] = ()
    reason: str = ""
    # A sentence on what changed since a person returned from the Admin Portal.
    update: str = ""
    # Portal sessions about which WorkOS may still report.
    pending: Sequence[PortalSession] = ()

    @property
    def is_included(self) -> bool:
        """Whether the plan includes it, or there is something to see of it anyway."""
        return (
            not self.reason
            or bool(self.buttons)
            or list(self.lines) not in ([lines.NOT_SET_UP], [lines.NOT_OPENED])
        )


@dataclass(frozen=True)
class Sections:
    all: Sequence[Section]
    # Seconds until the page polls again, or None if no update is expected.
    polling_delay: int | None = None

    @property
    def included(self) -> list[Section]:
        return [section for section in self.all if section.is_included]

    @property
    def not_included(self) -> list[Section]:
        return [section for section in self.all if not section.is_included]

    @property
    def updates(self) -> list[str]:
        return [section.update for section in self.all if section.update]

    @property
    def updates_hash(self) -> str:
        """Changes with the updates: screen readers read them aloud only then."""
        return f"{zlib.crc32(' '.join(self.updates).encode()):08x}"


def build_sections(
    enterprise: Enterprise, *, reasons: Mapping[str, str], viewer_id: int, now: datetime
) -> Sections:
    """`reasons` maps each intent that the enterprise may not use to the reason."""
    sessions = sessions_by_intent(enterprise)
    build = partial(_build_section, sessions=sessions, enterprise=enterprise, viewer_id=viewer_id, now=now)
    sections = [
        _remove_buttons(section, reasons)
        for section in (*_build_mirrored(enterprise, build, now=now), *map(build, _NOT_MIRRORED))
    ]
    waits = [at for section in sections for one in section.pending if (at := first_return_at(one))]
    # A person asked for a reconcile, or has just returned.
    requested_at = reconcile_requested_at(enterprise)
    if requested_at and now - requested_at < WAIT_LIMIT:
        waits.append(requested_at)
    return Sections(sections, polling_delay(max(waits), now=now) if waits else None)


# The intents whose objects WorkOS reports, in the order of the page, and the others.
_MIRRORED = (Intent.SSO, Intent.DSYNC, Intent.DOMAIN_VERIFICATION)
_NOT_MIRRORED = (Intent.AUDIT_LOGS, Intent.LOG_STREAMS, Intent.BRING_YOUR_OWN_KEY)


def _build_mirrored(enterprise: Enterprise, build: "partial[Section]", *, now: datetime) -> list[Section]:
    organization_id = enterprise.organization_id
    connections = _shown(Connection.objects.filter(organization=organization_id).order_by("-as_of"), now)
    directories = _shown(Directory.objects.filter(organization=organization_id).order_by("-as_of"), now)
    domains = _shown(OrganizationDomain.objects.filter(organization=organization_id).order_by("domain"), now)
    certificates = list(Certificate.objects.filter(organization=organization_id))
    # Of several certificates of one connection, the one that expires first.
    due = {
        certificate.connection_id: certificate
        for certificate in sorted(certificates, key=_expiry, reverse=True)
        if certificate.state == Certificate.State.RENEWAL_REQUIRED
    }
    is_verified = any(row.state == OrganizationDomain.State.VERIFIED for row in domains)
    connection_lines = [
        lines.connection_line(row, due.get(row.connection_id), has_verified_domain=is_verified, now=now)
        for row in connections
    ]
    return [
        build(Intent.SSO, rows=connections, row_lines=connection_lines, certificates=certificates),
        build(Intent.DSYNC, rows=directories, row_lines=[lines.directory_line(row) for row in directories]),
        build(
            Intent.DOMAIN_VERIFICATION, rows=domains, row_lines=[lines.domain_line(row) for row in domains]
        ),
    ]


def _expiry(certificate: Certificate) -> datetime:
    return certificate.expires_at or datetime.min.replace(tzinfo=UTC)


_Row = TypeVar("_Row", bound=MirroredRow)


def _shown(rows: Iterable[_Row], now: datetime) -> list[_Row]:
    return [row for row in rows if row.state != DELETED or row.observed_at > now - _DELETED_SHOWN_FOR]


def _build_section(
    intent: Intent,
    *,
    rows: Sequence[MirroredRow] = (),
    row_lines: Sequence[Line] = (),
    certificates: Sequence[Certificate] = (),
    sessions: Mapping[str, Sequence[PortalSession]],
    enterprise: Enterprise,
    viewer_id: int,
    now: datetime,
) -> Section:
    wording, own_sessions = INTENT_WORDINGS[intent], sessions.get(intent, [])
    if intent == Intent.AUDIT_LOGS:
        # People only look at these: nothing is started or finished.
        line = lines.opened_line(own_sessions[0], now=now) if own_sessions else lines.NOT_OPENED
        return Section(intent, wording, [line], _build_buttons(intent))

    progresses = [Progress(wording, own_sessions, rows, enterprise, now)]
    if intent == Intent.SSO:
        renewal = Intent.CERTIFICATE_RENEWAL
        renewals = sessions.get(renewal, [])
        progresses.append(Progress(INTENT_WORDINGS[renewal], renewals, certificates, enterprise, now))
    unfinished = [session for progress in progresses for session in progress.unfinished]
    buttons = partial(_build_buttons, intent, rows, row_lines, is_unfinished=bool(progresses[0].unfinished))
    if intent not in _MIRRORED:
        finished = [lines.finished_line(one) for one in own_sessions if one.finished_at][:1]
        shown = [*lines.unfinished_lines(unfinished, now=now), *finished]
        return Section(intent, wording, shown or [lines.NOT_SET_UP], buttons())

    waiting = [session for progress in progresses for session in progress.waiting[:1]][:1]
    shown = [
        *lines.unfinished_lines(unfinished, now=now),
        *(lines.waiting_line(session, viewer_id=viewer_id) for session in waiting),
        *row_lines,
    ]
    updates = (progress.describe_update(viewer_id) for progress in progresses)
    return Section(
        intent,
        wording,
        shown or [lines.NOT_SET_UP],
        buttons(is_waiting=bool(waiting)),
        update=next(filter(None, updates), ""),
        pending=[session for progress in progresses for session in progress.pending],
    )


def _build_buttons(
    intent: Intent,
    rows: Sequence[MirroredRow] = (),
    row_lines: Sequence[Line] = (),
    *,
    is_unfinished: bool = False,
    is_waiting: bool = False,
) -> list[LaunchButton]:
    wording = INTENT_WORDINGS[intent]
    buttons = []
    if intent == Intent.SSO and any(line.needs_certificate for line in row_lines):
        renewal = INTENT_WORDINGS[Intent.CERTIFICATE_RENEWAL]
        buttons.append(
            LaunchButton(Intent.CERTIFICATE_RENEWAL, renewal.configure, renewal, is_primary=not is_waiting)
        )
    if is_unfinished or any(row.state in STARTED_STATES for row in rows):
        label = f"Continue: {wording.title}"
    elif any(row.state != DELETED for row in rows):
        label = wording.manage
    else:
        label = wording.configure
    tones = {line.tone for line in row_lines}
    is_healthy = "good" in tones and "bad" not in tones
    needs_nobody = (is_healthy or is_waiting) and not is_unfinished
    return [*buttons, LaunchButton(intent, label, wording, is_primary=not buttons and not needs_nobody)]


def _remove_buttons(section: Section, reasons: Mapping[str, str]) -> Section:
    """The section without the buttons for intents that the plan does not include."""
    allowed = [button for button in section.buttons if button.intent not in reasons]
    reason = next((reasons[button.intent] for button in section.buttons if button.intent in reasons), "")
    return replace(section, buttons=allowed, reason=reason)
