"""The lines of a section: one for each mirrored object and each portal session that matters."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.timesince import timesince

from mirror.models import Certificate, Connection, Directory, OrganizationDomain
from portal.models import PortalSession
from portal.page import wording
from portal.page.sessions import name_person
from portal.page.wording import StateWording, describe_state


@dataclass(frozen=True)
class Line:
    """`label` and `tone` are those of a StateWording; `since` is when the object entered its state."""

    label: str
    tone: str
    text: str = ""
    since: datetime | None = None
    note: str = ""
    # Whether a certificate must be renewed.
    needs_certificate: bool = False

    @classmethod
    def from_wording(
        cls, words: StateWording, text: str = "", *, since: datetime | None = None, note: str = ""
    ) -> "Line":
        """The note of the wording stands unless another one is given."""
        return cls(words.label, words.tone, text, since, note or words.note)


NOT_SET_UP = Line.from_wording(wording.NOT_SET_UP)
NOT_OPENED = Line.from_wording(wording.NOT_OPENED)


def connection_line(
    connection: Connection, certificate: Certificate | None, *, has_verified_domain: bool, now: datetime
) -> Line:
    """`certificate` is the one of this connection that must be renewed, if any."""
    words = describe_state(connection)
    text = _name_object(connection.connection_type, connection.name)
    is_active = connection.state == Connection.State.ACTIVE
    note = words.note
    if not has_verified_domain and (is_active or connection.state == Connection.State.VALIDATING):
        note = f"{note} {wording.NO_VERIFIED_DOMAIN}".strip()
    if certificate is None or connection.state not in _WITH_CERTIFICATE:
        return Line(words.label, words.tone, text, connection.state_since, note)
    expiry = describe_expiry(certificate.expires_at, now=now)
    if not is_active:
        # That nobody can sign in now matters more than the certificate.
        note = f"{note} Its {expiry}."
        return Line(words.label, words.tone, text, connection.state_since, note, needs_certificate=True)
    due = describe_state(certificate)
    note = f"{due.note} {note}".strip()
    return Line(due.label, due.tone, f"{text}: {expiry}", note=note, needs_certificate=True)


# The states in which an expiring certificate matters.
_WITH_CERTIFICATE = {Connection.State.ACTIVE, Connection.State.INACTIVE, Connection.State.VALIDATING}


def directory_line(directory: Directory) -> Line:
    text = _name_object(directory.directory_type, directory.name)
    return Line.from_wording(describe_state(directory), text, since=directory.state_since)


def domain_line(domain: OrganizationDomain) -> Line:
    has_failed = domain.state == OrganizationDomain.State.FAILED
    return Line.from_wording(
        describe_state(domain),
        domain.domain,
        since=domain.state_since,
        note=wording.explain_failure(domain.reason) if has_failed else "",
    )


_MAX_NAMED = 3


def unfinished_lines(sessions: Sequence[PortalSession], *, now: datetime) -> list[Line]:
    """One line for each session, so that colleagues see each other's. The rest is counted."""
    lines = [
        Line.from_wording(
            wording.STARTED,
            f"{describe_age(session.launched_at, now=now)} by {name_person(session)}, not finished",
        )
        for session in sessions[:_MAX_NAMED]
    ]
    if (more := len(sessions) - _MAX_NAMED) > 0:
        lines.append(Line.from_wording(wording.STARTED, f"by {more} more, not finished"))
    return lines


def waiting_line(session: PortalSession, *, viewer_id: int) -> Line:
    person = "You" if session.user_id == viewer_id else name_person(session)
    return Line.from_wording(
        wording.WAITING, note=f"{person} finished in the Admin Portal; its news is on the way."
    )


def opened_line(session: PortalSession, *, now: datetime) -> Line:
    """For intents that people only look at."""
    return Line.from_wording(
        wording.OPENED, f"{describe_age(session.launched_at, now=now)} by {name_person(session)}"
    )


def finished_line(session: PortalSession) -> Line:
    """For intents of which WorkOS reports nothing."""
    return Line.from_wording(wording.FINISHED, f"by {name_person(session)}", since=session.finished_at)


def describe_expiry(expires_at: datetime | None, *, now: datetime) -> str:
    """`certificate expires in 9 days`"""
    if expires_at is None:
        return "certificate must be renewed"
    if expires_at <= now:
        days = (now - expires_at) // timedelta(days=1)
        return f"certificate expired {_count_days(days)} ago" if days else "certificate expired today"
    return f"certificate expires in {_count_days(math.ceil((expires_at - now) / timedelta(days=1)))}"


def describe_age(then: datetime, *, now: datetime) -> str:
    """`3 minutes ago`"""
    if now - then < timedelta(minutes=1):
        return "just now"
    # timesince puts non-breaking spaces, which a phone is too narrow for.
    return f"{timesince(then, now, depth=1)} ago".replace("\xa0", " ")


def _count_days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"


def _name_object(provider_type: str, name: str) -> str:
    """`Okta SAML · Acme`"""
    provider = wording.name_provider(provider_type)
    return " · ".join(part for part in (provider, name) if part) or "Type not chosen yet"
