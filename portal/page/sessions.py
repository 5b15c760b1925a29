"""The portal sessions that the page of an enterprise shows: launched, returned from, finished."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from enterprises.intents import Intent
from enterprises.models import Enterprise
from mirror.models import MirroredRow
from portal.models import PortalSession

# An older unfinished session is started again rather than continued.
_CONTINUABLE_FOR = timedelta(days=14)
# How long the page waits for updates after a return or a request: some change nothing at WorkOS.
WAIT_LIMIT = timedelta(minutes=10)


# The newest session of each person, and the newest one that they finished; and those that were open when an
# object entered its state. A join, and not one condition for each object: Django would take longer to build
# them than to run the query.
_SHOWN = """
(SELECT DISTINCT ON (intent, user_id, finished_at IS NULL) id FROM portal_portalsession
WHERE enterprise_id = %s AND outcome = %s
ORDER BY intent, user_id, finished_at IS NULL, launched_at DESC)
UNION
SELECT session.id FROM unnest(%s::text[], %s::timestamptz[]) AS entered (intent, at)
JOIN portal_portalsession session ON session.enterprise_id = %s AND session.intent = entered.intent
    AND session.launched_at <= entered.at AND session.launched_at > entered.at - %s
"""


def shown_sessions(
    enterprise: Enterprise, rows: Mapping[Intent, Sequence[MirroredRow]]
) -> QuerySet[PortalSession]:
    """Those that sessions_by_intent and find_causes choose from, in one query. The newest come first."""
    entries = {(intent.value, row.state_since) for intent, own in rows.items() for row in own}
    opened = PortalSession.Outcome.OPENED
    values = (
        enterprise.pk, opened, [intent for intent, at in entries], [at for intent, at in entries],
        enterprise.pk, _OPEN_FOR,
    )  # fmt: skip
    return (
        PortalSession.objects.filter(pk__in=RawSQL(_SHOWN, values), outcome=opened)  # noqa: S611
        .select_related("user")
        .order_by("-launched_at")
    )


def sessions_by_intent(sessions: Iterable[PortalSession]) -> dict[str, list[PortalSession]]:
    """For each intent the newest session of each person, and the newest one that they finished.

    `sessions` are the newest first, and so are these.
    """
    by_intent: dict[str, list[PortalSession]] = {}
    seen = set()
    for session in sessions:
        group = (session.intent, session.user_id, session.finished_at is None)
        if group not in seen:
            seen.add(group)
            by_intent.setdefault(session.intent, []).append(session)
    return by_intent


def unfinished_sessions(sessions: Sequence[PortalSession], *, now: datetime) -> list[PortalSession]:
    """Those of one intent that can be continued. A later finish by anyone ends them."""
    last_finish = max((one.finished_at for one in sessions if one.finished_at), default=None)
    return [
        session
        for session in sessions
        if session.finished_at is None
        and session.launched_at > now - _CONTINUABLE_FOR
        and (last_finish is None or session.launched_at > last_finish)
    ]


def recently_returned_sessions(sessions: Sequence[PortalSession], *, now: datetime) -> list[PortalSession]:
    """Those that may still cause updates. The last return comes first."""
    returned = [(at, one) for one in sessions if (at := first_return_at(one)) and now - at < WAIT_LIMIT]
    return [session for _, session in sorted(returned, key=lambda pair: pair[0], reverse=True)]


def first_return_at(session: PortalSession) -> datetime | None:
    """When the person first came back, by either return address."""
    return min((at for at in (session.returned_at, session.finished_at) if at), default=None)


# A session without a return counts as open this long.
_OPEN_FOR = timedelta(hours=1)
# A change can be dated a little after the return that followed it.
_CLOCK_DIFFERENCE = timedelta(minutes=1)


def find_causes(
    sessions: Sequence[PortalSession], rows: Mapping[Intent, Sequence[MirroredRow]]
) -> dict[MirroredRow, PortalSession]:
    """For each row the portal session that was open when it entered its state, if there was one."""
    found = {
        row: next((one for one in sessions if one.intent == intent and _was_open(one, row.state_since)), None)
        for intent, own in rows.items()
        for row in own
    }
    return {row: session for row, session in found.items() if session}


def _was_open(session: PortalSession, at: datetime) -> bool:
    last_return = max((one for one in (session.returned_at, session.finished_at) if one), default=None)
    end = last_return + _CLOCK_DIFFERENCE if last_return else session.launched_at + _OPEN_FOR
    return session.launched_at <= at <= end


def name_person(session: PortalSession) -> str:
    return session.user.get_full_name() if session.user else _("A deleted user")


def polling_delay(since: datetime, *, now: datetime) -> int:
    """Seconds until a page that has waited `since` then polls again: often at first, then less often."""
    waited = (now - since).total_seconds()
    return next((delay for delay, until in ((2, 30), (5, 120), (15, 300)) if waited < until), 30)
