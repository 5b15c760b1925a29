"""Visits to the Admin Portal as the enterprise's page tells them: begun, come back from, finished."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet

from enterprises.models import Enterprise
from portal.models import PortalSession

# What was left alone for longer is begun again rather than gone on with.
_UNFINISHED = timedelta(days=14)
# Who changed nothing over there is not waited for for ever.
PATIENCE = timedelta(minutes=10)


def newest(enterprise: Enterprise) -> dict[str, PortalSession]:
    """The newest visit for each intent, in one query."""
    return {visit.intent: visit for visit in query(enterprise)}


def query(enterprise: Enterprise) -> QuerySet[PortalSession]:
    return (
        PortalSession.objects.filter(enterprise=enterprise, outcome=PortalSession.Outcome.OPENED)
        .select_related("user")
        .order_by("intent", "-launched_at")
        .distinct("intent")
    )


def is_unfinished(visit: PortalSession, *, now: datetime) -> bool:
    return visit.finished_at is None and visit.launched_at > now - _UNFINISHED


def back_at(visit: PortalSession) -> datetime | None:
    """When they first came back, by whichever way."""
    return min((at for at in (visit.returned_at, visit.finished_at) if at), default=None)


def is_recent(visit: PortalSession, *, now: datetime) -> bool:
    """Whether news of this visit may still come: somebody came back from it a while ago."""
    back = back_at(visit)
    return back is not None and now - back < PATIENCE


def pause(visits: Sequence[PortalSession], *, now: datetime) -> int:
    """Seconds until a page that waits for news asks again: often at first, then ever more rarely."""
    back = max((at for visit in visits if (at := back_at(visit))), default=now)
    waited = (now - back).total_seconds()
    return next((pause for pause, until in ((2, 30), (5, 120), (15, 300)) if waited < until), 30)
