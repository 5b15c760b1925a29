"""How long an organization waits for its `connection.activated` while many events of another one wait.

    python -m bench fairness                    # 1,000,000 events of one organization, 100 activations
    python -m bench fairness --events 50000 --activations 30
    python -m bench fairness --workers 2

Starts its own PostgreSQL and the workers. The events that wait are those of a first sync, and a deactivation
of one of its people is measured, too, in the same organization. Each is recorded as the receiver records it,
with a notification, and is applied when another connection sees its outcome. One that is not applied within
60 s is an error. The backlog must last for the whole time.
"""

import argparse
import contextlib
import json
import time
from datetime import UTC, datetime
from typing import Any

from bench.commands import main
from bench.database import run_database
from bench.latency import build_activation, create_enterprise
from bench.processes import run_process
from bench.report import Report, Table, find_percentile

SMOKE = ("--events", "5000", "--activations", "3")

_LARGE = "org_01LARGE"
_SMALL = "org_01SMALL"
_DIRECTORY = "directory_01LARGE"
_LIMIT_SECONDS = 60

# 1.5 kB each, as WorkOS's are.
_BACKLOG = """
INSERT INTO webhooks_webhookevent (event_id, event, issued_at, created_at, received_at, payload, secret_name,
    status, reason, data_problems, attempts, unfinished_attempts, due_at, is_urgent, queue,
    awaited_organization_id)
SELECT 'event_backlog_' || n, 'dsync.user.created', now(), now(), now(), jsonb_build_object(
        'id', 'event_backlog_' || n, 'event', 'dsync.user.created', 'created_at', now(), 'data',
        jsonb_build_object('id', 'directory_user_' || n, 'directory_id', %(directory)s::text,
            'organization_id', %(organization)s::text, 'idp_id', 'idp_' || n, 'state', 'active',
            'email', 'p' || n || '@acme.example', 'first_name', 'Ada', 'last_name', 'Davis',
            'custom_attributes', jsonb_build_object('department', repeat('x', 1000)),
            'raw_attributes', '{}'::jsonb, 'created_at', now(), 'updated_at', now())),
    'current', 'waiting', '', '', 0, 0, now(), false, %(organization)s, ''
FROM generate_series(1, %(count)s) n
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--activations", type=int, default=100)
    parser.add_argument("--workers", type=int, default=1)


def run(options: argparse.Namespace) -> Report:
    report = Report()
    waits: dict[str, list[float]] = {"another organization's activation": [], "a deactivation in it": []}
    with run_database() as database, contextlib.ExitStack() as stack:
        for organization_id in (_LARGE, _SMALL):
            create_enterprise(organization_id)
        create_directory()
        connection = stack.enter_context(database.connect())
        values = {"directory": _DIRECTORY, "organization": _LARGE, "count": options.events}
        connection.execute(_BACKLOG, values)
        connection.execute("ANALYZE webhooks_webhookevent")
        for _ in range(options.workers):
            stack.enter_context(run_process(["manage.py", "worker"], database.build_environment()))
        while count_waiting(connection) == options.events:
            time.sleep(0.05)
        left, began = count_waiting(connection), time.perf_counter()
        for number in range(options.activations):
            activation = build_activation(f"event_activation_{number}", _SMALL, f"conn_{number}")
            for name, event in zip(waits, (activation, build_deactivation(number)), strict=True):
                waits[name].append(measure(connection, event, report))
        seconds, left_after = time.perf_counter() - began, count_waiting(connection)
    if not left_after:
        report.problems.append("the backlog was applied before the end: take more --events")
    columns = ["while the backlog waits", "events", "p50 ms", "p99 ms", "max ms"]
    table = Table(f"Fairness: {options.events:,} events of one organization wait", columns)
    for name, found in waits.items():
        p50, p99 = find_percentile(found, 50), find_percentile(found, 99)
        table.rows.append([name, len(found), p50, p99, max(found, default=float("nan"))])
    rate = (left - left_after) / seconds
    table.note = f"Workers: {options.workers}. Meanwhile {rate:,.0f} other events were applied a second."
    report.tables.append(table)
    report.figures = {"waits_ms": waits, "backlog_rate": rate}
    return report


def create_directory() -> None:
    from django.utils import timezone

    from mirror.models import Directory

    now = timezone.now()
    Directory.objects.create(
        directory_id=_DIRECTORY, organization_id=_LARGE, state="active", as_of=now, state_since=now,
        observed_at=now,
    )  # fmt: skip


def build_deactivation(number: int) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    data = {
        "id": f"directory_user_{number + 1}",
        "directory_id": _DIRECTORY,
        "organization_id": _LARGE,
        "idp_id": f"idp_{number + 1}",
        "state": "inactive",
        "email": f"p{number + 1}@acme.example",
        "custom_attributes": {},
        "created_at": now,
        "updated_at": now,
    }
    event_id = f"event_deactivation_{number}"
    return {"id": event_id, "event": "dsync.user.updated", "data": data, "created_at": now}


def count_waiting(connection: Any) -> int:
    query = "SELECT count(*) FROM webhooks_webhookevent WHERE due_at IS NOT NULL AND NOT is_urgent"
    (count,) = connection.execute(query).fetchone()
    return int(count)


def measure(connection: Any, event: dict[str, Any], report: Report) -> float:
    """Record an event as the receiver does, and return the milliseconds until it is applied."""
    from webhooks.receive.accept import Delivery
    from webhooks.receive.queues import find_queue
    from webhooks.receive.record import build_insert
    from webhooks.receive.wake_ups import NOTIFY

    now = datetime.now(UTC)
    queue = find_queue(event["event"], event["data"])
    delivery = Delivery(event["id"], event["event"], json.dumps(event), now, now, "current", queue)
    statement = build_insert([(delivery, now)])
    connection.execute(statement.sql, statement.parameters)
    began = time.perf_counter()
    connection.execute(NOTIFY)
    query = "SELECT status FROM webhooks_webhookevent WHERE event_id = %s"
    while connection.execute(query, [event["id"]]).fetchone() != ("applied",):
        if time.perf_counter() - began > _LIMIT_SECONDS:
            report.problems.append(f"{event['id']} was not applied within {_LIMIT_SECONDS} s")
            break
        time.sleep(0.002)
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main("fairness")
