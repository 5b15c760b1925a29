"""How long it takes from the answer to a delivery until its event is applied, while nothing else is to do.

    python -m bench latency                     # 300 deliveries to the receiver alone
    python -m bench latency --deliveries 50
    python -m bench latency --interval 30       # what notifies nobody is found after 300 s: all is woken

Starts its own PostgreSQL, the receiver and a worker, and delivers one event at a time, at irregular
intervals. The event is applied when another connection sees its outcome, which is looked at each millisecond.
An event that is not applied within 30 s is an error.
"""

import argparse
import json
import random
import socket
import time
from datetime import UTC, datetime
from typing import Any

from bench.commands import main
from bench.database import run_database
from bench.load import build_request
from bench.processes import run_process, run_server
from bench.report import Report, Table, find_percentile

SMOKE = ("--deliveries", "10")

_ORGANIZATION = "org_01BENCH"
_LIMIT_SECONDS = 30
# Until the worker has done what it does at its start.
_START_SECONDS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--deliveries", type=int, default=300)
    parser.add_argument("--interval", type=float, default=0.5, help="of the worker (default: 0.5)")


def run(options: argparse.Namespace) -> Report:
    report = Report()
    with run_database() as database:
        create_enterprise(_ORGANIZATION)
        environment = database.build_environment()
        worker = ["manage.py", "worker", "--interval", str(options.interval)]
        receiver = ["-m", "hostapp.receiver", "--port", "{port}"]
        with (
            run_process(worker, environment),
            run_server(receiver, environment) as server,
            database.connect() as connection,
        ):
            wait_until_applied(connection, deliver(server.port, "warm-up"))
            time.sleep(_START_SECONDS)
            latencies = []
            for number in range(options.deliveries):
                time.sleep(random.uniform(0.05, 0.15))
                event_id = deliver(server.port, str(number))
                began = time.perf_counter()
                if not wait_until_applied(connection, event_id):
                    report.problems.append(f"{event_id} was not applied within {_LIMIT_SECONDS} s")
                    break
                latencies.append((time.perf_counter() - began) * 1000)
    table = Table("Recorded → applied, idle", ["deliveries", "p50 ms", "p99 ms", "max ms"])
    p50, p99 = (find_percentile(latencies, percent) for percent in (50, 99))
    table.rows.append([len(latencies), p50, p99, max(latencies, default=float("nan"))])
    report.tables.append(table)
    report.figures = {"latencies_ms": latencies}
    return report


def create_enterprise(organization_id: str) -> None:
    """A customer with this organization. Used by `bench.fairness`, too."""
    from django.utils import timezone

    from enterprises.models import Enterprise
    from mirror.models import Organization

    organization = Organization.objects.create(
        organization_id=organization_id, name=organization_id, as_of=timezone.now()
    )
    Enterprise.objects.create(
        name=organization_id, slug=organization_id.lower().replace("_", "-"), organization=organization
    )


def build_activation(event_id: str, organization_id: str, connection_id: str) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    data = {
        "object": "connection",
        "id": connection_id,
        "organization_id": organization_id,
        "connection_type": "OktaSAML",
        "name": "Okta",
        "state": "active",
        "created_at": now,
        "updated_at": now,
        "domains": [],
    }
    return {"id": event_id, "event": "connection.activated", "data": data, "created_at": now}


def deliver(port: int, name: str) -> str:
    """Deliver an activation, and return the event's id when the receiver has answered."""
    event_id = f"event_{name}"
    body = json.dumps(build_activation(event_id, _ORGANIZATION, f"conn_{name}")).encode()
    with socket.create_connection(("127.0.0.1", port), timeout=_LIMIT_SECONDS) as sender:
        sender.sendall(build_request(body))
        answer = sender.recv(1024)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"the receiver answered {answer[:40]!r}")
    return event_id


def wait_until_applied(connection: Any, event_id: str) -> bool:
    deadline = time.monotonic() + _LIMIT_SECONDS
    query = "SELECT status FROM webhooks_webhookevent WHERE event_id = %s"
    while connection.execute(query, [event_id]).fetchone() != ("applied",):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


if __name__ == "__main__":
    main("latency")
