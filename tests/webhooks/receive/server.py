"""Run a web server as in production on the test's database, and send it raw bytes."""

import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil
from django.db import connection
from pytest_django import DjangoDbBlocker

from tests.processes import ROOT, build_environment
from webhooks.models import RefusalCount, RefusalSample

# The servers that receive deliveries, and how each is started.
PROGRAMS = {
    # The receiver in front of the site.
    "serve": ["manage.py", "serve", "--port", "{port}"],
    # The receiver alone.
    "receiver": ["-m", "hostapp.receiver", "--port", "{port}"],
    # The Django view, behind the same web server.
    "view": [
        "-c",
        "from hostapp.server.run import run_server; run_server('bench.view_application:application',"
        " host='127.0.0.1', port={port}, unix_socket=None, processes=2, graceful_seconds=10)",
    ],
}


@dataclass(frozen=True)
class Server:
    port: int
    process: "subprocess.Popen[bytes]"
    # Whether it has pages, too.
    has_site: bool = True

    def workers(self) -> list[psutil.Process]:
        process = psutil.Process(self.process.pid)
        # A single process has no parent.
        return process.children() or [process]

    def memory(self) -> int:
        """Resident memory of the worker processes, in bytes."""
        return sum(worker.memory_info().rss for worker in self.workers())

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def send(self, raw: bytes) -> bytes:
        """Send these bytes; return one response, or what arrived before the server closed the connection."""
        with self.connect() as sock:
            # The server may close the connection early; its response must still be read.
            with suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(raw)
            return answer(sock)


def answer(sock: socket.socket) -> bytes:
    """Read one response: status line, headers and as much of the body as Content-Length announces."""
    response = b""
    while b"\r\n\r\n" not in response:
        try:
            more = sock.recv(65536)
        except ConnectionResetError:
            return response
        if not more:
            return response
        response += more
    head, _, body = response.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length and len(body) < int(length[1]) and (more := sock.recv(65536)):
        body += more
    return head + b"\r\n\r\n" + body


def status(response: bytes) -> int:
    """The status code of a response; 0 if the server closed the connection without one."""
    found = re.match(rb"HTTP/1\.[01] (\d{3})", response)
    return int(found[1]) if found else 0


def request(
    body: bytes, *headers: str, path: str = "/webhooks/workos/", method: str = "POST", length: bool = True
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


@contextmanager
def start_server(files: int = 0, /, *, program: str = "serve", **more: str) -> Iterator[Server]:
    """Start one of PROGRAMS, with these environment variables and at most `files` open files per process.

    Does not wait until it answers.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, *(argument.format(port=port) for argument in PROGRAMS[program])],
        cwd=ROOT,
        env=_build_server_environment(program, more),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if files:
        # Its worker processes inherit it.
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (files, files))
    try:
        yield Server(port, process, has_site=program != "receiver")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def serving(files: int = 0, /, *, program: str = "serve", **more: str) -> Iterator[Server]:
    """Like `start_server`, and wait until it answers."""
    with start_server(files, program=program, **more) as server:
        deadline = time.monotonic() + 30
        while True:
            try:
                if status(server.send(request(b"", method="GET"))) == 405:
                    break
            except OSError:
                pass
            assert server.process.poll() is None, "the server did not start"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)
        yield server


@contextmanager
def serving_module(blocker: DjangoDbBlocker, *, program: str, **more: str) -> Iterator[Server]:
    """Like `serving`, for the tests of a module. Leaves no refusals in the database.

    A server writes those that it has counted when it stops: after the tables of the last test were emptied.
    """
    with serving(program=program, **more) as server:
        yield server
    with blocker.unblock():
        RefusalCount.objects.all().delete()
        RefusalSample.objects.all().delete()


def _build_server_environment(program: str, more: dict[str, str]) -> dict[str, str]:
    environment = {**build_environment(), **more}
    if program != "receiver":
        return environment
    # It reads the environment instead of tests.process_settings, and needs no setting of Django's.
    del environment["DJANGO_SETTINGS_MODULE"], environment["SECRET_KEY"], environment["WORKOS_API_KEY"]
    parameters = connection.get_connection_params()
    host, user = parameters.get("host", ""), parameters.get("user", "")
    password, port = parameters.get("password", ""), parameters.get("port", "")
    query = f"host={host}&user={user}&password={password}&port={port or 5432}&options=-c%20lock_timeout%3D15s"
    environment["DATABASE_URL"] = f"postgres:///{environment['TEST_DATABASE']}?{query}"
    environment["WORKOS_WEBHOOK_REFUSALS_INTERVAL"] = environment.get("TEST_REFUSALS_INTERVAL", "0")
    if environment.get("TEST_NO_SECRET"):
        environment["WORKOS_WEBHOOK_SECRET"] = ""
    return environment
