"""The lines of a section: one for each mirrored object, and one for what people began."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mirror.models import Certificate, Connection, Directory, OrganizationDomain
from portal.models import PortalSession
from portal.page import wording
from portal.page.providers import get_provider
from portal.page.sessions import name_person
from portal.page.wording import StateWording, Text, describe_state


@dataclass(frozen=True)
class Fact:
    """A term and its value: a text, an id to copy, a time, or a text and a time.

    `url`: where the text leads.
    """

    term: Text
    text: str = ""
    id: str = ""
    at: datetime | None = None
    style: str = "moment"
    url: str = ""


@dataclass(frozen=True)
class Line:
    """`words` is the state. `since` is when the object entered it. `text` names the object."""

    words: StateWording
    text: str = ""
    note: str = ""
    since: datetime | None = None
    facts: Sequence[Fact] = ()


def connection_line(
    connection: Connection,
    certificate: Certificate | None,
    *,
    is_sso_active: bool,
    facts: Sequence[Fact],
    now: datetime,
) -> Line:
    """`certificate` is the one of this connection that must be renewed, if any.

    `is_sso_active`: this connection or another one is active.
    """
    words = describe_state(connection)
    provider = get_provider(connection.connection_type)
    note = str(words.note) % {"provider": provider.brand or _("your identity provider")}
    if connection.state == Connection.State.INACTIVE and not is_sso_active:
        note = f"{wording.SSO_IS_OFF} {note}"
    if certificate and is_certificate_due(connection):
        expiry = describe_expiry(certificate.expires_at, now=now)
        if connection.state == Connection.State.INACTIVE:
            # That nobody can sign in now matters more than the certificate.
            note = f"{note} {expiry}"
        else:
            words = describe_state(certificate)
            note = f"{expiry} {_describe_consequence(certificate, now=now)} {note}".strip()
    return Line(words, name_object(connection), note, connection.state_since, facts)


# The states in which an expiring certificate matters.
_WITH_CERTIFICATE = {Connection.State.ACTIVE, Connection.State.INACTIVE, Connection.State.VALIDATING}


def is_certificate_due(connection: Connection) -> bool:
    """Whether a certificate of this connection that expires must be renewed."""
    return connection.state in _WITH_CERTIFICATE


def directory_line(directory: Directory, *, facts: Sequence[Fact]) -> Line:
    words = describe_state(directory)
    return Line(words, name_object(directory), str(words.note), directory.state_since, facts)


def domain_line(domain: OrganizationDomain) -> Line:
    words = describe_state(domain)
    has_failed = domain.state == OrganizationDomain.State.FAILED
    note = wording.explain_domain_failure(domain.reason) if has_failed else str(words.note)
    return Line(words, domain.domain, note, domain.state_since)


_MAX_NAMED = 3


def in_progress_line(
    sessions: Sequence[PortalSession], begun: Sequence[str], *, viewer_id: int, now: datetime
) -> Line:
    """What people began and did not finish, newest first. `begun` names the objects that exist already."""
    sentences = []
    for number, session in enumerate(sessions[:_MAX_NAMED]):
        values = {"person": name_person(session), "age": describe_age(session.launched_at, now=now)}
        is_viewer = session.user_id == viewer_id
        if number:
            sentence = (
                _("You also started it %(age)s.") if is_viewer else _("%(person)s also started it %(age)s.")
            )
        elif is_viewer:
            sentence = _("You started this %(age)s. Continue where you left off.")
        else:
            sentence = _("%(person)s started this %(age)s. You can continue it.")
        sentences.append(sentence % values)
    if (more := len(sessions) - _MAX_NAMED) > 0:
        sentences.append(
            ngettext("%(count)d more person started it.", "%(count)d more people started it.", more)
            % {"count": more}
        )
    draft = wording.STATE_WORDINGS[Connection][Connection.State.DRAFT]
    return Line(wording.IN_PROGRESS, ", ".join(begun), " ".join(sentences) or str(draft.note))


def waiting_line(session: PortalSession, *, viewer_id: int) -> Line:
    if session.user_id == viewer_id:
        note = _("You finished in the Admin Portal. This page updates when WorkOS confirms it.")
    else:
        note = _("%(person)s finished in the Admin Portal. This page updates when WorkOS confirms it.") % {
            "person": name_person(session)
        }
    return Line(wording.WAITING, note=note)


def opened_line(session: PortalSession, *, now: datetime) -> Line:
    """For intents that people only look at."""
    note = _("%(person)s opened them %(age)s.") % {
        "person": name_person(session),
        "age": describe_age(session.launched_at, now=now),
    }
    return Line(wording.OPENED, note=note)


def finished_line(session: PortalSession, *, now: datetime) -> Line:
    """For intents of which WorkOS reports nothing."""
    note = _("%(person)s finished setup %(age)s. The Admin Portal shows the current state.") % {
        "person": name_person(session),
        "age": describe_age(session.finished_at or session.launched_at, now=now),
    }
    return Line(wording.FINISHED, note=note)


def describe_expiry(expires_at: datetime | None, *, now: datetime) -> str:
    """`The certificate expires in 9 days.`"""
    if expires_at is None:
        return _("The certificate must be renewed.")
    if expires_at <= now:
        days = (now - expires_at) // timedelta(days=1)
        if not days:
            return _("The certificate expired today.")
        return ngettext(
            "The certificate expired %(days)d day ago.", "The certificate expired %(days)d days ago.", days
        ) % {"days": days}
    days = math.ceil((expires_at - now) / timedelta(days=1))
    return ngettext(
        "The certificate expires in %(days)d day.", "The certificate expires in %(days)d days.", days
    ) % {"days": days}


def _describe_consequence(certificate: Certificate, *, now: datetime) -> str:
    if certificate.expires_at and certificate.expires_at <= now:
        return _("Nobody can sign in with SSO until it’s renewed. Renewing takes about 5 minutes.")
    if certificate.expires_at is None:
        return _("When it expires, nobody can sign in with SSO. Renewing takes about 5 minutes.")
    return _("After that, nobody can sign in with SSO. Renewing takes about 5 minutes.")


def describe_age(then: datetime, *, now: datetime) -> str:
    """`3 minutes ago`"""
    if now - then < timedelta(minutes=1):
        return _("just now")
    # timesince puts non-breaking spaces, which a phone is too narrow for.
    return (_("%(time)s ago") % {"time": timesince(then, now, depth=1)}).replace("\xa0", " ")


def name_object(row: Connection | Directory) -> str:
    """`Okta SAML · Acme`"""
    provider_type = row.connection_type if isinstance(row, Connection) else row.directory_type
    parts = (str(get_provider(provider_type).name), row.name)
    return " · ".join(part for part in parts if part) or _("Type not chosen yet")
