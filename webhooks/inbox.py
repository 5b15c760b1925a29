"""Apply what waits: in batches, by any number of workers, with the outcome in the same commit as the work."""

import logging
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

from django.db import connection, transaction
from django.utils import timezone

from webhooks.events import Event
from webhooks.handlers import HANDLERS, Handler, Outcome
from webhooks.models import WebhookEvent

logger = logging.getLogger(__name__)

BATCH = 500
MAX_ATTEMPTS = 8
# In the company of others, alone, and alone once more: then it is left for a person.
MAX_UNFINISHED = 3
_FIRST_RETRY = timedelta(seconds=15)
_LONGEST_RETRY = timedelta(hours=6)
_PATIENCE = timedelta(days=30)

Status = WebhookEvent.Status
Applied = tuple[WebhookEvent, Outcome]


def apply_waiting(*, now: datetime, size: int = BATCH) -> Counter[str]:
    """Apply what is due, about one batch of it, and say how many ended how; empty when nothing was due.

    A kill at any moment leaves the events waiting: their work and their outcome are one commit.
    """
    _release(now)
    outcomes: Counter[str] = Counter()
    # A suspect is applied alone, and one at a time must not hold up the others.
    for suspect in (True, False):
        with transaction.atomic():
            claimed = WebhookEvent.objects.claim(now, size, suspect=suspect)
        outcomes += _work(claimed, now)
    return outcomes


def give_up(now: datetime) -> int:
    """Ignore what has waited thirty days for an organization that nobody told us of."""
    return (
        WebhookEvent.objects.filter(received_at__lt=now - _PATIENCE)
        .exclude(organization_id="")
        .update(
            status=Status.IGNORED,
            error="Its organization was not known for 30 days.",
            organization_id="",
            applied_at=now,
        )
    )


def _release(now: datetime) -> None:
    """Let go of events whose organization has become known."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE webhooks_webhookevent SET due_at = %s, organization_id = '' WHERE id IN"
            " (SELECT waiting.id FROM webhooks_webhookevent waiting"
            " JOIN mirror_organization known ON known.organization_id = waiting.organization_id"
            " WHERE waiting.organization_id <> '' LIMIT 5000 FOR UPDATE OF waiting SKIP LOCKED)",
            [now],
        )


def _work(claimed: dict[int, int], now: datetime) -> Counter[str]:
    """Apply those we have claimed: one transaction a kind of event, so that one of them holds few locks."""
    outcomes: Counter[str] = Counter()
    if not claimed:
        return outcomes
    kinds = WebhookEvent.objects.filter(pk__in=claimed).values_list("event", "pk").order_by("event")
    for name, rows in groupby(list(kinds), key=lambda row: row[0]):
        with transaction.atomic():
            # Somebody else may have claimed them since, if we were slow.
            events = WebhookEvent.objects.claimed({pk: claimed[pk] for _, pk in rows})
            fatal = [event for event in events if event.unfinished > MAX_UNFINISHED]
            done: list[Applied] = [(event, _set_aside(event)) for event in fatal]
            done += apply(HANDLERS.get(name), [event for event in events if event not in fatal])
            for event, outcome in done:
                settle(event, outcome, now)
                if event in fatal:
                    event.due_at = None
            write(events)
        outcomes.update(event.status for event in events)
    return outcomes


def _set_aside(event: WebhookEvent) -> Outcome:
    logger.error("Event %s (%s) ended its worker again and again: set aside", event.event_id, event.event)
    return Outcome(
        "failed",
        f"A worker took it {MAX_UNFINISHED} times and ended before it was done, the last times with nothing "
        "else in hand. Look at the worker's log and memory, mend its handler, then replay it.",
    )


def apply(handler: Handler | None, events: Sequence[WebhookEvent]) -> list[Applied]:
    """Apply events of one kind together; if that fails, one by one, so that only the guilty fail.

    Within the caller's transaction. Nothing is said on the events themselves yet: see `settle` and `write`.
    """
    if not events:
        return []
    if handler is None:
        return [(event, Outcome("ignored", "Nothing is to be done about it.")) for event in events]
    try:
        with transaction.atomic():
            return list(
                zip(events, handler([as_told(event) for event in events], timezone.now()), strict=True)
            )
    except Exception as error:
        if len(events) > 1:
            return [pair for event in events for pair in apply(handler, [event])]
        # Whatever a handler raises is the event's failure, kept on the event: it must not stop the others.
        # The message stays on the row: it may quote what was sent.
        logger.error("Event %s (%s) failed: %s", events[0].event_id, events[0].event, type(error).__name__)
        return [(events[0], Outcome("failed", failure(error)))]


def failure(error: Exception) -> str:
    # PostgreSQL's text holds no NUL and no half of a surrogate pair; a handler's message may.
    text = f"{type(error).__name__}: {error}"[:2000].replace("\0", "\ufffd")
    return text.encode("utf-8", "replace").decode()


def as_told(event: WebhookEvent) -> Event:
    return Event(event.event_id, event.event, event.payload["data"], event.created_at or event.issued_at)


def settle(event: WebhookEvent, outcome: Outcome, now: datetime) -> None:
    """Put the outcome on the event."""
    event.status = outcome.status
    event.error = outcome.reason
    event.organization_id = outcome.waits_for
    event.due_at = None
    event.unfinished = 0
    event.applied_at = now
    if outcome.status == Status.WAITING:
        event.applied_at = None
    elif outcome.status == Status.FAILED:
        event.applied_at = None
        if event.attempts < MAX_ATTEMPTS:
            event.due_at = now + retry_delay(event.attempts)


_SETTLED = {
    "status": "text",
    "error": "text",
    "organization_id": "text",
    "due_at": "timestamptz",
    "unfinished": "int",
    "applied_at": "timestamptz",
}


def write(events: Sequence[WebhookEvent]) -> None:
    """Write what was settled in one statement, and when each secret was last seen."""
    if not events:
        return
    used: dict[str, datetime] = {}
    for event in events:
        if event.secret_name:
            used[event.secret_name] = max(event.received_at, used.get(event.secret_name, event.received_at))
    columns = ", ".join(_SETTLED)
    # Names come from above, values are parameters.
    statement = (
        f"UPDATE webhooks_webhookevent SET ({columns}) = (told.{columns.replace(', ', ', told.')})"  # noqa: S608
        f" FROM unnest(%s::bigint[], {', '.join(f'%s::{kind}[]' for kind in _SETTLED.values())})"
        f" AS told (id, {columns}) WHERE webhooks_webhookevent.id = told.id"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            [
                [event.pk for event in events],
                *([getattr(event, column) for event in events] for column in _SETTLED),
            ],
        )
        for name, at in sorted(used.items()):
            cursor.execute(
                "INSERT INTO webhooks_secret AS held (name, last_used_at) VALUES (%s, %s) ON CONFLICT (name)"
                " DO UPDATE SET last_used_at = EXCLUDED.last_used_at"
                " WHERE held.last_used_at < EXCLUDED.last_used_at",
                [name, at],
            )


def retry_delay(attempts: int) -> timedelta:
    """Doubled each time, at most six hours, and a little by chance so that failures do not come in step."""
    delay: timedelta = min(_FIRST_RETRY * 2 ** (attempts - 1), _LONGEST_RETRY)
    return delay * random.uniform(0.75, 1.25)  # noqa: S311 - not a secret
