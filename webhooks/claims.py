"""Claim events: which of those that are due a worker applies next, and what became of claimed ones.

A claim writes one row for each name of event (`EventBatch`), and no event. It is committed before the work,
so an event that kills its process is found: its batch is left behind. Decision 27 has the figures.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from audit.arrays import build_array, build_numbers
from webhooks.event_rows import EventRow, lock_due_events
from webhooks.models import EventBatch, WebhookEvent

# For this long, doubled with each worker that died with it, a batch belongs to its worker without being
# locked by it. After that the worker has died, or is unusually slow between its two transactions.
_FIRST_LEASE = timedelta(seconds=5)
# Queues that one claim serves; the next claim goes on with those after them.
_MAX_QUEUES = 100
# The part of a claim that urgent events leave to the others.
_SHARE_OF_OTHERS = 0.2
# Of the lock under which workers claim one after the other; the number means nothing.
_CLAIM_LOCK = 2_027_112_500


class _Claimed(NamedTuple):
    key: int
    event: str
    queue: str


@dataclass(frozen=True)
class Work:
    """What there is to do for a worker."""

    # Due events, by whether they are urgent.
    has_urgent: bool
    has_others: bool
    # Some of them killed their worker.
    has_suspects: bool
    # Batches whose lease has ended.
    has_expired: bool
    # Events that wait for an organization.
    has_held: bool


def find_work(now: datetime) -> Work:
    """Look once: most of the time there is nothing to do, or only something of one kind."""
    (found,) = _fetch(_WORK, {"now": now})
    return Work(*found)


class Rotation:
    """Which queue the next claim begins after, so that each is served when there are more than 100.

    Every process has its own. Two threads may use one: then a queue is served a little earlier.
    """

    def __init__(self) -> None:
        # By whether the queues are those of urgent events. None: begin with the first.
        self.after: dict[bool, str | None] = {True: None, False: None}


def claim_batches(
    now: datetime, size: int, rotation: Rotation, *, of: Collection[bool] = (True, False)
) -> list[EventBatch]:
    """Claim up to `size` due events that no other worker has: a share of each queue, urgent ones first.

    `of` says whether to look for urgent ones, for others, or for both. Suspects, whose worker has died, are
    not among them.
    """
    with transaction.atomic():
        taken = _lock_claims()
        for_urgent = size - int(size * _SHARE_OF_OTHERS)
        urgent = _take_shares(True, for_urgent, taken, now, rotation) if True in of else []
        others = _take_shares(False, size - len(urgent), taken, now, rotation) if False in of else []
        lease = now + _FIRST_LEASE
        batches = [batch for events in (urgent, others) for batch in _build_batches(events, now, lease)]
        EventBatch.objects.bulk_create(batches)
    return batches


def claim_suspect(now: datetime) -> list[EventBatch]:
    """Claim one event whose worker has died: it is applied alone. Empty if there is none."""
    suspects = WebhookEvent.objects.due(now).filter(unfinished_attempts__gt=0)
    with transaction.atomic():
        taken = _lock_claims()
        found = suspects.exclude(pk__in=taken).values_list("pk", "event", "unfinished_attempts").first()
        if found is None:
            return []
        key, event, deaths = found
        lease = now + _FIRST_LEASE * 2 ** min(deaths, 10)
        return [EventBatch.objects.create(event=event, event_keys=[key], claimed_at=now, leased_until=lease)]


def release_dead_batches(now: datetime) -> None:
    """Make suspects of the events whose worker has died: each of them may have killed it."""
    with transaction.atomic():
        # A worker that is only slow has locked its batch.
        for batch in EventBatch.objects.filter(leased_until__lte=now).select_for_update(skip_locked=True):
            due = WebhookEvent.objects.filter(pk__in=batch.event_keys, due_at__isnull=False)
            due.update(
                attempts=F("attempts") + 1,
                unfinished_attempts=F("unfinished_attempts") + 1,
            )
            batch.delete()


def lock_batch(
    batch: EventBatch, keys: Collection[int], *, following: Sequence[EventBatch] = ()
) -> list[EventRow]:
    """Lock a batch and events of it until the transaction ends. Returns those events that are still due.

    `following`: the batches that we apply next, which stay ours meanwhile (see `lock_batch_alone`).

    One that another transaction has locked, such as a replay's, is left out. So are all of them if we were
    so slow that another worker took us for dead.
    """
    return lock_due_events(keys) if lock_batch_alone(batch, following=following) else []


def lock_batch_alone(batch: EventBatch, *, following: Sequence[EventBatch] = ()) -> bool:
    """Lock a batch without its events. False if another worker took us for dead: then leave them to it.

    Those that follow are locked, too: their leases may end while this one is applied.
    """
    ours = EventBatch.objects.filter(pk__in=[one.pk for one in (batch, *following)])
    return batch.pk in set(ours.select_for_update().order_by("pk").values_list("pk", flat=True))


def renew_leases(batches: Sequence[EventBatch]) -> None:
    """Renew the leases of batches that we apply next, in the commit that ends our locks on them."""
    if batches:
        ours = EventBatch.objects.filter(pk__in=[batch.pk for batch in batches])
        ours.update(leased_until=timezone.now() + _FIRST_LEASE)


def finish_events(batch: EventBatch, keys: Collection[int]) -> list[int]:
    """Take events out of a locked batch, in the commit of their outcome; without others it is deleted.

    Returns the keys of the others. If the commit fails, the batch still has all of them.
    """
    finished = set(keys)
    remaining = [key for key in batch.event_keys if key not in finished]
    stored = EventBatch.objects.filter(pk=batch.pk)
    if remaining:
        stored.update(event_keys=remaining)
    else:
        stored.delete()
    return remaining


def find_oldest_due_at(now: datetime) -> datetime | None:
    """When the event became due that has waited longest. Looks at the first event of each queue."""
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST_DUE, {"now": now})
        oldest: datetime | None = cursor.fetchone()[0]
    return oldest


def _build_batches(events: Sequence[_Claimed], now: datetime, leased_until: datetime) -> list[EventBatch]:
    """A batch for each name: it is one transaction, which then holds few locks, in one order."""
    ordered = sorted(events, key=lambda one: (one.event, one.key))
    return [
        EventBatch(
            event=name, event_keys=[one.key for one in group], claimed_at=now, leased_until=leased_until
        )
        for name, group in groupby(ordered, key=lambda one: one.event)
    ]


def _lock_claims() -> list[int]:
    """Wait until no other worker is claiming. Returns the primary keys of all claimed events."""
    with connection.cursor() as cursor:
        # A lock of the transaction and not of the session, which a pooler would give to others.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CLAIM_LOCK])
    return [key for keys in EventBatch.objects.values_list("event_keys", flat=True) for key in keys]


def _take_shares(
    is_urgent: bool, size: int, taken: list[int], now: datetime, rotation: Rotation
) -> list[_Claimed]:
    """Up to `size` events, of each queue about as many. `taken` gets their keys, too."""
    if size < 1:
        return []
    after = rotation.after[is_urgent]
    queues = _find_queues(is_urgent, min(size, _MAX_QUEUES), after, taken, now)
    if not queues and after is not None:
        queues = _find_queues(is_urgent, min(size, _MAX_QUEUES), None, taken, now)
    rotation.after[is_urgent] = queues[-1] if len(queues) == min(size, _MAX_QUEUES) else None
    claimed: list[_Claimed] = []
    # What small queues leave of their shares goes to the larger ones, in a second round.
    for _ in range(2):
        if not queues or len(claimed) == size:
            break
        share = max((size - len(claimed)) // len(queues), 1)
        found = _take_from(queues, is_urgent, share, taken, now)[: size - len(claimed)]
        claimed += found
        taken += [one.key for one in found]
        sizes = Counter(one.queue for one in found)
        queues = [queue for queue in queues if sizes[queue] == share]
    return claimed


# What can be claimed: no suspect, and nothing that a worker has.
_IS_FREE = "due_at <= %(now)s AND unfinished_attempts = 0 AND id <> ALL(%(taken)s::bigint[])"
# The planner has no loose index scan: each step of the recursion looks up the next queue in the index. A
# queue of which other workers have every event does not count: a worker with only such ones would wait.
_NEXT_QUEUE = f"""
SELECT queue FROM webhooks_webhookevent
WHERE is_urgent = %(is_urgent)s AND {_IS_FREE} AND {{after}} ORDER BY is_urgent, queue LIMIT 1
"""  # noqa: S608 - constants
_QUEUES = f"""
WITH RECURSIVE queues AS (
    ({_NEXT_QUEUE.format(after="(%(after)s::text IS NULL OR queue > %(after)s)")})
    UNION ALL
    SELECT next.queue FROM queues, LATERAL ({_NEXT_QUEUE.format(after="queue > queues.queue")}) AS next
)
SELECT queue FROM queues LIMIT %(size)s
"""  # noqa: S608 - constants
_SHARES = f"""
SELECT event.id, event.event, event.queue
FROM unnest(%(queues)s::text[]) AS chosen (queue), LATERAL (
    SELECT id, event, queue FROM webhooks_webhookevent
    WHERE is_urgent = %(is_urgent)s AND queue = chosen.queue AND {_IS_FREE}
    ORDER BY due_at, id LIMIT %(share)s
) AS event
"""  # noqa: S608 - constants
_WORK = """
SELECT EXISTS (SELECT FROM webhooks_webhookevent WHERE is_urgent AND due_at <= %(now)s),
    EXISTS (SELECT FROM webhooks_webhookevent WHERE NOT is_urgent AND due_at <= %(now)s),
    EXISTS (SELECT FROM webhooks_webhookevent
        WHERE due_at IS NOT NULL AND due_at <= %(now)s AND unfinished_attempts > 0),
    EXISTS (SELECT FROM webhooks_eventbatch WHERE leased_until <= %(now)s),
    EXISTS (SELECT FROM webhooks_webhookevent WHERE awaited_organization_id <> '')
"""
_OLDEST_DUE = """
WITH RECURSIVE queues AS (
    (SELECT is_urgent, queue, due_at FROM webhooks_webhookevent WHERE due_at <= %(now)s
     ORDER BY is_urgent, queue, due_at LIMIT 1)
    UNION ALL
    SELECT next.* FROM queues, LATERAL (
        SELECT is_urgent, queue, due_at FROM webhooks_webhookevent
        WHERE due_at <= %(now)s AND (is_urgent, queue) > (queues.is_urgent, queues.queue)
        ORDER BY is_urgent, queue, due_at LIMIT 1
    ) AS next
)
SELECT min(due_at) FROM queues
"""


def _find_queues(
    is_urgent: bool, size: int, after: str | None, taken: Sequence[int], now: datetime
) -> list[str]:
    values = {"is_urgent": is_urgent, "size": size, "after": after, "taken": build_numbers(taken), "now": now}
    return [str(queue) for (queue,) in _fetch(_QUEUES, values)]


def _take_from(
    queues: Sequence[str], is_urgent: bool, share: int, taken: Sequence[int], now: datetime
) -> list[_Claimed]:
    values = {
        "queues": build_array(queues),
        "is_urgent": is_urgent,
        "share": share,
        "taken": build_numbers(taken),
        "now": now,
    }
    return [_Claimed(*row) for row in _fetch(_SHARES, values)]


def _fetch(sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
