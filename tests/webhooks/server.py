"""gunicorn as in production, on the test's database, and raw bytes to send it."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

from tests.processes import ROOT, build_environment


@dataclass(frozen=True)
class Server:
    port: int
    process: "subprocess.Popen[bytes]"

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def memory(self) -> int:
        """Bytes that its processes hold."""
        return sum(worker.memory_info().rss for worker in self.workers())

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def send(self, raw: bytes) -> bytes:
        """Send these bytes, and read what comes until the server hangs up or has said enough."""
        with self.connect() as sock:
            # It may have hung up before the end; what it said is still to be read.
            with suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(raw)
            return answer(sock)


def answer(sock: socket.socket) -> bytes:
    """One answer: status line, headers and as much of a body as they announce."""
    said = b""
    while b"\r\n\r\n" not in said:
        try:
            more = sock.recv(65536)
        except ConnectionResetError:
            return said
        if not more:
            return said
        said += more
    head, _, body = said.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length and len(body) < int(length[1]) and (more := sock.recv(65536)):
        body += more
    return head + b"\r\n\r\n" + body


def status(said: bytes) -> int:
    """The status of an answer; 0 if the server hung up without one."""
    found = re.match(rb"HTTP/1\.[01] (\d{3})", said)
    return int(found[1]) if found else 0


def request(
    body: bytes, *headers: str, path: str = "/webhooks/workos/", method: str = "POST", length: bool = True
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


@contextmanager
def serving(*arguments: str, **more: str) -> Iterator[Server]:
    """gunicorn with the project's own gunicorn.conf.py."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "hostapp.wsgi", "--bind", f"127.0.0.1:{port}"),
            *("--log-level", "warning", *arguments),
        ],
        cwd=ROOT,
        env={**build_environment(), **more},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server = Server(port, process)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                if status(server.send(request(b"", method="GET"))) == 405:
                    break
            except OSError:
                pass
            assert process.poll() is None, "gunicorn did not start"
            assert time.monotonic() < deadline, "gunicorn does not answer"
            time.sleep(0.1)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
