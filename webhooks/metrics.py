"""What the page of metrics says of webhooks, from the database: exact over all processes and hosts.

Each query reads an index, and no more rows than a bound. What only receivers know is in `receive/metrics.py`.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.backends.utils import CursorWrapper
from prometheus_client.core import GaugeMetricFamily, Metric

from webhooks.claims import find_oldest_due_at

# Counting stops there: nobody needs the difference, and a flood must not slow the page.
MAX_COUNT = 10_000
_WINDOW = timedelta(minutes=10)
_MAX_DELIVERIES = 20_000
_LATENCY_SAMPLE_SIZE = 500

# Read with webhook_event_queue, webhook_event_awaits and webhook_event_status.
_EVENTS = f"""
SELECT
    (SELECT count(*) FROM (
        SELECT FROM webhooks_webhookevent WHERE due_at <= %(now)s AND due_at IS NOT NULL LIMIT {MAX_COUNT}
    ) bounded),
    (SELECT count(*) FROM (
        SELECT FROM webhooks_webhookevent WHERE awaited_organization_id <> '' LIMIT {MAX_COUNT}
    ) bounded),
    (SELECT max(received_at) FROM (
        SELECT received_at FROM webhooks_webhookevent ORDER BY id DESC LIMIT 1
    ) newest),
    (SELECT count(*) FROM (
        SELECT FROM webhooks_webhookevent WHERE received_at > %(since)s LIMIT {_MAX_DELIVERIES}
    ) bounded)
"""  # noqa: S608 - constants
_FAILED = f"""
SELECT CASE WHEN reason LIKE 'Quarantined:%%' THEN 'quarantined' WHEN due_at IS NULL THEN 'failed'
    ELSE 'retried' END, count(*)
FROM (
    SELECT reason, due_at FROM webhooks_webhookevent WHERE status = 'failed'
    ORDER BY id DESC LIMIT {MAX_COUNT}
) newest GROUP BY 1
"""  # noqa: S608 - constants
_REFUSED = """
SELECT reason, sum(count) FILTER (WHERE minute > %(since)s) FROM webhooks_refusalcount GROUP BY reason
"""
# The newest events that were applied: what was replayed was received long ago.
_LATENCY = f"""
SELECT percentile_cont(ARRAY[0.5, 0.95, 1]) WITHIN GROUP (
    ORDER BY extract(epoch FROM applied_at - received_at)
) FROM (
    SELECT applied_at, received_at FROM webhooks_webhookevent ORDER BY id DESC LIMIT {_LATENCY_SAMPLE_SIZE}
) newest WHERE applied_at IS NOT NULL
"""  # noqa: S608 - constants


def collect(cursor: CursorWrapper, now: datetime) -> Iterator[Metric]:
    """The figures of the inbox and of refusals."""
    parameters = {"now": now, "since": now - _WINDOW}
    cursor.execute(_EVENTS, parameters)
    due, held, newest, accepted = cursor.fetchone()
    cursor.execute(_FAILED, parameters)
    states = {
        "due": due,
        "held": held,
        "retried": 0,
        "failed": 0,
        "quarantined": 0,
        **dict(cursor.fetchall()),
    }
    events = GaugeMetricFamily(
        "portal_host_events",
        f"Events that are not applied, by state. Counting stops at {MAX_COUNT}.",
        labels=["state"],
    )
    for state, count in states.items():
        events.add_metric([state], count)
    yield events
    oldest = find_oldest_due_at(now)
    yield GaugeMetricFamily(
        "portal_host_oldest_due_event_seconds",
        "For how long the oldest event that waits for a worker has been due. 0 if none waits.",
        value=max(0.0, (now - oldest).total_seconds()) if oldest else 0,
    )
    if newest:
        yield GaugeMetricFamily(
            "portal_host_newest_event_timestamp_seconds",
            "When the newest event was received.",
            value=newest.timestamp(),
        )
    yield GaugeMetricFamily(
        "portal_host_accepted_recently",
        f"Events received in the last ten minutes. Counting stops at {_MAX_DELIVERIES}.",
        value=accepted,
    )
    cursor.execute(_REFUSED, parameters)
    refused = GaugeMetricFamily(
        "portal_host_refused_recently",
        "Deliveries refused in the last ten minutes, by reason.",
        labels=["reason"],
    )
    for reason, count in cursor.fetchall():
        refused.add_metric([reason], float(count or 0))
    yield refused
    cursor.execute(_LATENCY, parameters)
    (quantiles,) = cursor.fetchone()
    if quantiles:
        latency = GaugeMetricFamily(
            "portal_host_apply_latency_seconds",
            f"From the arrival of an event to its application, of the newest {_LATENCY_SAMPLE_SIZE} events.",
            labels=["quantile"],
        )
        for quantile, seconds in zip(("0.5", "0.95", "1"), quantiles, strict=True):
            latency.add_metric([quantile], float(seconds))
        yield latency
