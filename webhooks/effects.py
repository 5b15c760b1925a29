"""What happens outside after an event was applied. `EFFECTS`, at the end, is the whole list.

An effect is called once for each event that was applied, again if a worker is killed in the middle of it, and
never for an event that was stale, ignored or replayed. What it writes to our database is in one commit with
the note that it was carried out, and so happens once; a mail it sends may, after a kill, go out again.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from webhooks.events import Event
from webhooks.models import WebhookEvent

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
_CLAIMED_FOR = timedelta(seconds=15)

Effect = Callable[[Event], None]


def carry_out(*, now: datetime, size: int = 100) -> int:
    """Carry out the effects that are due, an event at a time, and say of how many events."""
    count = 0
    while count < size and (claimed := _claim(now)):
        with transaction.atomic():
            event = (
                WebhookEvent.objects.select_for_update(skip_locked=True)
                .filter(pk=claimed[0], effects_attempts=claimed[1])
                .first()
            )
            if event is not None:
                _carry_out(event)
        count += 1
    return count


def _claim(now: datetime) -> tuple[int, int] | None:
    # Committed before the work: an effect that kills its worker is tried later and later, and not for ever.
    with transaction.atomic():
        due = WebhookEvent.objects.filter(effects_due_at__lte=now).order_by("effects_due_at")
        event = due.select_for_update(skip_locked=True).only("pk", "effects_attempts").first()
        if event is None:
            return None
        attempts = event.effects_attempts + 1
        last = attempts >= MAX_ATTEMPTS
        WebhookEvent.objects.filter(pk=event.pk).update(
            effects_attempts=F("effects_attempts") + 1,
            effects_due_at=None if last else now + _CLAIMED_FOR * 2**attempts,
            effects_error="Being carried out for the last time, or it ended its worker." if last else "",
        )
        return event.pk, attempts


def _carry_out(event: WebhookEvent) -> None:
    told = Event(event.event_id, event.event, event.payload["data"], event.created_at or event.issued_at)
    try:
        with transaction.atomic():
            for effect in EFFECTS.get(event.event, ()):
                effect(told)
        event.effects_due_at, event.effects_error = None, ""
    except Exception as error:
        # It stays on the row, is tried again when the claim runs out, and must not stop the others.
        logger.error(
            "An effect of event %s (%s) failed: %s", event.event_id, event.event, type(error).__name__
        )
        event.effects_error = f"{type(error).__name__}: {error}"[:2000].replace("\0", "\ufffd")
    event.save(update_fields=["effects_due_at", "effects_error"])


# Beside `webhooks.handlers.HANDLERS`: event name → what follows outside. The functions live where their
# subject does, in `enterprises` for what concerns an enterprise.
EFFECTS: dict[str, Sequence[Effect]] = {}
