"""What gets slower when 10,000 events and people become a million, and what pruning does to deliveries.

    python -m bench growth
    python -m bench growth --many 100000 --rounds 1

Two databases on one PostgreSQL, filled by `bench.growth_data`. In each round the same is measured on both,
one after the other: receiving (32 senders, the receiver alone), the same deliveries again, applying what has
arrived, and pages. Ratios are of the same round: above 1 the large database is slower. In the end 1,000
events a second are delivered to the large one, first alone and then while `prune_events` deletes half of its
events.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.commands import main
from bench.database import Database, run_database, use_database
from bench.growth_data import SLUG, delete_new_rows, fill, measure_sizes
from bench.load import Measured, build_requests, read_requests, send_with_python, write_requests
from bench.processes import run_server
from bench.receivers import ALONE, describe_failures, measure_receiver
from bench.report import ROOT, Report, Table, format_range, report_progress

SMOKE = (
    *("--few", "200", "--many", "2000", "--rounds", "1", "--repetitions", "1"),
    *("--seconds", "0.5", "--pruning-seconds", "0.5"),
)

_SENDERS = 32
_EVENT = "dsync.user.created"
_PREPARED_PER_SECOND = 16_000
_PRUNE_RATE = 1000
# Applied in a round at most, so that it ends.
_MOST_APPLIED = 10_000
_EVENTS = "/admin/webhooks/webhookevent/"
PAGES = {
    "page: overview": f"/enterprises/{SLUG}/",
    "page: people": f"/enterprises/{SLUG}/directory/",
    "page: people, search": f"/enterprises/{SLUG}/directory/?search=okafor12",
    "page: activity": f"/enterprises/{SLUG}/history/",
    "staff: webhooks": "/staff/webhooks/",
    "staff: webhooks, one event name": "/staff/webhooks/?kind=connection.activated",
    "admin: events": _EVENTS,
    "admin: events, failed": f"{_EVENTS}?status__exact=failed",
    "admin: events, one event name": f"{_EVENTS}?event=connection.activated",
    "admin: events, search by id": f"{_EVENTS}?q=event_old_100",
}
# By what was measured, and by number of rows: milliseconds of each round.
Times = dict[str, dict[int, list[float]]]


@dataclass(frozen=True)
class Pruning:
    before: Measured
    during: Measured
    deleted: int
    seconds: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--few", type=int, default=10_000, help="events and people (default: 10,000)")
    parser.add_argument("--many", type=int, default=1_000_000, help="(default: 1,000,000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement (default: 3)")
    parser.add_argument("--pruning-seconds", type=float, default=10, help="of deliveries (default: 10)")
    parser.add_argument("--repetitions", type=int, default=15, help="of each page (default: 15)")


def run(options: argparse.Namespace) -> Report:
    times: Times = defaultdict(lambda: defaultdict(list))
    problems: list[str] = []
    with run_database() as database, tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        requests = Path(temporary) / "requests"
        databases = {}
        for count in (options.few, options.many):
            report_progress(f"growth: {count:,} events and people are created")
            databases[count] = database.copy(f"{database.name}_{count}")
            fill(databases[count], events=count, people=count)
        sizes = measure_sizes(databases[options.many])
        try:
            for number in range(options.rounds):
                for count, one in databases.items():
                    report_progress(f"growth: round {number + 1} of {options.rounds}, {count:,} rows")
                    problems += _measure_deliveries(
                        options, one, times, count, requests=requests, number=number
                    )
                    _measure_pages(one, times, count, options.repetitions)
            pruning = _measure_pruning(databases[options.many], options.pruning_seconds)
        finally:
            # Django must not be connected to what is dropped.
            use_database(database)
            for one in databases.values():
                one.drop()
    problems += describe_failures("before pruning", pruning.before)
    problems += describe_failures("while pruning", pruning.during)
    if pruning.deleted < options.many // 3:
        problems.append(f"only {pruning.deleted} events were pruned")
    return Report(
        tables=[
            _build_table(times, options.few, options.many),
            _build_pruning_table(pruning),
            _build_size_table(sizes, options.many),
        ],
        figures={
            "milliseconds": times,
            "bytes": sizes,
            "pruning": {
                "before": vars(pruning.before),
                "during": vars(pruning.during),
                "deleted": pruning.deleted,
                "seconds": pruning.seconds,
            },
        },
        problems=problems,
    )


def _measure_deliveries(
    options: argparse.Namespace,
    database: Database,
    times: Times,
    count: int,
    *,
    requests: Path,
    number: int,
) -> list[str]:
    prepared = int(_PREPARED_PER_SECOND * options.seconds)
    problems = []
    with (
        database.connect() as connection,
        run_server(ALONE.arguments, database.build_environment()) as server,
    ):
        delete_new_rows(connection)
        # The first requests load modules and open connections.
        warming_up = list(build_requests(2 * number, _EVENT, range(_SENDERS * 20)))
        send_with_python(server.port, warming_up, senders=_SENDERS, seconds=0.3)
        delete_new_rows(connection)
        write_requests(requests, 2 * number + 1, prepared, _EVENT)
        received = measure_receiver(
            server,
            connection,
            requests,
            # Those that were there before do not count.
            table="(SELECT FROM webhooks_webhookevent WHERE event_id NOT LIKE 'event_old_%') AS new",
            prepared=prepared,
            senders=_SENDERS,
            seconds=options.seconds,
        )
        problems += describe_failures(f"receiving beside {count:,}", received)
        times["receiving, per event"][count].append(1000 / max(1, received.rate))
        (stored,) = connection.execute(
            "SELECT count(*) FROM webhooks_webhookevent WHERE event_id NOT LIKE 'event_old_%'"
        ).fetchone() or (0,)
        # In the order of before, and no more than were stored.
        again = read_requests(requests)[: max(1, stored - _SENDERS)]
        repeated = send_with_python(server.port, again, senders=_SENDERS, seconds=options.seconds)
        problems += describe_failures(f"duplicates beside {count:,}", repeated)
        times["receiving duplicates, per event"][count].append(
            1000 * repeated.seconds / max(1, repeated.answered)
        )
    times["claiming and applying, per event"][count].append(_measure_applying(database, problems))
    return problems


def _measure_applying(database: Database, problems: list[str]) -> float:
    """Milliseconds for each event that waits, up to a number."""
    use_database(database)
    from django.utils import timezone

    from webhooks.inbox import apply_waiting

    applied = 0
    started = time.perf_counter()
    while applied < _MOST_APPLIED and (outcomes := apply_waiting(now=timezone.now())):
        applied += outcomes.total()
        if wrong := outcomes.total() - outcomes["applied"]:
            problems.append(f"{wrong} events were not applied: {dict(outcomes)}")
            break
    return 1000 * (time.perf_counter() - started) / max(1, applied)


def _measure_pages(database: Database, times: Times, count: int, repetitions: int) -> None:
    use_database(database)
    from django.test import Client

    from hostapp.models import User

    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get())
    for name, path in PAGES.items():
        found = []
        # The first one compiles templates and plans.
        for _ in range(1 + repetitions):
            started = time.perf_counter()
            response = client.get(path)
            found.append(time.perf_counter() - started)
            if response.status_code != 200:
                raise SystemExit(f"{path} answered {response.status_code}")
        times[name][count].append(1000 * median(found[1:]))


def _measure_pruning(database: Database, seconds: float) -> Pruning:
    report_progress("growth: pruning")
    environment = database.build_environment()
    with run_server(ALONE.arguments, environment) as server:

        def deliver(run: int) -> Measured:
            count = int(_PRUNE_RATE * seconds) + _SENDERS
            requests = list(build_requests(run, _EVENT, range(count)))
            return send_with_python(
                server.port, requests, senders=_SENDERS, seconds=seconds, rate=_PRUNE_RATE
            )

        deliver(1001)
        before = deliver(1002)
        started = time.monotonic()
        with subprocess.Popen(
            [sys.executable, "manage.py", "prune_events", "--days", "90", "--json"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
        ) as prune:
            during = deliver(1003)
            output, _ = prune.communicate(timeout=600)
    return Pruning(before, during, _read_deleted(output), time.monotonic() - started)


def _read_deleted(output: bytes) -> int:
    return int(json.loads(output)["events"])


def _build_table(times: Times, few: int, many: int) -> Table:
    table = Table(
        "Growth",
        ["milliseconds", f"{few:,} events and people", f"{many:,}", "ratio"],
        note="Medians of the rounds and their range. A ratio above 1 is how much slower the large one is.",
    )
    for name, by_count in times.items():
        small, large = by_count[few], by_count[many]
        table.rows.append([name, format_range(small), format_range(large), _find_ratio(small, large)])
    return table


def _find_ratio(small: Sequence[float], large: Sequence[float]) -> float:
    return median(b / a for a, b in zip(small, large, strict=True))


def _build_pruning_table(pruning: Pruning) -> Table:
    return Table(
        "Pruning",
        ["", "per second", "p50 ms", "p99 ms", "failed"],
        [
            [
                name,
                one.acknowledged / one.seconds,
                one.p50_ms,
                one.p99_ms,
                one.not_200 + one.broken,
            ]
            for name, one in (("before", pruning.before), ("while pruning", pruning.during))
        ],
        note=f"{_PRUNE_RATE:,} events a second are delivered. `prune_events` deleted {pruning.deleted:,}"
        f" events in {pruning.seconds:.0f} s. A time counts from when the delivery was due.",
    )


def _build_size_table(sizes: dict[str, tuple[int, int]], count: int) -> Table:
    return Table(
        "Size",
        [f"bytes for each, of {count:,}", "row", "indexes", "GB for 100 million"],
        [
            [name, rows // count, indexes // count, (rows + indexes) / count / 10]
            for name, (rows, indexes) in sizes.items()
        ],
        note="Payloads have about 1,300 bytes.",
    )


if __name__ == "__main__":
    main("growth")
