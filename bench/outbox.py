"""How fast a worker runs outbox tasks, how soon, and whether a kind that hangs slows the others.

    python -m bench outbox                     # 5,000 tasks of each sort
    python -m bench outbox --tasks 1000 --workers 2
    python -m bench outbox --before ../old     # another checkout of this project, too

Starts an SMTP server on loopback and the workers. "Notices" are state
notifications, of which each enqueues one mail: both tasks are counted. Rows that are left, or mails that are
missing, are an error. Other work on the machine affects the rates: compare what was measured in one run.
"""

import argparse
import contextlib
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.commands import main
from bench.database import Database, run_database
from bench.processes import USE_OUR_BENCH
from bench.report import ROOT, Cell, Report, Table
from tests.smtp_server import SmtpServer, run_smtp_server

SMOKE = ("--tasks", "100", "--mails", "20", "--samples", "2")

_ENTERPRISES = 200
_LIMIT_SECONDS = 120
_WORKER = (
    f"{USE_OUR_BENCH}from django.core.management import execute_from_command_line as run;"
    " run(['manage.py', 'worker'])"
)
_DUMMY = "django.core.mail.backends.dummy.EmailBackend"
# Another checkout may not know this benchmark's settings and tasks.
_WORKER = (
    f"import bench; bench.__path__.append({str(ROOT / 'bench')!r});"
    " from django.core.management import execute_from_command_line as run; run(['manage.py', 'worker'])"
)
_SMTP = "django.core.mail.backends.smtp.EmailBackend"


@dataclass(frozen=True)
class Contender:
    name: str
    folder: Path
    workers: int


def prepare(database: Database) -> dict[str, str]:
    """Fill the database. Returns the workers' environment."""
    _create_enterprises()
    return database.build_environment(LOG_LEVEL="ERROR")


def _create_enterprises() -> None:
    """Each has one IT admin and one active connection."""
    from django.utils import timezone

    from enterprises.models import Enterprise, Membership
    from hostapp.models import User
    from mirror.models import Connection, Organization

    now = timezone.now()
    for number in range(_ENTERPRISES):
        organization = Organization.objects.create(
            organization_id=f"org_{number:05}", name=f"Company {number}", as_of=now
        )
        enterprise = Enterprise.objects.create(
            name=organization.name, slug=f"company-{number}", organization=organization
        )
        user = User.objects.create(email=f"ada@company-{number}.example", name="Ada Adeyemi")
        Membership.objects.create(user=user, enterprise=enterprise, role=Membership.Role.IT_ADMIN)
        Connection.objects.create(
            connection_id=f"conn_{number:05}",
            organization=organization,
            connection_type="OktaSAML",
            name="Okta",
            state="active",
            as_of=now,
            state_since=now,
            observed_at=now,
        )


@contextlib.contextmanager
def run_workers(contender: Contender, environment: dict[str, str]) -> Iterator[list[psutil.Process]]:
    """Workers with this project's settings and the code of the contender."""
    from outbox.models import Task, WorkerHeartbeat

    # What was enqueued with the enterprises, or left by a worker that was killed.
    Task.objects.all().delete()
    WorkerHeartbeat.objects.all().delete()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER],
            cwd=contender.folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(contender.workers)
    ]
    try:
        _wait(lambda: WorkerHeartbeat.objects.count() == contender.workers)
        # What a worker does at its start is no part of the figures.
        time.sleep(2)
        yield [psutil.Process(process.pid) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait(40)


def _wait(condition: Callable[[], object], *, pause: float = 0.02) -> None:
    deadline = time.monotonic() + _LIMIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"not done within {_LIMIT_SECONDS} s: {_describe_left()}")
        time.sleep(pause)


def _describe_left() -> dict[str, str]:
    """The tasks that are left, by kind, each with an error."""
    from outbox.models import Task

    return dict(Task.objects.values_list("kind", "error"))


def _count_cpu(workers: list[psutil.Process]) -> float:
    return sum(sum(worker.cpu_times()[:2]) for worker in workers)


def enqueue_no_ops(count: int) -> int:
    from bench.outbox_tasks import NO_OP
    from outbox.queue import NewTask, enqueue_all

    enqueue_all(NewTask(NO_OP, subject) for subject in _new_subjects(count))
    return count


def enqueue_notices(count: int) -> int:
    """As if connections had become active again and again. Returns twice `count`: each leads to one mail."""
    from datetime import timedelta

    from django.utils import timezone

    from enterprises.models import Enterprise
    from enterprises.tasks import TaskKind
    from outbox.queue import NewTask, enqueue_all

    now = timezone.now()
    enterprises = list(Enterprise.objects.order_by("pk"))
    enqueue_all(
        NewTask(
            TaskKind.NOTIFY_STATE,
            enterprises[number % _ENTERPRISES].external_id,
            key=str(number),
            arguments={
                "kind": "connection",
                "id": f"conn_{number % _ENTERPRISES:05}",
                "state": "active",
                "since": (now + timedelta(microseconds=number)).isoformat(),
            },
        )
        for number in range(count)
    )
    return 2 * count


def _new_subjects(count: int) -> list[uuid.UUID]:
    return [uuid.uuid4() for _ in range(count)]


def measure_rate(enqueue: Callable[[int], int], count: int, workers: list[psutil.Process]) -> dict[str, Any]:
    from bench.outbox_tasks import HANG
    from outbox.models import Task

    cpu = _count_cpu(workers)
    began = time.perf_counter()
    total = enqueue(count)
    enqueued = time.perf_counter() - began
    _wait(lambda: not Task.objects.exclude(kind=HANG).exists())
    seconds = time.perf_counter() - began
    return {
        "tasks": total,
        "enqueued_s": enqueued,
        "rate": total / (seconds - enqueued),
        "worker_us": (_count_cpu(workers) - cpu) * 1e6 / total,
    }


def measure_latency(count: int) -> dict[str, Any]:
    """From before the INSERT of one task until its row is gone, while nothing else is due."""
    from outbox.models import Task

    latencies = []
    for _ in range(count):
        # At any moment of the worker's pause.
        time.sleep(0.05 + 0.5 * (uuid.uuid4().int % 100) / 100)
        began = time.perf_counter()
        enqueue_no_ops(1)
        _wait(lambda: not Task.objects.exists(), pause=0.001)
        latencies.append((time.perf_counter() - began) * 1000)
    percentiles = statistics.quantiles(latencies, n=100, method="inclusive")
    return {"tasks": count, "p50_ms": percentiles[49], "p99_ms": percentiles[98]}


def measure(
    contender: Contender, environment: dict[str, str], options: argparse.Namespace, server: SmtpServer
) -> dict[str, dict[str, Any]]:
    from bench.outbox_tasks import HANG
    from outbox.queue import NewTask, enqueue_all

    results: dict[str, dict[str, Any]] = {}
    with run_workers(contender, environment) as workers:
        # The first tasks load modules and open connections.
        measure_rate(enqueue_notices, 20, workers)
        results["idle, one task"] = measure_latency(options.samples)
        results["no-op"] = measure_rate(enqueue_no_ops, options.tasks, workers)
        results["notices, mail to nowhere"] = measure_rate(enqueue_notices, options.tasks, workers)
        enqueue_all(NewTask(HANG, subject) for subject in _new_subjects(20))
        time.sleep(1)
        results["no-op while another kind hangs"] = measure_rate(enqueue_no_ops, options.tasks, workers)
    smtp = {**environment, "BENCH_EMAIL_BACKEND": _SMTP, "BENCH_SMTP_PORT": str(server.port)}
    with run_workers(contender, smtp) as workers:
        measure_rate(enqueue_notices, 20, workers)
        accepted, connections = len(server.accepted), server.connections
        result = measure_rate(enqueue_notices, options.mails, workers)
        result["smtp_connections"] = server.connections - connections
        if len(server.accepted) - accepted < options.mails:
            raise SystemExit("mails are missing")
        results["notices, mail to loopback"] = result
    return results


def build_table(results: dict[str, dict[str, dict[str, Any]]]) -> Table:
    columns = {
        "tasks": "tasks",
        "rate": "per second",
        "worker_us": "worker's CPU µs",
        "p50_ms": "p50 ms",
        "p99_ms": "p99 ms",
        "smtp_connections": "SMTP connections",
    }
    table = Table("Outbox", ["", "checkout", *columns.values()])
    for name, measured in results.items():
        for what, figures in measured.items():
            cells: list[Cell] = [figures.get(key) for key in columns]
            table.rows.append([what, name, *cells])
    return table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tasks", type=int, default=5000, help="of each sort (default: 5000)")
    parser.add_argument("--mails", type=int, default=2000, help="to the SMTP server (default: 2000)")
    parser.add_argument("--samples", type=int, default=40, help="single tasks (default: 40)")
    parser.add_argument("--workers", type=int, default=1, help="worker processes (default: 1)")
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="another checkout to measure first")


def run(options: argparse.Namespace) -> Report:
    contenders = [Contender("now", ROOT, options.workers)]
    if options.before:
        contenders.insert(0, Contender("before", options.before, options.workers))
    with (
        run_smtp_server() as server,
        run_database(settings="bench.outbox_settings", BENCH_EMAIL_BACKEND=_DUMMY) as database,
    ):
        environment = prepare(database)
        results = {one.name: measure(one, environment, options, server) for one in contenders}
    return Report([build_table(results)], figures=results)


if __name__ == "__main__":
    main("outbox")
