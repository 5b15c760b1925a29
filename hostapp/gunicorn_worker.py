"""gunicorn's threaded worker, with a deadline for each request.

gunicorn waits for a request as long as its sender likes, with a thread, and keeps in memory what it cannot
parse yet, such as the size of a chunk. A proxy that buffers requests ends that; this ends it without one.
"""

import errno
import os
import socket
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

# Seconds in which a whole request must arrive, and its largest size in bytes, head and body.
DEADLINE_SECONDS = float(os.environ.get("WEB_PATIENCE", "15"))
MAX_REQUEST_BYTES = 4 * 1024 * 1024


class DeadlineWorker(ThreadWorker):  # type: ignore[misc]
    def enqueue_req(self, conn: Any) -> None:
        conn.init()
        conn.parser.unreader.sock = _DeadlineSocket(conn.sock)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        result = super().handle(conn)
        # A request that was sent together with the one before: gunicorn would wait for more data first.
        while result[0] and conn.parser.unreader.buf.tell():
            conn.parser.unreader.sock = _DeadlineSocket(conn.sock)
            result = super().handle(conn)
        return result


class _DeadlineSocket:
    """The socket that the parser reads one request from, with its deadline and its largest size."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._deadline: float | None = None
        self._bytes_left = MAX_REQUEST_BYTES

    def recv(self, size: int) -> bytes:
        if self._deadline is None:
            # From the first read: waiting for a thread does not count.
            self._deadline = time.monotonic() + DEADLINE_SECONDS
        seconds = self._deadline - time.monotonic()
        if seconds <= 0 or self._bytes_left <= 0:
            raise _connection_reset()
        self._sock.settimeout(seconds)
        try:
            data = self._sock.recv(size)
        except TimeoutError:
            raise _connection_reset() from None
        finally:
            # Writing the response has no deadline.
            self._sock.settimeout(None)
        self._bytes_left -= len(data)
        return data


def _connection_reset() -> OSError:
    # gunicorn takes this for a sender that went away: it closes the connection and logs it at debug level.
    return ConnectionResetError(errno.ECONNRESET, "the request did not arrive in time")
