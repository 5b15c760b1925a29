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
import hashlib
import hmac
import importlib.util
import json
import os
import re
import resource
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg

from bench.deliveries import ROOT, build_event

SECRET = secrets.token_hex(16)
STATIC_FILE = "/static/portal/htmx.min.js"
THREADS = 40
# Seconds that an attack is watched.
WATCHED = 30.0

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


@dataclass(frozen=True)
class Server:
    port: int
    process: "subprocess.Popen[bytes]"

    def processes(self) -> list[psutil.Process]:
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def memory(self) -> int:
        """Proportional memory of all processes, in bytes."""
        return sum(int(process.memory_full_info().pss) for process in self.processes())

    def connect(self, *, timeout: float = 5, receive_buffer: int = 0) -> socket.socket:
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(timeout)
        sock.connect(("127.0.0.1", self.port))
        return sock

    def get_status(self, raw: bytes, *, timeout: float = 3) -> int:
        """Send a request on a new connection and return its status; 0 without an answer in time."""
        try:
            with self.connect(timeout=timeout) as sock:
                sock.sendall(raw)
                return receive_status(sock)
        except OSError:
            return 0


def receive_status(sock: socket.socket) -> int:
    """Read one response and return its status; 0 if the connection was closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return 0
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    if length := re.search(rb"(?i)content-length: (\d+)", head):
        while len(body) < int(length[1]):
            if not (more := sock.recv(65536)):
                return 0
            body += more
    return int(head[9:12])


def build_get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def build_delivery(number: int) -> bytes:
    body = build_event(number)
    stamp = str(int(time.time() * 1000))
    digest = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return (
        b"POST /webhooks/workos/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        + f"WorkOS-Signature: t={stamp}, v1={digest}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )


_numbers = iter(range(10**9))


class Visitor(threading.Thread):
    """Another visitor: every second a page and a delivery, each on a new connection."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._ended = threading.Event()
        # When it was sent, and the seconds that the answer took; None without one within three seconds.
        self.answers: list[tuple[float, float | None]] = []
        self.started = time.monotonic()

    def run(self) -> None:
        while not self._ended.wait(0.5):
            for raw in (build_get("/account/login/"), build_delivery(next(_numbers))):
                sent = time.monotonic()
                answered = self._server.get_status(raw) == 200
                self.answers.append((sent - self.started, time.monotonic() - sent if answered else None))

    def end(self) -> dict[str, Any]:
        self._ended.set()
        self.join()
        seconds = [took for _, took in self.answers if took is not None]
        return {
            "answered": f"{len(seconds)}/{len(self.answers)}",
            "slowest_ms": round(max(seconds, default=0) * 1000),
            "last_failure_s": round(max((at for at, took in self.answers if took is None), default=0), 1),
        }


class Strangers:
    """Connections of an attacker. Notices when the server closes them."""

    def __init__(self, socks: list[socket.socket]) -> None:
        self.socks = socks
        self.count = len(socks)
        self.closed_after: list[float] = []
        self._open = dict.fromkeys(socks)
        self._started = time.monotonic()

    def look(self, drip: bytes = b"", *, read: bool = True) -> None:
        """Send `drip` on every connection that is open, and note those that the server has closed."""
        for sock in list(self._open):
            if self._is_closed(sock, drip, read=read):
                del self._open[sock]
                self.closed_after.append(time.monotonic() - self._started)

    @staticmethod
    def _is_closed(sock: socket.socket, drip: bytes, *, read: bool) -> bool:
        sock.setblocking(False)
        try:
            if drip:
                sock.send(drip)
            if not read:
                # TCP_INFO's first byte is the state: 1 is established.
                return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) != b"\x01"
            while data := sock.recv(65536):
                del data
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def watch(
        self, server: Server, seconds: float, drip: bytes = b"", *, read: bool = True
    ) -> dict[str, Any]:
        visitor = Visitor(server)
        visitor.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.look(drip, read=read)
            time.sleep(1)
        during = visitor.end()
        # Its own process must not keep the attacker's connections.
        for sock in self.socks:
            sock.close()
        time.sleep(2)
        visitor = Visitor(server)
        visitor.start()
        time.sleep(5)
        closed = self.closed_after
        return {
            "connections": self.count,
            "during": during,
            "afterwards": visitor.end()["answered"],
            "closed_by_server": f"{len(closed)}/{self.count}",
            "closed_after_s": [round(min(closed)), round(max(closed))] if closed else None,
        }


def measure_silent(server: Server) -> dict[str, Any]:
    """H1: 2,150 connections that send nothing."""
    socks = []
    for _ in range(2150):
        with contextlib.suppress(OSError):
            socks.append(server.connect(timeout=1))
        if socks and len(socks) % 200 == 0:
            time.sleep(0.05)
    return Strangers(socks).watch(server, WATCHED)


def measure_unread(server: Server) -> dict[str, Any]:
    """H2: 45 connections that each pipeline 120 GETs of a static file and read nothing."""
    socks = []
    for _ in range(45):
        sock = server.connect(receive_buffer=4096)
        with contextlib.suppress(OSError):
            sock.sendall(build_get(STATIC_FILE) * 120)
        socks.append(sock)
    return Strangers(socks).watch(server, WATCHED, read=False)


def measure_slow_heads(server: Server) -> dict[str, Any]:
    socks = [server.connect() for _ in range(100)]
    for sock in socks:
        sock.sendall(b"GET /account/login/ HTTP/1.1\r\nHost: localhost\r\nX: ")
    return Strangers(socks).watch(server, WATCHED, b"x")


def measure_slow_bodies(server: Server) -> dict[str, Any]:
    socks = [server.connect() for _ in range(100)]
    for sock in socks:
        sock.sendall(b"POST /webhooks/workos/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
    return Strangers(socks).watch(server, WATCHED, b"x")


def measure_endless_body(server: Server) -> dict[str, Any]:
    """An endless body in chunks, an endless head, and an endless chunk size: bytes taken and memory grown."""
    start = b"POST /webhooks/workos/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    kinds = {
        "chunks": (start, b"10000\r\n" + b"x" * 65536 + b"\r\n"),
        "chunk_size": (start, b"0" * 65536),
        "head": (b"GET / HTTP/1.1\r\n", b"x: " + b"y" * 65000 + b"\r\n"),
        "requests": (b"", b"GET /" + b"a" * 100 + b" HTTP/1.1\r\n\r\n"),
    }
    found = {}
    for name, (head, piece) in kinds.items():
        before = server.memory()
        most = before
        with server.connect(timeout=2) as sock:
            sock.sendall(head)
            sent = 0
            block = piece * max(1, 65536 // len(piece))
            began = time.monotonic()
            with contextlib.suppress(OSError):
                while sent < 100 * 1024 * 1024 and time.monotonic() - began < 10:
                    sock.sendall(block)
                    sent += len(block)
                    if sent % (len(block) * 64) == 0:
                        most = max(most, server.memory())
            most = max(most, server.memory())
        found[name] = {"taken_MB": round(sent / 1e6, 1), "grown_MB": round((most - before) / 1e6, 1)}
    return found


def measure_protocol(server: Server) -> dict[str, Any]:
    """Pipelined deliveries, and how long an idle connection is kept."""
    with server.connect() as sock:
        sock.sendall(b"".join(build_delivery(next(_numbers)) for _ in range(20)))
        data = b""
        with contextlib.suppress(OSError):
            while data.count(b"HTTP/1.1 200") < 20 and (more := sock.recv(65536)):
                data += more
    with server.connect(timeout=30) as sock:
        sock.sendall(build_delivery(next(_numbers)))
        first = receive_status(sock)
        sock.sendall(build_delivery(next(_numbers)))
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
    rates["memory_MB"] = round(server.memory() / 1e6)
    return rates


def _send_deliveries(server: Server, senders: int, count: int) -> tuple[list[float], list[int]]:
    """Return the seconds that each response took, and the statuses that were not 200."""
    failures: list[int] = []

    def send(_: int) -> list[float]:
        requests = [build_delivery(next(_numbers)) for _ in range(count // senders)]
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
    with psycopg.connect(os.environ["BENCH_DSN"]) as connection, ThreadPoolExecutor(10) as pool:
        connection.execute("LOCK TABLE webhooks_webhookevent")
        futures = [
            pool.submit(server.get_status, build_delivery(next(_numbers)), timeout=20) for _ in range(10)
        ]
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
def run_server(command: str, *, processes: int, files: int) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def limit_files() -> None:
        if files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    arguments = command.format(port=port, processes=processes).split()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "WEB_CONCURRENCY": str(processes), "WEB_THREADS": str(THREADS)},
        preexec_fn=limit_files,  # noqa: PLW1509 - no thread runs yet
        stdout=subprocess.DEVNULL,
        stderr=None if os.environ.get("BENCH_LOG") else subprocess.DEVNULL,
    )
    server = Server(port, process)
    try:
        deadline = time.monotonic() + 30
        while server.get_status(build_get("/account/login/")) != 200:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command} does not answer")
            time.sleep(0.2)
        time.sleep(1)
        yield server
    finally:
        children = [] if process.poll() is not None else server.processes()[1:]
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            for child in children:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            process.kill()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("candidates", nargs="*", help=", ".join(CANDIDATES))
    parser.add_argument("--only", nargs="*", default=list(MEASUREMENTS), choices=MEASUREMENTS)
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    del soft
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        prepare(folder)
        for name in options.candidates or CANDIDATES:
            module, command = CANDIDATES[name]
            if importlib.util.find_spec(module) is None:
                print(f"{name} is left out: {module} is not installed", file=sys.stderr)
                continue
            for measurement in options.only:
                processes, files, measure = MEASUREMENTS[measurement]
                with run_server(command, processes=processes, files=files) as server:
                    try:
                        result = measure(server)
                    except (OSError, ValueError) as error:
                        result = {"error": repr(error)}
                    print(json.dumps({name: {measurement: result}}), flush=True)


def prepare(folder: str) -> None:
    os.environ.update(
        EMBEDDED_POSTGRES=f"{folder}/data",
        DJANGO_SETTINGS_MODULE="bench.server_settings",
        BENCH_SECRET=SECRET,
    )
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    call_command("migrate", verbosity=0)
    parameters = connection.get_connection_params()
    os.environ["BENCH_DSN"] = psycopg.conninfo.make_conninfo(
        **{key: parameters[key] for key in ("host", "user", "dbname") if key in parameters}
    )
    connection.close()


if __name__ == "__main__":
    main()
