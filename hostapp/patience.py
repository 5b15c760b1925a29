"""gunicorn's threaded worker, with an end to its patience.

gunicorn waits for a request as long as its sender likes, with a thread, and gathers in memory what it cannot
parse yet (the size of a chunk, say). A proxy that buffers requests ends that; this ends it without one.
"""

import errno
import os
import socket
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

# For all of a request to arrive, in seconds; and its most bytes, head and body.
DEADLINE = float(os.environ.get("WEB_PATIENCE", "15"))
MOST_BYTES = 4 * 1024 * 1024


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    def enqueue_req(self, conn: Any) -> None:
        conn.init()
        conn.parser.unreader.sock = _Patience(conn.sock)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        answered = super().handle(conn)
        # What was sent in one go with the request before: gunicorn would wait for more to come first.
        while answered[0] and conn.parser.unreader.buf.tell():
            conn.parser.unreader.sock = _Patience(conn.sock)
            answered = super().handle(conn)
        return answered


class _Patience:
    """What the parser reads one request from: the socket, for so long and for so much."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._end: float | None = None
        self._left = MOST_BYTES

    def recv(self, size: int) -> bytes:
        if self._end is None:
            # From the first look, not from the wait for a thread.
            self._end = time.monotonic() + DEADLINE
        seconds = self._end - time.monotonic()
        if seconds <= 0 or self._left <= 0:
            raise _enough()
        self._sock.settimeout(seconds)
        try:
            data = self._sock.recv(size)
        except TimeoutError:
            raise _enough() from None
        finally:
            # The answer is written in its own time.
            self._sock.settimeout(None)
        self._left -= len(data)
        return data


def _enough() -> OSError:
    # What gunicorn takes for a sender that went away: it closes, and says so only at its debug level.
    return ConnectionResetError(errno.ECONNRESET, "the request did not end in time")
