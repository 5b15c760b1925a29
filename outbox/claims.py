"""Claim due tasks for a worker, and settle what became of them: many in one statement each.

A claimed task is left to one worker until its lease ends. Tasks of one kind and subject never run at once:
they are claimed together, and while they are claimed, others of them are not.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from outbox.models import Task
from outbox.queue import NO_SUBJECT

# Longer than a task may take (see outbox.task_threads). When a worker is killed, its tasks are claimed again
# after this.
LEASE = timedelta(minutes=5)

# Two statements in one message, so that the second one sees what the worker before has claimed, and no worker
# keeps the lock while it is stopped or waits for the network. Kinds are found by jumping from one to the next
# in the index: one that has no handler is claimed, too.
_CLAIM = """
SELECT pg_advisory_xact_lock(hashtext('outbox.claims.claim'));
WITH RECURSIVE kinds AS (
    (SELECT kind FROM outbox_task ORDER BY kind LIMIT 1)
    UNION ALL
    SELECT (SELECT kind FROM outbox_task WHERE kind > kinds.kind ORDER BY kind LIMIT 1)
    FROM kinds WHERE kinds.kind IS NOT NULL
), due AS MATERIALIZED (
    SELECT due.* FROM kinds CROSS JOIN LATERAL (
        SELECT id, due_at FROM outbox_task AS task
        WHERE kind = kinds.kind AND due_at <= %(now)s AND (claimed_until IS NULL OR claimed_until <= %(now)s)
        AND (subject = %(no_subject)s OR NOT EXISTS (
            SELECT FROM outbox_task AS running
            WHERE running.kind = task.kind AND running.subject = task.subject AND claimed_until > %(now)s
        ))
        ORDER BY due_at, id LIMIT COALESCE((%(limits)s::jsonb ->> kinds.kind)::int, %(limit)s)
        FOR UPDATE SKIP LOCKED
    ) AS due
), chosen AS (SELECT id FROM due ORDER BY due_at, id LIMIT %(total)s)
UPDATE outbox_task AS task SET attempts = attempts + 1, claimed_until = %(lease)s
FROM chosen WHERE task.id = chosen.id
RETURNING task.id, kind, subject, key, arguments, requests, attempts, error, due_at, claimed_until,
    enqueued_at
"""

# A row that another transaction has locked is left for later: waiting for it could be a deadlock.
_SETTLE = """
WITH ended AS (
    SELECT * FROM unnest(
        %s::bigint[], %s::int[], %s::timestamptz[], %s::text[], %s::text[], %s::timestamptz[]
    ) AS ended (id, requests, claimed_until, outcome, error, due_at)
), locked AS MATERIALIZED (
    SELECT task.id, ended.outcome, ended.error, ended.due_at,
        task.requests = ended.requests AS is_current, task.claimed_until = ended.claimed_until AS is_claimed
    FROM outbox_task AS task JOIN ended ON task.id = ended.id FOR UPDATE OF task SKIP LOCKED
), deleted AS (
    DELETE FROM outbox_task AS task USING locked
    WHERE task.id = locked.id AND outcome = 'completed' AND is_current
), updated AS (
    UPDATE outbox_task AS task SET claimed_until = NULL,
        error = CASE WHEN outcome = 'failed' THEN locked.error ELSE task.error END,
        due_at = CASE WHEN outcome = 'failed' AND is_current THEN locked.due_at ELSE task.due_at END,
        attempts = CASE WHEN outcome = 'not begun' THEN GREATEST(task.attempts - 1, 0) ELSE task.attempts END
    FROM locked
    WHERE task.id = locked.id AND is_claimed AND NOT (outcome = 'completed' AND is_current)
)
SELECT task.id FROM outbox_task AS task JOIN ended ON task.id = ended.id
WHERE task.id NOT IN (SELECT id FROM locked)
"""


@dataclass(frozen=True)
class Ended:
    """A claimed task that is no longer run.

    `outcome`: `completed`: it is deleted, unless it was enqueued again meanwhile: then it runs again.
    `failed`: it gets `error`, and is due again at `due_at`; one that was enqueued again keeps its own time.
    `not begun`: as if it had not been claimed.
    """

    task: Task
    outcome: str
    error: str = ""
    due_at: datetime | None = None


def claim(
    now: datetime, *, limits: Mapping[str, int] | None = None, limit: int = 1, total: int | None = None
) -> list[Task]:
    """Claim due tasks, the earliest first: at most `limits[kind]` of a kind, or `limit`, and `total`."""
    parameters: dict[str, Any] = {
        "now": now,
        "lease": now + LEASE,
        "no_subject": NO_SUBJECT,
        "limits": json.dumps(dict(limits or {})),
        "limit": limit,
        "total": total,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, parameters)
        cursor.nextset()
        names = [column.name for column in cursor.description or ()]
        tasks = [Task.from_db(connection.alias, names, row) for row in cursor.fetchall()]
    for task in tasks:
        # Without the model's query it arrives as text.
        task.arguments = json.loads(str(task.arguments))
    return sorted(tasks, key=lambda task: (task.due_at, task.pk))


def settle(ended: Sequence[Ended]) -> list[Ended]:
    """Save what became of the tasks. Returns those that another transaction has locked: settle them later."""
    if not ended:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            _SETTLE,
            [
                [one.task.pk for one in ended],
                [one.task.requests for one in ended],
                [one.task.claimed_until for one in ended],
                [one.outcome for one in ended],
                [one.error for one in ended],
                [one.due_at for one in ended],
            ],
        )
        locked = {row[0] for row in cursor.fetchall()}
    return [one for one in ended if one.task.pk in locked]
