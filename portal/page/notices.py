"""The notice: one line about the newest change of state, for a minute or until the next action."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mirror.models import Certificate, Connection, Directory, MirroredRow, OrganizationDomain
from portal.models import PortalSession
from portal.page.sessions import WAIT_LIMIT, first_return_at
from portal.page.wording import CERTIFICATE_RENEWED, TIME, describe_state

SHOWN_FOR = timedelta(seconds=60)


@dataclass(frozen=True)
class Notice:
    """`before` and `after` are the text around `at`, if the text contains a time. It begins at `shown_at`."""

    tone: str
    before: str
    shown_at: datetime
    at: datetime | None = None
    style: str = "time"
    after: str = ""

    def __str__(self) -> str:
        return f"{self.before}{self.at or ''}{self.after}"


def find_notice(
    rows: Iterable[MirroredRow],
    sessions: Sequence[PortalSession],
    *,
    viewer_id: int,
    last_action_at: datetime | None,
    now: datetime,
) -> Notice | None:
    """The newest notice about one of `rows`: for a minute after we learned of it, or the viewer returned.

    An action of the viewer ends it. `sessions` are the portal sessions of all intents.
    """
    newest: Notice | None = None
    for row in rows:
        notice = _build_notice(row, sessions, viewer_id, now)
        is_over = notice is None or now - notice.shown_at >= SHOWN_FOR
        if notice is None or is_over or (last_action_at and notice.shown_at < last_action_at):
            continue
        if newest is None or notice.shown_at > newest.shown_at:
            newest = notice
    return newest


def _build_notice(
    row: MirroredRow, sessions: Sequence[PortalSession], viewer_id: int, now: datetime
) -> Notice | None:
    returns = [
        returned_at
        for session in sessions
        if session.user_id == viewer_id
        and row.state_since >= session.launched_at
        and (returned_at := first_return_at(session))
    ]
    # A row is also written when only a name changed.
    if not returns and row.state_since <= now - WAIT_LIMIT:
        return None
    words = describe_state(row)
    if not words.announcement:
        return None
    shown_at = max(row.observed_at, *returns) if returns else row.observed_at
    text, at, style = str(words.announcement), row.state_since, "time"
    if isinstance(row, Certificate):
        if row.expires_at is None:
            return Notice(words.tone, str(CERTIFICATE_RENEWED), shown_at)
        at, style = row.expires_at, "date"
    text = text.replace("%(name)s", _name(row))
    before, time, after = text.partition(TIME)
    return Notice(words.tone, before, shown_at, at if time else None, style, after)


def _name(row: MirroredRow) -> str:
    if isinstance(row, OrganizationDomain):
        return row.domain
    return row.name if isinstance(row, Connection | Directory) else ""
