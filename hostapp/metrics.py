"""`/metrics` of the site, for Prometheus: figures from the database, and those that only processes know.

The database's are exact over all processes and hosts, so each host's page says the same: alerts take their
maximum. Those of processes are summed over the processes of a host that share METRICS_DIR.
See docs/decisions/0031-metrics.md.
"""

from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

import outbox.metrics
import portal.metrics
import webhooks.metrics
from hostapp.server.metrics import CONTENT_TYPE, METRICS_PATH, build_registry, find_refusal, render_metrics

# The page is slower than that only when the database is in trouble; then it says so.
_STATEMENT_SECONDS = 2
_COLLECTORS = (webhooks.metrics.collect, outbox.metrics.collect, portal.metrics.collect)


class DatabaseCollector(Collector):
    """The figures of the apps. If the database does not answer: only that it does not."""

    def collect(self) -> Iterator[Metric]:
        try:
            metrics = _read_all()
        except (DatabaseError, InterfaceError):
            if not connection.in_atomic_block:
                connection.close()
            metrics = []
        yield GaugeMetricFamily(
            "portal_host_database_up",
            "Whether the database answered these questions. If not, its figures are missing.",
            value=bool(metrics),
        )
        yield from metrics


def _read_all() -> list[Metric]:
    now = timezone.now()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{_STATEMENT_SECONDS}s'")
        return [metric for collect in _COLLECTORS for metric in collect(cursor, now)]


def answer_scrapes(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Answers any Host, over http and without a session, as Prometheus asks each process by its address."""

    def handle_request(request: HttpRequest) -> HttpResponseBase:
        if request.path_info != METRICS_PATH:
            return get_response(request)
        response = _answer(request)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Length"] = str(len(response.content))
        return response

    return handle_request


def _answer(request: HttpRequest) -> HttpResponse:
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    refusal = find_refusal(
        settings.METRICS,
        remote_addr=request.META.get("REMOTE_ADDR", ""),
        forwarded_for=request.headers.get("X-Forwarded-For", ""),
        authorization=request.headers.get("Authorization", ""),
    )
    if refusal:
        headers = {"WWW-Authenticate": "Bearer"} if refusal == 401 else {}
        return HttpResponse(status=refusal, headers=headers)
    registry = build_registry(settings.METRICS)
    registry.register(DatabaseCollector())
    return HttpResponse(render_metrics(registry), content_type=CONTENT_TYPE)
