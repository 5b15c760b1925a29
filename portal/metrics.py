"""What the page of metrics says of launches, from the database: exact over all processes and hosts."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.backends.utils import CursorWrapper
from prometheus_client.core import GaugeMetricFamily, Metric

from portal.models import PortalSessionOutcome

_WINDOW = timedelta(minutes=10)
# Of the newest portal sessions, which the primary key finds.
_MAX_COUNT = 5_000


def collect(cursor: CursorWrapper, now: datetime) -> Iterator[Metric]:
    """Launches by outcome."""
    cursor.execute(
        "SELECT outcome, count(*) FROM (SELECT outcome, launched_at FROM portal_portalsession"
        " ORDER BY id DESC LIMIT %s) newest WHERE launched_at > %s GROUP BY outcome",
        [_MAX_COUNT, now - _WINDOW],
    )
    launches = GaugeMetricFamily(
        "portal_host_launches_recently",
        f"Launches of the last ten minutes, by outcome. Counting stops at {_MAX_COUNT}.",
        labels=["outcome"],
    )
    for outcome, count in {
        **dict.fromkeys(PortalSessionOutcome.values, 0),
        **dict(cursor.fetchall()),
    }.items():
        launches.add_metric([outcome], count)
    yield launches
