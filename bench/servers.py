"""Compare web servers: what a stranger's connections do to other visitors, and how fast deliveries are.

    python -m bench.servers                              # every candidate that is installed
    python -m bench.servers serve gunicorn --only H1 H2  # these only

Starts its own PostgreSQL, runs each candidate on loopback with the site and production-like settings, and
prints a JSON object per measurement. The candidates other than `serve` are no dependencies of this project:
install granian, hypercorn, gunicorn and a2wsgi into an environment of their own. All is bounded in count and
time; a run takes about five minutes per candidate. Other work on the machine affects the rates: compare only
candidates of the same run. docs/decisions/0022-web-server.md has the results.
"""

import argparse
import contextlib
import importlib.util
import json
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from bench.attacks import (
    measure_endless_body,
    measure_silent,
    measure_slow_bodies,
    measure_slow_heads,
    measure_unread,
)
from bench.database import Database, run_database
from bench.processes import raise_file_limit, run_server
from bench.raw_http import Server, build_delivery, build_get, receive_status

THREADS = 40

# Module that must be installed, and the command line; {port} and {processes} are filled in.
CANDIDATES = {
    "serve": ("uvicorn", "manage.py serve --port {port}"),
    "uvicorn": (
        "a2wsgi",
        "-m uvicorn bench.server_candidates:asgi --port {port} --workers {processes} --log-level error"
        " --no-access-log --timeout-graceful-shutdown 30 --no-proxy-headers",
    ),
    "hypercorn": (
        "hypercorn",
        "-m hypercorn bench.server_candidates:asgi --bind 127.0.0.1:{port} --workers {processes}"
        " --log-level error --read-timeout 15 --keep-alive 15 --graceful-timeout 30",
    ),
    "granian-wsgi": (
        "granian",
        "-m granian hostapp.wsgi:application --interface wsgi --port {port} --workers {processes}"
        " --blocking-threads 40 --http 1 --http1-header-read-timeout 15000 --no-ws --log-level error"
        " --backlog 2048 --backpressure 4096",
    ),
    "granian-asgi": (
        "granian",
        "-m granian hostapp.asgi:application --interface asgi --port {port} --workers {processes}"
        " --http 1 --http1-header-read-timeout 15000 --no-ws --log-level error"
        " --backlog 2048 --backpressure 4096",
    ),
    "gunicorn": (
        "gunicorn",
        "-m gunicorn hostapp.wsgi --bind 127.0.0.1:{port} --workers {processes} --threads 40"
        " --worker-class gthread --worker-connections 10000 --timeout 60 --graceful-timeout 30"
        " --log-level error",
    ),
}


def measure_protocol(server: Server) -> dict[str, Any]:
    """Pipelined deliveries, and how long an idle connection is kept."""
    with server.connect() as sock:
        sock.sendall(b"".join(build_delivery() for _ in range(20)))
        data = b""
        with contextlib.suppress(OSError):
            while data.count(b"HTTP/1.1 200") < 20 and (more := sock.recv(65536)):
                data += more
    with server.connect(timeout=30) as sock:
        sock.sendall(build_delivery())
        first = receive_status(sock)
        sock.sendall(build_delivery())
        second = receive_status(sock)
        began = time.monotonic()
        try:
            sock.recv(1)
            kept = round(time.monotonic() - began, 1)
        except OSError:
            kept = 30
    return {
        "pipelined": f"{data.count(b'HTTP/1.1 200')}/20",
        "keep_alive": [first, second],
        "idle_closed_after_s": kept,
    }


def measure_rates(server: Server) -> dict[str, Any]:
    rates: dict[str, Any] = {}
    for senders in (8, 32):
        # The first requests load modules and open connections.
        _send_deliveries(server, senders, senders * 5)
        count = 4000
        began = time.perf_counter()
        seconds, failures = _send_deliveries(server, senders, count)
        rates[f"c={senders}"] = {
            "per_s": round(len(seconds) / (time.perf_counter() - began)),
            "failed": len(failures),
            "p50_ms": round(statistics.median(seconds) * 1000, 1),
            "p99_ms": round(statistics.quantiles(seconds, n=100)[-1] * 1000, 1),
        }
    rates["memory_MB"] = round(server.count_memory())
    return rates


def _send_deliveries(server: Server, senders: int, count: int) -> tuple[list[float], list[int]]:
    """Return the seconds that each response took, and the statuses that were not 200."""
    failures: list[int] = []

    def send(_: int) -> list[float]:
        requests = [build_delivery() for _ in range(count // senders)]
        seconds = []
        sock = server.connect(timeout=30)
        for raw in requests:
            began = time.perf_counter()
            sock.sendall(raw)
            status = receive_status(sock)
            seconds.append(time.perf_counter() - began)
            if status != 200:
                failures.append(status)
                sock.close()
                sock = server.connect(timeout=30)
        sock.close()
        return seconds

    with ThreadPoolExecutor(senders) as pool:
        return [second for result in pool.map(send, range(senders)) for second in result], failures


def measure_stop(server: Server) -> dict[str, Any]:
    """SIGTERM while ten deliveries wait for a lock in the database: all must get their 200."""
    with psycopg.connect(server.dsn) as connection, ThreadPoolExecutor(10) as pool:
        connection.execute("LOCK TABLE webhooks_webhookevent")
        futures = [pool.submit(server.get_status, build_delivery(), timeout=20) for _ in range(10)]
        time.sleep(1)
        server.process.terminate()
        time.sleep(1)
        connection.rollback()
        answers = [future.result() for future in futures]
    began = time.monotonic()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.process.wait(40)
    return {"finished": f"{answers.count(200)}/10", "exit_after_s": round(time.monotonic() - began, 1)}


# Name, processes, limit of file descriptors (0: as it is), measurement.
MEASUREMENTS: dict[str, tuple[int, int, Callable[[Server], dict[str, Any]]]] = {
    "rates": (2, 0, measure_rates),
    "protocol": (2, 0, measure_protocol),
    "stop": (2, 0, measure_stop),
    "endless": (1, 0, measure_endless_body),
    "H1": (2, 0, measure_silent),
    "H1-1024-files": (2, 1024, measure_silent),
    "H2": (1, 0, measure_unread),
    "slow-heads": (1, 0, measure_slow_heads),
    "slow-bodies": (1, 0, measure_slow_bodies),
}


@contextlib.contextmanager
def run_candidate(command: str, database: Database, *, processes: int, files: int) -> Iterator[Server]:
    """Run a candidate with so many processes, and with this limit of file descriptors if it is not 0."""
    arguments = command.replace("{processes}", str(processes)).split()
    environment = database.build_environment(WEB_CONCURRENCY=str(processes), WEB_THREADS=str(THREADS))
    program = ""
    if files:
        limit = f"ulimit -n {files} && exec {shlex.join([sys.executable, *arguments])}"
        arguments, program = ["-c", limit], "/bin/sh"
    with run_server(arguments, environment, program=program) as running:
        server = Server(running.process, running.port, database.dsn)
        deadline = time.monotonic() + 30
        while server.get_status(build_get("/account/login/")) != 200:
            if time.monotonic() > deadline:
                raise SystemExit(f"{command} does not answer")
            time.sleep(0.2)
        time.sleep(1)
        yield server


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("candidates", nargs="*", help=", ".join(CANDIDATES))
    parser.add_argument("--only", nargs="*", default=list(MEASUREMENTS), choices=MEASUREMENTS)
    options = parser.parse_args()
    raise_file_limit()
    with run_database() as database:
        for name in options.candidates or CANDIDATES:
            module, command = CANDIDATES[name]
            if importlib.util.find_spec(module) is None:
                print(f"{name} is left out: {module} is not installed", file=sys.stderr)
                continue
            for measurement in options.only:
                processes, files, measure = MEASUREMENTS[measurement]
                with run_candidate(command, database, processes=processes, files=files) as server:
                    try:
                        result = measure(server)
                    except (OSError, ValueError) as error:
                        result = {"error": repr(error)}
                    print(json.dumps({name: {measurement: result}}), flush=True)


if __name__ == "__main__":
    main()
