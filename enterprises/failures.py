"""Record why a call to WorkOS failed, and find it by the reference that a person quotes."""

from datetime import datetime, timedelta

from django.db import models

import gateway
from audit.actor import Actor
from enterprises.models import Enterprise, Failure, FailureActivity
from mirror.text import replace_unstorable

# Support is asked within days; the audit log keeps what happened.
_KEPT = timedelta(days=90)


def record_failure(
    enterprise: Enterprise,
    activity: FailureActivity,
    error: gateway.GatewayError,
    actor: Actor,
    now: datetime,
    *,
    target: str = "",
) -> Failure:
    """Store the cause of a failed call under `error.reference`, which is the one to show and to log."""
    kind = Failure.Kind.REFUSED if isinstance(error, gateway.Refused) else Failure.Kind.UNAVAILABLE
    return Failure.objects.create(
        reference=error.reference,
        at=now,
        enterprise=enterprise,
        activity=activity,
        target=target,
        actor=actor.name,
        kind=kind,
        message=str(error),
        status=error.status,
        # These two come from WorkOS.
        code=replace_unstorable(error.code[:100]),
        request_id=replace_unstorable(error.request_id[:100]),
    )


def find_failures(quoted: str) -> "models.QuerySet[Failure]":
    """The failures with this reference, or with this request id of WorkOS; newest first."""
    quoted = quoted.strip()
    if not quoted:
        return Failure.objects.none()
    is_quoted = models.Q(reference=quoted.lower()) | models.Q(request_id=quoted)
    return Failure.objects.filter(is_quoted).select_related("enterprise").order_by("-at")


def newest_failures(enterprise: Enterprise) -> "models.QuerySet[Failure]":
    return Failure.objects.filter(enterprise=enterprise).order_by("-at")


def prune_failures(now: datetime) -> int:
    """Delete failures that are older than 90 days. Returns how many."""
    return Failure.objects.filter(at__lt=now - _KEPT).delete()[1].get(Failure._meta.label, 0)
