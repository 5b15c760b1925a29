"""One line for each object that WorkOS told us of: its state as a word, and what that means."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.timesince import timesince

from enterprises.models import Certificate, Connection, Directory, OrganizationDomain
from portal.guides import failure, provider
from portal.models import PortalSession


@dataclass(frozen=True)
class Line:
    """`tone` is `good`, `wait`, `bad` or `off`, and goes with the word, never instead of it."""

    word: str
    tone: str
    text: str = ""
    since: datetime | None = None
    note: str = ""
    needs_certificate: bool = False


NOT_SET_UP = Line("Not set up", "off")
NOT_OPENED = Line("Not opened yet", "off")

_TONES = {
    "active": "good",
    "verified": "good",
    "validating": "wait",
    "requires_type": "wait",
    "draft": "wait",
    "pending": "wait",
    "inactive": "bad",
    "invalid_credentials": "bad",
    "failed": "bad",
    "deleting": "off",
    "deleted": "off",
}

_BEGUN = "It goes on where it stopped."
_NOTES = {
    "requires_type": _BEGUN,
    "draft": _BEGUN,
    "validating": "Becomes active with the first sign-in.",
    "inactive": "Somebody turned it off: nobody can sign in through it. The Admin Portal turns it on again.",
    "deleting": "WorkOS is removing it. Nobody can sign in through it.",
    "deleted": "It was removed at WorkOS and cannot come back; a new one can be set up.",
}
_DIRECTORY_NOTES = {
    "validating": "Becomes active when your directory has sent its first people.",
    "inactive": "It is not linked now: people and groups stay as they are, and changes do not arrive.",
    "invalid_credentials": "Your directory refuses the credentials. Enter new ones in the Admin Portal.",
    "deleting": "WorkOS is removing it. Changes in your directory do not arrive.",
    "deleted": "It was removed at WorkOS and cannot come back; a new one can be set up.",
}
_NO_DOMAIN = (
    "None of your domains is verified: WorkOS cannot tell by an address who belongs to you, so people may "
    "not be led to this sign-in until one is."
)


def connection(
    row: Connection, certificate: Certificate | None, *, has_verified_domain: bool, now: datetime
) -> Line:
    text = _named(provider(row.connection_type), row.name)
    note = _NOTES.get(row.state, "")
    if row.state in (row.State.ACTIVE, row.State.VALIDATING) and not has_verified_domain:
        note = f"{note} {_NO_DOMAIN}".strip()
    word, tone, since = row.get_state_display(), _TONES[row.state], row.since or row.as_of
    if note == _BEGUN:
        # Who started is said in a line of its own.
        word = "Set-up begun"
    if certificate is None or row.state not in (row.State.ACTIVE, row.State.INACTIVE, row.State.VALIDATING):
        return Line(word, tone, text, since, note)
    ends = expiry(certificate.expires_at, now=now)
    if row.state != row.State.ACTIVE:
        # That nobody can sign in now is the greater news.
        return Line(word, tone, text, since, f"{note} Its {ends}.", needs_certificate=True)
    note = f"When it has expired nobody can sign in through it. Renewing takes about five minutes. {note}"
    return Line("Needs attention", "bad", f"{text}: {ends}", note=note.strip(), needs_certificate=True)


def directory(row: Directory) -> Line:
    text = _named(provider(row.directory_type), row.name)
    needs_attention = row.state == row.State.INVALID_CREDENTIALS
    word = "Needs attention" if needs_attention else row.get_state_display()
    note = _DIRECTORY_NOTES.get(row.state, "")
    return Line(word, _TONES[row.state], text, row.since or row.as_of, note)


def domain(row: OrganizationDomain) -> Line:
    note = ""
    if row.state == row.State.FAILED:
        note = failure(row.reason)
    elif row.state == row.State.PENDING:
        note = "Add the DNS record that the Admin Portal shows; WorkOS then looks for it by itself."
    return Line(row.get_state_display(), _TONES[row.state], row.domain, row.since or row.as_of, note)


# More than these are counted.
_NAMED = 3


def unfinished(visits: Sequence[PortalSession], *, now: datetime) -> list[Line]:
    """One for each visit, so that colleagues see who is at it."""
    told = [
        Line("Started", "wait", f"{ago(visit.launched_at, now=now)} by {who(visit)}, not finished")
        for visit in visits[:_NAMED]
    ]
    if (more := len(visits) - _NAMED) > 0:
        told.append(Line("Started", "wait", f"by {more} more, not finished"))
    return told


def waiting(visit: PortalSession, *, viewer_id: int) -> Line:
    name = "You" if visit.user_id == viewer_id else who(visit)
    return Line(
        "Waiting for WorkOS", "wait", note=f"{name} finished in the Admin Portal; its news is on the way."
    )


def opened(visit: PortalSession, *, now: datetime) -> Line:
    """For what is read, and neither begun nor finished."""
    return Line("Opened", "off", f"{ago(visit.launched_at, now=now)} by {who(visit)}")


def finished(visit: PortalSession) -> Line:
    """For intents of which WorkOS tells us nothing."""
    return Line(
        "Finished",
        "good",
        f"by {who(visit)}",
        visit.finished_at,
        "The Admin Portal shows how it stands now.",
    )


def expiry(at: datetime | None, *, now: datetime) -> str:
    """`certificate expires in 9 days`"""
    if at is None:
        return "certificate must be renewed"
    if at <= now:
        days = (now - at) // timedelta(days=1)
        return f"certificate expired {_days(days)} ago" if days else "certificate expired today"
    days = math.ceil((at - now) / timedelta(days=1))
    return f"certificate expires in {_days(days)}"


def ago(then: datetime, *, now: datetime) -> str:
    if now - then < timedelta(minutes=1):
        return "just now"
    # Its spaces do not break, and a phone is narrow.
    return f"{timesince(then, now, depth=1)} ago".replace("\xa0", " ")


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"


def _named(kind: str, name: str) -> str:
    return " · ".join(part for part in (kind, name) if part) or "Type not chosen yet"


def who(visit: PortalSession) -> str:
    return visit.user.get_full_name() if visit.user else "somebody who has left"
