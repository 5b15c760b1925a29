"""Store with a setup link why a call to WorkOS failed."""

from datetime import datetime

from django.db import transaction

import gateway
from audit.actor import Actor
from enterprises.failures import record_failure
from enterprises.models import FailureActivity
from portal.setup_links.models import SetupLink, SetupLinkState


@transaction.atomic
def record_link_failure(
    link: SetupLink,
    activity: FailureActivity,
    error: gateway.GatewayError,
    actor: Actor,
    now: datetime,
    *,
    is_failed: bool = False,
) -> None:
    """Store the cause. With `is_failed`, the link was not sent."""
    failure = record_failure(link.enterprise, activity, error, actor, now, target=link.email)
    row = SetupLink.objects.filter(pk=link.pk)
    if is_failed:
        row.update(failure=failure, state=SetupLinkState.FAILED)
    else:
        row.update(failure=failure)
