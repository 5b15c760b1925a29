"""Many recorded events, a worker that applies them, and single deliveries whose way is timed."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from bench.apply_cases import organization_id
from bench.database import Database
from bench.load import build_request
from bench.processes import RunningProcess, run_process
from bench.report import Cell, find_percentile

# Seconds after which an event counts as never applied.
_PATIENCE = 60.0
_TABLE = "webhooks_webhookevent"


@dataclass
class Samples:
    """Milliseconds from the 200 of a delivery until its event was applied, and what went wrong."""

    name: str
    times: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def build_row(self) -> list[Cell]:
        return [
            self.name,
            len(self.times),
            find_percentile(self.times, 50),
            find_percentile(self.times, 99),
            max(self.times, default=None),
        ]


COLUMNS = ("milliseconds from 200 to applied", "events", "p50", "p99", "longest")


class Sender:
    """Delivers single events over one connection, and waits until each is applied."""

    def __init__(self, port: int, connection: psycopg.Connection[Any]) -> None:
        self._port = port
        self._connection = connection
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._sent = 0

    def deliver(self, event: str, data: dict[str, Any]) -> str:
        """Returns the event's id."""
        self._sent += 1
        event_id = f"event_single_{self._port}_{self._sent}"
        body = {"id": event_id, "event": event, "data": data, "created_at": data["updated_at"]}
        self._sock.sendall(build_request(json.dumps(body).encode()))
        answer = self._sock.recv(65536)
        if answer[9:12] != b"200":
            raise SystemExit(f"{event} was answered {answer[:40]!r}")
        return event_id

    def time(self, samples: Samples, event: str, data: dict[str, Any]) -> None:
        """Deliver an event, and add the time until it is applied."""
        event_id = self.deliver(event, data)
        began = time.perf_counter()
        status = self.wait(event_id)
        if status == "applied":
            samples.times.append((time.perf_counter() - began) * 1000)
        else:
            samples.problems.append(f"{samples.name}: {event} {event_id} is {status}")

    def wait(self, event_id: str) -> str:
        """Its status, once it no longer waits."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            row = self._connection.execute(
                f"SELECT status FROM {_TABLE} WHERE event_id = %s".encode(), [event_id]
            ).fetchone()
            status = str(row[0]) if row else "not stored"
            if status != "waiting" or time.monotonic() > deadline:
                return status
            time.sleep(0.002)


def create_enterprises(count: int) -> None:
    """Enterprises and the organizations of `bench.apply_cases`."""
    from django.utils import timezone

    from enterprises.models import Enterprise
    from mirror.models import Organization

    for number in range(count):
        organization = Organization.objects.create(
            organization_id=organization_id(number), name=f"Acme {number}", as_of=timezone.now()
        )
        Enterprise.objects.create(name=f"Acme {number}", slug=f"acme-{number}", organization=organization)


def multiply_event(connection: psycopg.Connection[Any], event_id: str, count: int) -> None:
    """Record so many copies of an event, each of an object of its own: its `data.id` and a number."""
    names = [
        row[0]
        for row in connection.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_name = %s AND column_name NOT IN ('id', 'event_id', 'payload')",
            [_TABLE],
        )
    ]
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    connection.execute(
        sql.SQL(
            "INSERT INTO {table} (event_id, payload, {columns}) SELECT event_id || '_' || n,"
            " jsonb_set(payload, '{{data,id}}', to_jsonb((payload -> 'data' ->> 'id') || '_' || n)),"
            " {columns} FROM {table}, generate_series(1, %s) AS n WHERE event_id = %s"
        ).format(table=sql.Identifier(_TABLE), columns=columns),
        [count, event_id],
    )
    connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(_TABLE)))
    connection.execute("CHECKPOINT")


def count_waiting(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute(f"SELECT count(*) FROM {_TABLE} WHERE status = 'waiting'".encode()).fetchone()
    return int(row[0]) if row else 0


@contextlib.contextmanager
def run_worker(database: Database) -> Iterator[RunningProcess]:
    """A worker, once it has looked for events. It calls no WorkOS."""
    from outbox.models import WorkerHeartbeat

    WorkerHeartbeat.objects.all().delete()
    environment = database.build_environment(CATCH_UP_INTERVAL="0", RECONCILE_INTERVAL="0")
    with run_process(["manage.py", "worker"], environment) as worker:
        deadline = time.monotonic() + _PATIENCE
        while not WorkerHeartbeat.objects.exists():
            if worker.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the worker does not start; BENCH_LOG=on shows why")
            time.sleep(0.02)
        yield worker
