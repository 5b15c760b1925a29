"""Raw HTTP to a web server on loopback, for `bench.servers`."""

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from bench.load import build_event, build_request
from bench.processes import RunningProcess

_numbers: Iterator[int] = iter(range(10**9))


@dataclass(frozen=True)
class Server(RunningProcess):
    # Its database.
    dsn: str = ""

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


def build_delivery() -> bytes:
    """A delivery of an event that was not sent before."""
    return build_request(build_event(f"event_{next(_numbers):026d}", "connection.activated", size=0))
