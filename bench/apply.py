"""How fast recorded events are applied, by one worker process and by two.

    python -m bench apply                             # three rounds of 20,000 events of each case
    python -m bench apply --rounds 1 --only "person *" # some cases
    python -m bench apply --before ../old             # the workers of another checkout of this project

For each case it records events, as the receiver does, and lets worker
processes that have already started call `apply_waiting` until nothing is due. Prints events per second, and
for each event the microseconds of CPU in Python and in PostgreSQL; medians of the rounds. The first round is
a warm-up and not counted. An event that ends otherwise than the case says is an error. Other work on the
machine affects the rates much, the CPU figures less.
"""

import argparse
import contextlib
import fnmatch
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from bench.apply_cases import CASES, ORGANIZATIONS, START, Case, at, build_person, organization_id
from bench.commands import main
from bench.database import Database, run_database
from bench.processes import USE_OUR_BENCH
from bench.report import ROOT, Report, Table, format_range

SMOKE = ("--events", "200", "--rounds", "1", "--processes", "2")

RECORDED_AT_ONCE = 2000


def record_events(case: Case, run: int, count: int) -> None:
    """Record the events of a case as the receiver would."""
    from django.db import connection

    from webhooks.receive.accept import Delivery
    from webhooks.receive.record import build_insert

    happened_at = START + timedelta(minutes=case.minute)
    received_at = datetime.now(UTC)
    with connection.cursor() as cursor:
        for start in range(0, count, RECORDED_AT_ONCE):
            deliveries = []
            for number in range(start, min(count, start + RECORDED_AT_ONCE)):
                event_id = f"event_{run:013d}{number:013d}"
                event = {
                    "id": event_id,
                    "event": case.event,
                    "data": case.build(number, case.minute),
                    "created_at": at(case.minute),
                }
                text = json.dumps(event)
                delivery = Delivery(event_id, case.event, text, received_at, happened_at, "current")
                deliveries.append((delivery, received_at))
            statement = build_insert(deliveries)
            cursor.execute(statement.sql, statement.parameters)
        cursor.execute("ANALYZE webhooks_webhookevent")
        cursor.execute("CHECKPOINT")


def empty_tables() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE mirror_connection, mirror_organizationdomain, mirror_directory, mirror_directoryuser,"
            " mirror_directorygroup, mirror_directorymembership, mirror_directorycount, outbox_task CASCADE"
        )


def store_people(count: int) -> None:
    from django.db import connection

    from mirror.models import Directory

    for number in range(ORGANIZATIONS):
        person = build_person(number, 0)
        Directory.objects.create(
            directory_id=person["directory_id"],
            organization_id=person["organization_id"],
            state="active",
            as_of=START,
            state_since=START,
        )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO mirror_directoryuser (directory_id, is_announced, as_of, as_of_event,"
            " as_of_is_estimated, observed_at, state_since, created_at, user_id, idp_id, state, name, email,"
            " name_key, last_name_key, email_key)"
            " SELECT directory.id, true, now, 'event_0', false, now, now, now,"
            " 'directory_user_01BENCH' || lpad(n::text, 19, '0'), '00u' || lpad(n::text, 12, '0'), 'active',"
            " 'Marcelina Davis ' || n, 'marcelina.davis.' || n || '@acme.example', 'marcelina davis ' || n,"
            " 'davis ' || n, 'marcelina.davis.' || n || '@acme.example'"
            " FROM generate_series(0, %s) AS n JOIN mirror_directory directory"
            " ON directory.directory_id = 'directory_01BENCH' || lpad((n %% %s)::text, 19, '0'),"
            " (SELECT %s::timestamptz AS now) AS start",
            [count - 1, ORGANIZATIONS, START],
        )
        cursor.execute("ANALYZE mirror_directoryuser")


def empty_events() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE webhooks_webhookevent CASCADE")


def create_enterprises() -> None:
    from enterprises.models import Enterprise
    from mirror.models import Organization

    for number in range(ORGANIZATIONS):
        organization = Organization.objects.create(
            organization_id=organization_id(number), name=f"Acme {number}", as_of=START
        )
        Enterprise.objects.create(name=f"Acme {number}", slug=f"acme-{number}", organization=organization)


def work() -> None:
    """A worker process: for each line that it reads, applies what is due, and prints what that took."""
    import django

    django.setup()
    from django.db import connection
    from django.utils import timezone

    from webhooks.inbox import apply_waiting

    connection.ensure_connection()
    profile = os.environ.get("BENCH_PROFILE")
    print("ready", flush=True)
    for _ in sys.stdin:
        began, cpu = time.time(), time.process_time()
        ended = began
        if profile:
            import cProfile

            profiler = cProfile.Profile()
            profiler.enable()
        while apply_waiting(now=timezone.now()):
            ended = time.time()
        if profile:
            profiler.disable()
            profiler.dump_stats(profile)
        print(
            json.dumps({"began": began, "ended": ended, "cpu": time.process_time() - cpu}),
            flush=True,
        )


@contextlib.contextmanager
def run_workers(folder: Path, environment: dict[str, str]) -> Iterator[list[subprocess.Popen[str]]]:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", f"{USE_OUR_BENCH}from bench.apply import work; work()"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        for worker in workers:
            _read_line(worker)
        yield workers
    finally:
        for worker in workers:
            worker.terminate()
            worker.wait()


def _read_line(worker: subprocess.Popen[str]) -> str:
    line = worker.stdout.readline() if worker.stdout else ""
    if not line:
        raise SystemExit("a worker died")
    return line


def _write_line(worker: subprocess.Popen[str]) -> None:
    if worker.stdin:
        worker.stdin.write("apply\n")
        worker.stdin.flush()


def measure(case: Case, run: int, count: int, workers: Sequence[subprocess.Popen[str]]) -> dict[str, float]:
    empty_events()
    if case.fresh:
        empty_tables()
    if case.is_known:
        store_people(count)
    record_events(case, run, count)
    postgres = _find_postgres()
    before = _count_cpu(postgres)
    for worker in workers:
        _write_line(worker)
    reports = [json.loads(_read_line(worker)) for worker in workers]
    postgres_cpu = _count_cpu(postgres) - before
    _require_outcomes(case, count)
    seconds = max(one["ended"] for one in reports) - min(one["began"] for one in reports)
    return {
        "rate": count / seconds,
        "seconds": seconds,
        "python_us": sum(one["cpu"] for one in reports) / count * 1e6,
        "postgres_us": postgres_cpu / count * 1e6,
    }


def _require_outcomes(case: Case, count: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT status, count(*) FROM webhooks_webhookevent GROUP BY status")
        found = dict(cursor.fetchall())
    if not case.distinct:
        found = {case.outcome: found.get("applied", 0) + found.get("stale", 0)}
    if found != {case.outcome: count}:
        raise SystemExit(f"{case.name}: the events ended {found}")


def _find_postgres() -> psutil.Process:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        parent = psutil.Process(cursor.fetchone()[0]).parent()
    if parent is None:
        raise SystemExit("PostgreSQL has ended")
    return parent


def _count_cpu(server: psutil.Process) -> float:
    """Of the server's processes, also of those that have ended."""
    total = 0.0
    for process in [server, *server.children()]:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:2])
    return total + sum(server.cpu_times()[2:4])


def run_rounds(
    options: argparse.Namespace, database: Database
) -> dict[tuple[str, int], list[dict[str, float]]]:
    create_enterprises()
    results: dict[tuple[str, int], list[dict[str, float]]] = defaultdict(list)
    cases = [one for one in CASES if any(fnmatch.fnmatch(one.name, only) for only in options.only)]
    run = 0
    with run_workers(options.before or ROOT, database.build_environment()) as workers:
        for number in range(options.rounds + 1):
            for processes in options.processes:
                for case in cases:
                    run += 1
                    count = (options.events if number else options.events // 10) * case.events
                    measured = measure(case, run, count, workers[:processes])
                    if number:
                        results[case.name, processes].append(measured)
    return results


def build_table(results: dict[tuple[str, int], list[dict[str, float]]]) -> Table:
    table = Table(
        "Applying",
        ["", "processes", "events per second", "seconds", "Python's CPU µs", "PostgreSQL's CPU µs"],
        note="Medians of the rounds, and the range of the rates. µs are for one event.",
    )
    for (name, processes), rounds in results.items():
        seconds, python, postgres = (
            statistics.median(one[key] for one in rounds) for key in ("seconds", "python_us", "postgres_us")
        )
        rates = format_range([one["rate"] for one in rounds])
        table.rows.append([name, processes, rates, seconds, python, postgres])
    return table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=20_000, help="of each case (default: 20,000)")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2], choices=[1, 2])
    parser.add_argument("--only", nargs="*", default=["*"], metavar="PATTERN", help="names of cases")
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="another checkout to measure")


def run(options: argparse.Namespace) -> Report:
    with run_database() as database:
        results = run_rounds(options, database)
    figures = [{"name": name, "processes": n, "rounds": one} for (name, n), one in results.items()]
    return Report([build_table(results)], figures=figures)


if __name__ == "__main__":
    main("apply")
