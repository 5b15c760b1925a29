"""The servers that receive deliveries, each with two processes, and what a run against one says."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from bench.database import count_server_cpu
from bench.load import Measured, send
from bench.processes import RunningProcess
from bench.report import ROOT


@dataclass(frozen=True)
class Receiver:
    name: str
    arguments: Sequence[str]
    folder: Path = ROOT
    # Python's if there is none.
    program: str = ""
    # Where it stores what it has acknowledged.
    table: str = "webhooks_webhookevent"
    environment: Mapping[str, str] = field(default_factory=dict)


ALONE = Receiver("receiver alone", ["-m", "hostapp.receiver", "--port", "{port}"])
WITH_SITE = Receiver("receiver and site", ["manage.py", "serve", "--port", "{port}"])
DJANGO_VIEW = Receiver(
    "Django view",
    [
        "-c",
        "import os; from hostapp.server.run import run_server;"
        " run_server('bench.view_application:application', host='127.0.0.1', port={port}, unix_socket=None,"
        " processes=int(os.environ['WEB_CONCURRENCY']), graceful_seconds=10)",
    ],
)
OURS = (ALONE, WITH_SITE, DJANGO_VIEW)


def build_receiver_of(checkout: Path, folder: Path) -> Receiver:
    """The web server of another checkout, with the settings of this one's benchmarks, put into `folder`.

    It starts processes of its own, which would find the other checkout's `bench`.
    """
    shutil.copy(ROOT / "bench/server_settings.py", folder / "bench_settings.py")
    environment = {"DJANGO_SETTINGS_MODULE": "bench_settings", "PYTHONPATH": str(folder)}
    return Receiver("before", WITH_SITE.arguments, checkout, environment=environment)


@dataclass(frozen=True)
class Received:
    rate: float
    p50_ms: float
    p99_ms: float
    # Answers other than 200, and broken connections.
    failed: int
    # Acknowledged, and not stored.
    lost: int
    # Sent again because all that were prepared had been sent: they cost less, and the rate counts them.
    repeated: int
    server_us: float
    postgresql_us: float
    memory_mb: float


def measure_receiver(
    server: RunningProcess,
    connection: "psycopg.Connection[tuple[int]]",
    requests: Path,
    *,
    table: str,
    prepared: int,
    senders: int,
    seconds: float,
) -> Received:
    """Post the requests of the file, of which there are `prepared`, to a server whose table is empty."""
    before = server.count_cpu(), count_server_cpu(connection)
    measured = send(server.port, requests, senders=senders, seconds=seconds)
    after = server.count_cpu(), count_server_cpu(connection)
    server_us, postgresql_us = (
        (then - first) * 1e6 / max(1, measured.acknowledged)
        for first, then in zip(before, after, strict=True)
    )
    acknowledged = min(measured.acknowledged, prepared)
    rows = _count_rows(connection, table, acknowledged)
    return Received(
        rate=measured.acknowledged / measured.seconds,
        p50_ms=measured.p50_ms,
        p99_ms=measured.p99_ms,
        failed=measured.not_200 + measured.broken,
        lost=max(0, acknowledged - rows),
        repeated=max(0, measured.answered - prepared),
        server_us=server_us,
        postgresql_us=postgresql_us,
        memory_mb=server.count_memory(),
    )


def _count_rows(connection: "psycopg.Connection[tuple[int]]", table: str, expected: int) -> int:
    """How many are stored, once those that were in hand when the client ended are."""
    deadline = time.monotonic() + 5
    rows = 0
    while rows < expected and time.monotonic() < deadline:
        row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        rows = row[0] if row else 0
        time.sleep(0.3)
    return rows


def describe_failures(name: str, measured: Measured | Received) -> list[str]:
    """The problems of a run in which each delivery should have been answered 200 and stored."""
    failed = measured.not_200 + measured.broken if isinstance(measured, Measured) else measured.failed
    problems = [f"{name}: {failed} deliveries failed"] if failed else []
    if isinstance(measured, Received) and measured.lost:
        problems.append(f"{name}: {measured.lost} deliveries were acknowledged and not stored")
    if isinstance(measured, Received) and measured.repeated:
        problems.append(f"{name}: too few deliveries were prepared: {measured.repeated} were sent twice")
    return problems
