"""Apply recorded events: in batches, by any number of workers, each outcome in the commit of its work."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import InterfaceError, InternalError, OperationalError, connection, transaction

from mirror.text import replace_unstorable
from mirror.times import resolve_time
from outbox.backoff import retry_delay
from webhooks.claims import (
    Rotation,
    claim_batches,
    claim_suspect,
    find_work,
    finish_events,
    lock_batch,
    lock_batch_alone,
    release_dead_batches,
    renew_leases,
)
from webhooks.event_names import NO_HANDLER
from webhooks.event_rows import EventRow, StoredOutcome, write_outcomes
from webhooks.events import Event, name_object
from webhooks.handlers import HANDLERS, Handler, Outcome
from webhooks.models import QUARANTINED_PREFIX, EventBatch, WebhookEvent

logger = logging.getLogger(__name__)

# How long a claim should take: urgent events wait for its end, and others for its locks.
_TURN_SECONDS = 0.25
FIRST_SIZE = 500
SMALLEST_SIZE = 100
# More save little.
LARGEST_SIZE = 2000
MAX_ATTEMPTS = 8
# With others, alone, and alone once more: then it is quarantined.
MAX_UNFINISHED_ATTEMPTS = 3
FIRST_RETRY = timedelta(seconds=15)
LONGEST_RETRY = timedelta(hours=6)
# How long an event waits for its organization.
LONGEST_WAIT = timedelta(days=30)
_RELEASED_AT_ONCE = 5000
_MAX_REASON_LENGTH = 2000

_rotation = Rotation()


class Pace:
    """How many events a claim takes: as many as the last ones could have had in _TURN_SECONDS.

    Large claims cost less for each event. But they make urgent events wait, on a slow machine for longer.
    Every process has its own.
    """

    def __init__(self) -> None:
        self.size = FIRST_SIZE

    def record(self, count: int, seconds: float) -> None:
        """A claim of `count` events took `seconds`. A small one says nothing of a large one."""
        if count >= self.size / 2:
            fitting = int(count / max(seconds, 1e-6) * _TURN_SECONDS)
            self.size = max(SMALLEST_SIZE, min(LARGEST_SIZE, (self.size + fitting) // 2))


_pace = Pace()

Status = WebhookEvent.Status
AppliedEvent = tuple[EventRow, Outcome]


def apply_waiting(*, now: datetime, size: int | None = None) -> Counter[str]:
    """Apply some of the events that are due, up to `size`, or as many as take about a quarter of a second.

    Returns how many ended how; empty when none was due. A kill at any moment leaves the events waiting: their
    work and their outcome are one commit.
    """
    work = find_work(now)
    if work.has_held:
        release_events_of_known_organizations(now)
    if work.has_expired:
        release_dead_batches(now)
    outcomes: Counter[str] = Counter()
    # A suspect is applied alone, and one at a time must not hold up the others.
    if work.has_suspects or work.has_expired:
        outcomes += _apply_batches(claim_suspect(now), now)
    # What was released just now may be of either kind.
    has_work = {True: work.has_urgent or work.has_held, False: work.has_others or work.has_held}
    if kinds := [is_urgent for is_urgent, found in has_work.items() if found]:
        began = time.perf_counter()
        batches = claim_batches(now, size or _pace.size, _rotation, of=kinds)
        outcomes += _apply_batches(batches, now)
        _pace.record(sum(outcomes.values()), time.perf_counter() - began)
    return outcomes


def ignore_events_of_unknown_organizations(now: datetime) -> int:
    """Ignore the events that have waited 30 days for an organization. Returns how many."""
    return (
        WebhookEvent.objects.filter(received_at__lt=now - LONGEST_WAIT)
        .exclude(awaited_organization_id="")
        .update(
            status=Status.IGNORED,
            reason=f"Its organization was not known for {LONGEST_WAIT.days} days.",
            awaited_organization_id="",
            applied_at=now,
        )
    )


def release_events_of_known_organizations(now: datetime) -> None:
    """Make events due whose organization has become known, or whose directory has, where they name no
    organization.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE webhooks_webhookevent SET due_at = %s, awaited_organization_id = '' WHERE id IN"
            " (SELECT waiting.id FROM webhooks_webhookevent waiting"
            " WHERE waiting.awaited_organization_id <> '' AND ("
            "EXISTS (SELECT FROM mirror_organization known"
            " WHERE known.organization_id = waiting.awaited_organization_id)"
            " OR EXISTS (SELECT FROM mirror_directory known"
            " WHERE known.directory_id = waiting.awaited_organization_id))"
            " LIMIT %s FOR UPDATE OF waiting SKIP LOCKED)",
            [now, _RELEASED_AT_ONCE],
        )


def _apply_batches(batches: Sequence[EventBatch], now: datetime) -> Counter[str]:
    """Apply batches, one after another. Those that wait stay ours, however long it takes."""
    outcomes: Counter[str] = Counter()
    for done, batch in enumerate(batches, start=1):
        outcomes += _apply_batch(batch, now, following=batches[done:])
    return outcomes


def _apply_batch(
    batch: EventBatch, now: datetime, *, key: int | None = None, following: Sequence[EventBatch] = ()
) -> Counter[str]:
    """Apply the events of a batch, or one of them, in one transaction; if that fails, each in its own.

    A handler's failure is its event's (see `apply_events`). What fails here is all the rest: a row that
    cannot be read, an outcome that cannot be written, a constraint that is checked at the commit.
    """
    keys = batch.event_keys if key is None else [key]
    try:
        with transaction.atomic():
            events = lock_batch(batch, keys, following=following)
            deadly = [one for one in events if one.unfinished_attempts >= MAX_UNFINISHED_ATTEMPTS]
            others = [one for one in events if one not in deadly] if deadly else events
            applied = apply_events(HANDLERS.get(batch.event), others, now)
            outcomes = [(row, build_outcome(outcome, row.attempts + 1, now)) for row, outcome in applied]
            outcomes += [(row, _quarantine_event(row)) for row in deadly]
            write_outcomes(outcomes)
            remaining = finish_events(batch, keys)
            renew_leases([batch, *following] if remaining else following)
        batch.event_keys = remaining
        return Counter(outcome.status for _, outcome in outcomes)
    except BaseException as error:
        if not _is_about_an_event(error):
            raise
        if len(keys) > 1:
            alone = [_apply_batch(batch, now, key=one, following=following) for one in keys]
            return sum(alone, Counter())
        logger.error(
            "Event %s (%s) failed outside its handler: %s", keys[0], batch.event, type(error).__name__
        )
        return _fail_unread(batch, keys[0], error, now)


def _is_about_an_event(error: BaseException) -> bool:
    """Whether an event can be blamed: not for a database that is away or read-only, nor for Ctrl-C."""
    return not isinstance(error, KeyboardInterrupt | OperationalError | InterfaceError | InternalError)


def _fail_unread(batch: EventBatch, key: int, error: BaseException, now: datetime) -> Counter[str]:
    """Fail an event whose row cannot be read, or whose outcome cannot be written."""
    with transaction.atomic():
        if not lock_batch_alone(batch):
            return Counter()
        event = WebhookEvent.objects.filter(pk=key, due_at__isnull=False)
        attempts = (event.values_list("attempts", flat=True).first() or 0) + 1
        failed = event.update(
            status=Status.FAILED,
            reason=_describe_error(error),
            awaited_organization_id="",
            attempts=attempts,
            unfinished_attempts=0,
            due_at=_retry_at(attempts, now),
            applied_at=None,
        )
        remaining = finish_events(batch, [key])
    batch.event_keys = remaining
    return Counter({Status.FAILED.value: failed}) if failed else Counter()


def _quarantine_event(event: EventRow) -> StoredOutcome:
    logger.error("Event %s (%s) quarantined: its workers died", event.event_id, event.event)
    reason = (
        f"{QUARANTINED_PREFIX} {MAX_UNFINISHED_ATTEMPTS} workers died while they applied it, the last ones "
        "with no other event. Check the worker's log and memory, fix the handler, then retry the event."
    )
    return StoredOutcome(Status.FAILED.value, reason, "", "", event.attempts + 1, 0, None, None)


def apply_events(handler: Handler | None, events: Sequence[EventRow], now: datetime) -> list[AppliedEvent]:
    """Apply events of one name together; if that fails, one by one, so that only the faulty ones fail.

    Runs in the caller's transaction. The events themselves do not change yet: see `build_outcome` and
    `write_outcomes`.
    """
    if not events:
        return []
    if handler is None:
        return [(event, Outcome(Status.IGNORED, NO_HANDLER)) for event in events]
    try:
        with transaction.atomic():
            built = [build_event(row) for row in events]
            outcomes = [
                _add_problems(outcome, event.problems)
                for event, outcome in zip(built, handler(built, now), strict=True)
            ]
            return list(zip(events, outcomes, strict=True))
    except BaseException as error:
        # SystemExit, too: a handler may raise whatever Python has.
        if isinstance(error, KeyboardInterrupt):
            raise
        if len(events) > 1:
            return [applied for event in events for applied in apply_events(handler, [event], now)]
        # Whatever a handler raises is the failure of its event: it must not stop the others. The message is
        # kept on the row and not logged, because it may quote the payload.
        logger.error(
            "Event %s (%s) failed: %s",
            events[0].event_id,
            events[0].event,
            type(error).__name__,
            extra=name_object(build_event(events[0])),
        )
        return [(events[0], Outcome(Status.FAILED, _describe_error(error)))]


def build_event(row: EventRow) -> Event:
    """The event as handlers get it."""
    time = resolve_time(
        row.payload.get("created_at"), field="created_at", fallback=row.issued_at, latest=row.issued_at
    )
    problems = (time.problem,) if time.problem else ()
    return Event(
        row.event_id,
        row.event,
        row.payload["data"],
        time.at,
        signed_at=row.issued_at,
        received_at=row.received_at,
        problems=problems,
    )


def _add_problems(outcome: Outcome, problems: Sequence[str]) -> Outcome:
    if not problems:
        return outcome
    return replace(outcome, data_problems="\n".join(filter(None, [*problems, outcome.data_problems])))


def build_outcome(outcome: Outcome, attempts: int, now: datetime) -> StoredOutcome:
    """The outcome as it is stored, and when the event is due again if it failed."""
    return StoredOutcome(
        str(outcome.status),
        _clean_text(outcome.reason),
        _clean_text(outcome.data_problems),
        outcome.waits_for,
        attempts,
        unfinished_attempts=0,
        due_at=_retry_at(attempts, now) if outcome.status == Status.FAILED else None,
        applied_at=None if outcome.status in (Status.WAITING, Status.FAILED) else now,
    )


def _retry_at(attempts: int, now: datetime) -> datetime | None:
    """When an event that has failed is due again, or None: then it waits for a person."""
    if attempts >= MAX_ATTEMPTS:
        return None
    return now + retry_delay(attempts, first=FIRST_RETRY, longest=LONGEST_RETRY)


def _describe_error(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        # An error may be unable to say what it is.
        text = "(it has no text)"
    return _clean_text(f"{type(error).__name__}: {text}")


def _clean_text(text: str) -> str:
    return replace_unstorable(text[:_MAX_REASON_LENGTH])
