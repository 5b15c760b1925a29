"""What a stranger's connections do to the other visitors of a web server, for `bench.servers`."""

import contextlib
import socket
import threading
import time
from typing import Any

from bench.raw_http import Server, build_delivery, build_get

STATIC_FILE = "/static/portal/htmx.min.js"
# Seconds that an attack is watched.
WATCHED = 30.0


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
            for raw in (build_get("/account/login/"), build_delivery()):
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
        before = server.count_memory()
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
                        most = max(most, server.count_memory())
            most = max(most, server.count_memory())
        found[name] = {"taken_MB": round(sent / 1e6, 1), "grown_MB": round(most - before, 1)}
    return found
