"""What the page of metrics says of workers and tasks, from the database: exact over all processes."""

from collections.abc import Iterator
from datetime import datetime

from django.db.backends.utils import CursorWrapper
from prometheus_client.core import GaugeMetricFamily, Metric

from outbox.models import ALIVE_WITHIN

# Counting stops there, for each kind.
MAX_COUNT = 2_000

_WORKERS = """
SELECT count(*) FILTER (WHERE last_seen_at > %(alive_since)s),
    min(started_at) FILTER (WHERE last_seen_at > %(alive_since)s), max(last_seen_at)
FROM outbox_workerheartbeat
"""
# Read with outbox_task_due_by_kind and outbox_task_failing.
_TASKS = f"""
WITH RECURSIVE kinds AS (
    (SELECT kind FROM outbox_task ORDER BY kind LIMIT 1)
    UNION ALL
    SELECT (SELECT kind FROM outbox_task WHERE kind > kinds.kind ORDER BY kind LIMIT 1)
    FROM kinds WHERE kinds.kind IS NOT NULL
)
SELECT kind,
    (SELECT count(*) FROM (
        SELECT FROM outbox_task AS task WHERE task.kind = kinds.kind LIMIT {MAX_COUNT}
    ) bounded),
    (SELECT count(*) FROM (
        SELECT FROM outbox_task AS task WHERE task.kind = kinds.kind AND NOT error = '' LIMIT {MAX_COUNT}
    ) bounded),
    (SELECT min(due_at) FROM outbox_task AS task WHERE task.kind = kinds.kind)
FROM kinds WHERE kind IS NOT NULL
"""  # noqa: S608 - constants


def collect(cursor: CursorWrapper, now: datetime) -> Iterator[Metric]:
    """Workers, and tasks by kind."""
    cursor.execute(_WORKERS, {"alive_since": now - ALIVE_WITHIN})
    alive, oldest_start, last_seen = cursor.fetchone()
    yield GaugeMetricFamily("portal_host_workers", "Workers that are alive.", value=alive)
    if oldest_start:
        yield GaugeMetricFamily(
            "portal_host_oldest_worker_start_timestamp_seconds",
            "When the worker that has been alive for longest was started.",
            value=oldest_start.timestamp(),
        )
    if last_seen:
        yield GaugeMetricFamily(
            "portal_host_worker_heartbeat_timestamp_seconds",
            "When a worker was last seen alive.",
            value=last_seen.timestamp(),
        )
    depth = GaugeMetricFamily(
        "portal_host_tasks",
        f"Tasks in the outbox, by kind. Counting stops at {MAX_COUNT} of a kind.",
        labels=["kind"],
    )
    failing = GaugeMetricFamily(
        "portal_host_failing_tasks",
        f"Tasks whose last attempt failed, by kind. Counting stops at {MAX_COUNT} of a kind.",
        labels=["kind"],
    )
    oldest = GaugeMetricFamily(
        "portal_host_oldest_due_task_seconds",
        "For how long the oldest task of a kind has been due. 0 if none is.",
        labels=["kind"],
    )
    cursor.execute(_TASKS)
    for kind, count, failed, due_at in cursor.fetchall():
        depth.add_metric([kind], count)
        failing.add_metric([kind], failed)
        oldest.add_metric([kind], max(0.0, (now - due_at).total_seconds()))
    yield from (depth, failing, oldest)
