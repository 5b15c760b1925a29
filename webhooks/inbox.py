"""Apply what waits: in batches, by any number of workers, with the outcome in the same commit as the work."""

import logging
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

from django.db import connection, transaction

from webhooks.handlers import HANDLERS, Event, Handler, Outcome
from webhooks.models import WebhookEvent

logger = logging.getLogger(__name__)

BATCH = 500
MAX_ATTEMPTS = 8
_FIRST_RETRY = timedelta(seconds=15)
_LONGEST_RETRY = timedelta(hours=6)

Status = WebhookEvent.Status


def apply_waiting(*, now: datetime, size: int = BATCH) -> Counter[str]:
    """Apply one batch of what is due and say how many ended how; empty when nothing was due.

    A kill at any moment leaves the events waiting: their work and their outcome are one commit.
    """
    _release(now)
    with transaction.atomic():
        claimed = WebhookEvent.objects.claim(now, size)
    if not claimed:
        return Counter()
    outcomes: Counter[str] = Counter()
    with transaction.atomic():
        # Somebody else may have been faster since: due and unlocked, again.
        events = list(
            WebhookEvent.objects.due(now).filter(pk__in=claimed).select_for_update(skip_locked=True)
        )
        for name, group in groupby(
            sorted(events, key=lambda event: event.event), key=lambda event: event.event
        ):
            for event, outcome in _apply(HANDLERS.get(name), list(group)):
                _write(event, outcome, now)
                outcomes[event.status] += 1
        WebhookEvent.objects.bulk_update(
            events, ["status", "error", "due_at", "applied_at", "organization_id"], batch_size=BATCH
        )
    return outcomes


def _release(now: datetime) -> None:
    """Let go of events whose organization has become known."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE webhooks_webhookevent SET due_at = %s, organization_id = '' "
            "WHERE organization_id <> '' AND organization_id IN "
            "(SELECT organization_id FROM enterprises_enterprise WHERE organization_id IS NOT NULL)",
            [now],
        )


def _apply(handler: Handler | None, events: Sequence[WebhookEvent]) -> Sequence[tuple[WebhookEvent, Outcome]]:
    """Apply events of one kind together; if that fails, one by one, so that only the guilty fail."""
    if handler is None:
        return [(event, Outcome("ignored", "Nothing is to be done about it.")) for event in events]
    try:
        with transaction.atomic():
            return list(zip(events, handler([_event(event) for event in events]), strict=True))
    except Exception as error:
        if len(events) > 1:
            return [pair for event in events for pair in _apply(handler, [event])]
        # Whatever a handler raises is the event's failure, kept on the event: it must not stop the others.
        # The message stays on the row: it may quote what was sent.
        logger.error("Event %s (%s) failed: %s", events[0].event_id, events[0].event, type(error).__name__)
        return [(events[0], Outcome("failed", f"{type(error).__name__}: {error}"[:2000]))]


def _event(event: WebhookEvent) -> Event:
    return Event(event.event_id, event.event, event.payload["data"], event.created_at or event.issued_at)


def _write(event: WebhookEvent, outcome: Outcome, now: datetime) -> None:
    event.status = outcome.status
    event.error = outcome.reason
    event.organization_id = outcome.waits_for
    event.due_at = None
    event.applied_at = now
    if outcome.status == Status.WAITING:
        event.applied_at = None
    elif outcome.status == Status.FAILED:
        event.applied_at = None
        if event.attempts < MAX_ATTEMPTS:
            event.due_at = now + retry_delay(event.attempts)


def retry_delay(attempts: int) -> timedelta:
    """Doubled each time, at most six hours, and a little by chance so that failures do not come in step."""
    delay: timedelta = min(_FIRST_RETRY * 2 ** (attempts - 1), _LONGEST_RETRY)
    return delay * random.uniform(0.75, 1.25)  # noqa: S311 - not a secret
