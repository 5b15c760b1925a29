"""How fast pages are answered.

    python -m bench pages
    python -m bench pages --only members activity --repetitions 200

Fills a database (see `bench.pages_data`), and asks for each page through Django's test client: with every
middleware, query and template of production, without a network. Prints for each page, after a warm-up: the
shortest, the median (p50) and the ninth decile (p90) of its times, the processor time in Python, the number
of queries, the size, and how many templates are rendered. Other work on the machine makes all times longer,
the shortest least.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from unittest import mock

from bench.commands import main
from bench.database import run_database
from bench.report import Report, Table

SMOKE = ("--repetitions", "1", "--customers", "200", "--only", "overview", "members", "staff")
WARM_UP = 5
# A slow page is asked for less often.
MAX_SECONDS = 5.0


@dataclass(frozen=True)
class Page:
    """`viewer`: who asks for it."""

    name: str
    path: str
    viewer: str = "it_admin"


@dataclass(frozen=True)
class Measurement:
    name: str
    min_ms: float
    p50_ms: float
    p90_ms: float
    cpu_ms: float
    queries: int
    bytes: int
    templates: int


def list_pages() -> list[Page]:
    from audit.log import audit_entries_for
    from bench.pages_data import SLUG
    from enterprises.models import Enterprise
    from mirror.people_models import DirectoryUser

    person = DirectoryUser.objects.order_by("pk")[0]
    old_entry = audit_entries_for(Enterprise.objects.get(slug=SLUG)).order_by("at")[50]
    base = f"/enterprises/{SLUG}"
    events = "/admin/webhooks/webhookevent/"
    return [
        Page("overview", f"{base}/"),
        Page("overview status", f"{base}/status/"),
        Page("members", f"{base}/members/"),
        Page("members, last", f"{base}/members/?page=1000"),
        Page("activity", f"{base}/history/"),
        Page("activity, last", f"{base}/history/?before={old_entry.pk}"),
        Page("people", f"{base}/directory/"),
        Page("person", f"{base}/directory/people/{person.pk}/"),
        Page("setup links", f"{base}/setup-links/"),
        Page("home", "/"),
        Page("account", "/account/"),
        Page("sign-in", "/account/login/", viewer="visitor"),
        Page("staff: customers", "/staff/enterprises/", viewer="staff"),
        Page("staff: customers, search", "/staff/enterprises/?q=customer99", viewer="staff"),
        Page("staff: customers, attention", "/staff/enterprises/?show=attention", viewer="staff"),
        Page("staff: customer", f"/staff/enterprises/{SLUG}/", viewer="staff"),
        Page("staff: webhooks", "/staff/webhooks/", viewer="staff"),
        Page("admin: events", events, viewer="staff"),
        Page("admin: events, last", f"{events}?p={10_000 // 50}", viewer="staff"),
    ]


@contextmanager
def count_work() -> Iterator[dict[str, int]]:
    """Counts the queries and the templates that are rendered meanwhile, included ones and widgets, too."""
    from django.db import connection
    from django.template.base import Template

    counts = {"queries": 0, "templates": 0}
    render = Template._render  # type: ignore[attr-defined]

    def count_render(template: Any, context: Any) -> Any:
        counts["templates"] += 1
        return render(template, context)

    def count_query(execute: Any, sql: Any, parameters: Any, many: Any, context: Any) -> Any:
        counts["queries"] += 1
        return execute(sql, parameters, many, context)

    with mock.patch.object(Template, "_render", count_render), connection.execute_wrapper(count_query):
        yield counts


def measure(client: Any, page: Page, repetitions: int) -> Measurement:
    for _ in range(WARM_UP):
        response = client.get(page.path)
        if response.status_code not in (200, 302):
            raise SystemExit(f"{page.path} answered {response.status_code}")
    with count_work() as counts:
        response = client.get(page.path)
    times: list[float] = []
    cpu_began = time.process_time()
    while len(times) < 2 or (len(times) < repetitions and sum(times) < MAX_SECONDS):
        began = time.perf_counter()
        client.get(page.path)
        times.append(time.perf_counter() - began)
    cpu = time.process_time() - cpu_began
    deciles = statistics.quantiles(times, n=10)
    return Measurement(
        page.name,
        min(times) * 1000,
        statistics.median(times) * 1000,
        deciles[8] * 1000,
        cpu / len(times) * 1000,
        counts["queries"],
        len(response.content),
        counts["templates"],
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", nargs="+", help="only pages whose names begin with one of these")
    parser.add_argument("--customers", type=int, default=10_000, help="(default: 10,000)")
    parser.add_argument("--repetitions", type=int, default=100, help="requests of each page (default: 100)")


def run(options: argparse.Namespace) -> Report:
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        run_database(settings="bench.pages_settings", BENCH_STATIC_ROOT=f"{folder}/static"),
    ):
        measurements = _measure_pages(options)
    table = Table(
        "Pages",
        ["page", "min ms", "p50 ms", "p90 ms", "CPU ms", "queries", "bytes", "templates"],
        [list(asdict(one).values()) for one in measurements],
    )
    return Report([table], figures=[asdict(one) for one in measurements])


def _measure_pages(options: argparse.Namespace) -> list[Measurement]:
    from django.core.management import call_command
    from django.test import Client

    from bench.pages_data import create_data

    call_command("collectstatic", interactive=False, verbosity=0)
    it_admin, staff = create_data(options.customers)
    clients = {name: Client(SERVER_NAME="localhost") for name in ("it_admin", "staff", "visitor")}
    clients["it_admin"].force_login(it_admin)
    clients["staff"].force_login(staff)
    return [
        measure(clients[page.viewer], page, options.repetitions)
        for page in list_pages()
        if not options.only or any(page.name.startswith(name) for name in options.only)
    ]


if __name__ == "__main__":
    main("pages")
