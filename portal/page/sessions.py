"""Visits to the Admin Portal as the enterprise's page tells them: begun, come back from, finished."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from enterprises.models import Enterprise
from portal.models import PortalSession

# What was left alone for longer is begun again rather than gone on with.
_UNFINISHED = timedelta(days=14)
# Who changed nothing over there is not waited for for ever.
PATIENCE = timedelta(minutes=10)


def of(enterprise: Enterprise) -> dict[str, list[PortalSession]]:
    """For each intent everybody's newest visit, and the newest that they finished; newest first."""
    visits: dict[str, list[PortalSession]] = {}
    for visit in sorted(query(enterprise), key=lambda visit: visit.launched_at, reverse=True):
        visits.setdefault(visit.intent, []).append(visit)
    return visits


def query(enterprise: Enterprise) -> QuerySet[PortalSession]:
    person = ("intent", "user_id", "is_open")
    return (
        PortalSession.objects.filter(enterprise=enterprise, outcome=PortalSession.Outcome.OPENED)
        .annotate(is_open=Q(finished_at=None))
        .select_related("user")
        .order_by(*person, "-launched_at")
        .distinct(*person)
    )


def unfinished(visits: Sequence[PortalSession], *, now: datetime) -> list[PortalSession]:
    """Of one intent: those that can be gone on with. Whoever finished later finished for all."""
    finish = max((visit.finished_at for visit in visits if visit.finished_at), default=None)
    return [
        visit
        for visit in visits
        if visit.finished_at is None
        and visit.launched_at > now - _UNFINISHED
        and (finish is None or visit.launched_at > finish)
    ]


def recent(visits: Sequence[PortalSession], *, now: datetime) -> list[PortalSession]:
    """Those of which news may still come, because somebody came back a while ago; the last one back first."""
    back = [(at, visit) for visit in visits if (at := back_at(visit)) and now - at < PATIENCE]
    return [visit for _, visit in sorted(back, key=lambda pair: pair[0], reverse=True)]


def back_at(visit: PortalSession) -> datetime | None:
    """When they first came back, by whichever way."""
    return min((at for at in (visit.returned_at, visit.finished_at) if at), default=None)


def pause(since: datetime, *, now: datetime) -> int:
    """Seconds until a page that waits `since` then asks again: often at first, then ever more rarely."""
    waited = (now - since).total_seconds()
    return next((pause for pause, until in ((2, 30), (5, 120), (15, 300)) if waited < until), 30)
