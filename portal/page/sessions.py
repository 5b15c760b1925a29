"""The portal sessions that the page of an enterprise shows: launched, returned from, finished."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from enterprises.models import Enterprise
from portal.models import PortalSession

# An older unfinished session is started again rather than continued.
_CONTINUABLE_FOR = timedelta(days=14)
# How long the page waits for updates after a return or a request: some change nothing at WorkOS.
WAIT_LIMIT = timedelta(minutes=10)


def sessions_by_intent(enterprise: Enterprise) -> dict[str, list[PortalSession]]:
    """For each intent the newest session of each person, and the newest one that they finished.

    The newest come first.
    """
    by_intent: dict[str, list[PortalSession]] = {}
    for session in sorted(newest_sessions(enterprise), key=lambda one: one.launched_at, reverse=True):
        by_intent.setdefault(session.intent, []).append(session)
    return by_intent


def newest_sessions(enterprise: Enterprise) -> QuerySet[PortalSession]:
    group = ("intent", "user_id", "is_open")
    return (
        PortalSession.objects.filter(enterprise=enterprise, outcome=PortalSession.Outcome.OPENED)
        .annotate(is_open=Q(finished_at=None))
        .select_related("user")
        .order_by(*group, "-launched_at")
        .distinct(*group)
    )


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


def name_person(session: PortalSession) -> str:
    return session.user.get_full_name() if session.user else "somebody who has left"


def polling_delay(since: datetime, *, now: datetime) -> int:
    """Seconds until a page that has waited `since` then polls again: often at first, then less often."""
    waited = (now - since).total_seconds()
    return next((delay for delay, until in ((2, 30), (5, 120), (15, 300)) if waited < until), 30)
