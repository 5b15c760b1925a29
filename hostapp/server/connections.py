"""Bounds what one sender, and all senders together, can hold of the web server.

uvicorn lets a client send its request, and read the response, as slowly as it likes. `BoundedProtocol` stands
between asyncio's transport and uvicorn's HTTP protocol, and uses asyncio's public interfaces only. It holds:

* a deadline for a whole request to arrive, since the connection was opened or the request began;
* a lowest rate at which a response must be taken;
* the size of a request, and the number of requests that are read ahead (pipelined);
* the connections of a process, and the memory in unfinished requests and unsent responses. At each limit the
  connection that has been waiting longest is closed, so a newcomer is always served.

The application finds its connection in `scope["state"]["connection"]`.
"""

import asyncio
import re
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, ClassVar, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hostapp.server.metrics import CONNECTIONS_SHARE

# Of a response, a client must take so much, or all there is, in twice the time that a request may take.
RESPONSE_BYTES = 32 * 1024
# As sent: head, body, and the lines between chunks.
MAX_REQUEST_BYTES = 4 * 1024 * 1024
# Request line and headers.
MAX_HEAD_BYTES = 64 * 1024
# Of one process. Fewer if it may not open as many files: see `file_limits.py`.
MAX_CONNECTIONS = 2000
# Of all requests of a process that are not answered yet, and of all responses that are not sent yet.
MAX_HELD_BYTES = 64 * 1024 * 1024
# Connections that the kernel accepts for us before we do. Each needs a file descriptor at once.
BACKLOG = 256
_NO_LINGER = struct.pack("ii", 1, 0)
# How long the body is, if the head says so.
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,10})[ \t]*\r\n", re.IGNORECASE)
# What follows another body is not told from it. So many bytes may be parsed too many: a request has 18.
_BODY_SLICE_BYTES = 256
_HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


class Connections:
    """The connections of this process. Used in the event loop's thread only."""

    def __init__(self, max_connections: int = MAX_CONNECTIONS, *, request_seconds: float = 15) -> None:
        self.max_connections = max_connections
        # Seconds in which a whole request must arrive, head and body.
        self.request_seconds = request_seconds
        self._all: dict[BoundedProtocol, None] = {}
        # Those that we wait for, longest first.
        self._waiting: dict[BoundedProtocol, None] = {}
        self._held_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, connection: "BoundedProtocol") -> None:
        self._all[connection] = None
        self.wait_for(connection)
        CONNECTIONS_SHARE.observe(len(self._all) / self.max_connections)
        if len(self._all) > self.max_connections:
            # If all others are being answered, the newcomer itself is the one that waits.
            next(iter(self._waiting)).abort()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(1, self._look)

    def remove(self, connection: "BoundedProtocol") -> None:
        self.hold(connection, -connection.held_bytes)
        self._all.pop(connection, None)
        self._waiting.pop(connection, None)

    def wait_for(self, connection: "BoundedProtocol") -> None:
        if connection in self._all:
            self._waiting.pop(connection, None)
            self._waiting[connection] = None

    def wait_no_longer(self, connection: "BoundedProtocol") -> None:
        self._waiting.pop(connection, None)

    def hold(self, connection: "BoundedProtocol", count: int) -> None:
        """Count so many more bytes in memory for this connection, and make room if that is too much."""
        if connection not in self._all:
            return
        connection.held_bytes += count
        self._held_bytes += count
        if count > 0 and self._held_bytes > MAX_HELD_BYTES:
            self._abort_until_fit([one for one in self._waiting if one.held_bytes])
            if self._held_bytes > MAX_HELD_BYTES:
                connection.abort()

    def _abort_until_fit(self, candidates: Iterable["BoundedProtocol"]) -> None:
        for one in candidates:
            if self._held_bytes <= MAX_HELD_BYTES:
                return
            one.abort()

    def _look(self) -> None:
        """Close what is over its deadline. Runs once a second while there are connections."""
        now = asyncio.get_running_loop().time()
        for connection in list(self._all):
            connection.check_deadlines(now)
        unsent = sorted(self._all, key=lambda one: one.unsent_bytes, reverse=True)
        total = sum(one.unsent_bytes for one in unsent)
        for connection in unsent:
            if total <= MAX_HELD_BYTES:
                break
            total -= connection.unsent_bytes
            connection.abort()
        self._timer = asyncio.get_running_loop().call_later(1, self._look) if self._all else None


class BoundedProtocol(asyncio.Protocol):
    """One connection: passes everything on to uvicorn's protocol, within the limits above.

    uvicorn makes one for each connection (its option `http`) and says with what.
    """

    connections: ClassVar[Connections] = Connections()

    def __init__(self, *, app_state: dict[str, Any], **arguments: Any) -> None:
        self._http = HttpToolsProtocol(app_state={**app_state, "connection": self}, **arguments)
        self._transport: asyncio.Transport
        # Read, and not parsed yet.
        self._unparsed = bytearray()
        self._is_parsing_paused = False
        # The client sends no more.
        self._is_eof = False
        # Bytes of the request that is being received.
        self._request_bytes = 0
        self._is_head_complete = False
        # When we began to wait for a request; None while it is being answered, or before its first byte.
        self._waiting_since: float | None = None
        self._written_bytes = 0
        # Bytes that had left us at the beginning of the period in which the client must take some.
        self._taken_bytes = 0
        self._period_began = 0.0
        self._writable = asyncio.Event()
        self._writable.set()
        # Bytes of the request's body in memory, and these with what is not parsed yet.
        self._body_bytes = 0
        self.held_bytes = 0

    # --- For the application

    def head_received(self) -> None:
        self._is_head_complete = True
        if self._waiting_since is None:
            self._waiting_since = asyncio.get_running_loop().time()

    def body_received(self, count: int) -> None:
        """So many more bytes of the body are in memory."""
        self._body_bytes += count
        self._count_held()

    def request_received(self) -> None:
        """The whole request has arrived, or it is answered without the rest."""
        self._waiting_since = None
        self.connections.wait_no_longer(self)

    def response_sent(self) -> None:
        """The response has been handed over: the next request may arrive."""
        self._body_bytes = 0
        self._count_held()
        self._is_head_complete = False
        self._request_bytes = len(self._unparsed)
        # While nothing of the next request has arrived, uvicorn's own limit for idle connections holds.
        self._waiting_since = asyncio.get_running_loop().time() if self._unparsed else None
        self.connections.wait_for(self)
        # uvicorn may begin with the next request first, if it has parsed it already.
        if self._unparsed:
            asyncio.get_running_loop().call_soon(self._parse)
        if self._is_eof:
            asyncio.get_running_loop().call_soon(self._close_unless_answering)

    async def wait_until_writable(self) -> None:
        """Wait until the client has taken the responses before, save the last bytes."""
        await self._writable.wait()

    # --- For asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are no subclass.
        self._transport = transport = cast("asyncio.Transport", transport)
        self._waiting_since = asyncio.get_running_loop().time()
        self.connections.add(self)
        self._http.connection_made(_Transport(transport, self))

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.remove(self)
        self._unparsed.clear()
        self._writable.set()
        self._http.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._waiting_since is None and not self._is_head_complete:
            self._waiting_since = asyncio.get_running_loop().time()
        self._unparsed += data
        self._request_bytes += len(data)
        self._parse()
        if self._waiting_since is not None and self._request_bytes > MAX_REQUEST_BYTES:
            self.abort()
        elif not self._is_head_complete and self._request_bytes > MAX_HEAD_BYTES:
            # The application, whose task may have been started just now, says that the head is complete.
            asyncio.get_running_loop().call_soon(self._refuse_large_head)

    def eof_received(self) -> bool:
        """Keep the connection of a client that has sent its request and now only reads."""
        self._is_eof = True
        asyncio.get_running_loop().call_soon(self._close_unless_answering)
        return True

    def pause_writing(self) -> None:
        self._writable.clear()
        self.connections.wait_for(self)
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._writable.set()
        if self._is_answering:
            self.connections.wait_no_longer(self)
        self._http.resume_writing()

    # --- Within

    def abort(self) -> None:
        """Close the connection at once, whatever is unsent."""
        self.connections.remove(self)
        # Without this, the kernel keeps what it could not send yet, and goes on trying.
        with suppress(OSError):
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()

    @property
    def unsent_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    def check_deadlines(self, now: float) -> None:
        if self._waiting_since is not None and now - self._waiting_since > self.connections.request_seconds:
            self.abort()
            return
        unsent = self.unsent_bytes
        taken = self._written_bytes - unsent
        if not unsent or taken - self._taken_bytes >= RESPONSE_BYTES:
            self._taken_bytes = taken
            self._period_began = now
        elif now - self._period_began > 2 * self.connections.request_seconds:
            self.abort()

    def add_written(self, count: int) -> None:
        self._written_bytes += count

    def pause_parsing(self) -> None:
        self._is_parsing_paused = True

    def resume_parsing(self) -> None:
        self._is_parsing_paused = False
        # Not at once: uvicorn is in the middle of something.
        asyncio.get_running_loop().call_soon(self._parse)

    def _parse(self) -> None:
        """Give uvicorn what belongs to the request that is arriving; keep the rest until it is answered."""
        if self._unparsed and not self._is_parsing_paused and not self._is_answering:
            end = self._find_end()
            piece = bytes(self._unparsed[:end])
            del self._unparsed[:end]
            self._http.data_received(piece)
            if self._unparsed:
                # After the application, whose task may have been started just now, has said what it has.
                asyncio.get_running_loop().call_soon(self._parse)
        if self._transport.is_closing():
            self._unparsed.clear()
        elif self._unparsed or self._is_parsing_paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
        self._count_held()

    def _find_end(self) -> int:
        """Where to cut what is unparsed: after a head and its body. uvicorn would parse all there is."""
        end = self._unparsed.find(b"\r\n\r\n", _BODY_SLICE_BYTES if self._is_head_complete else 0)
        if end < 0:
            return len(self._unparsed)
        end += 4
        if self._is_head_complete:
            return end
        length = _CONTENT_LENGTH.search(self._unparsed, 0, end)
        return end + int(length[1]) if length else end

    @property
    def _is_answering(self) -> bool:
        return self._is_head_complete and self._waiting_since is None

    def _count_held(self) -> None:
        if count := self._body_bytes + len(self._unparsed) - self.held_bytes:
            self.connections.hold(self, count)

    def _close_unless_answering(self) -> None:
        if not self._is_answering and not self._unparsed:
            self._transport.close()

    def _refuse_large_head(self) -> None:
        if not self._is_head_complete and not self._transport.is_closing():
            self._transport.write(_HEAD_TOO_LARGE)
            self._transport.close()


class _Transport(asyncio.Transport):
    """The transport that uvicorn's protocol sees: tells the connection about reading and writing."""

    def __init__(self, transport: asyncio.Transport, connection: BoundedProtocol) -> None:
        super().__init__()
        self._transport = transport
        self._connection = connection

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def write(self, data: Any) -> None:
        # uvicorn writes an empty body, too.
        if data:
            self._connection.add_written(len(data))
            self._transport.write(data)

    def pause_reading(self) -> None:
        self._connection.pause_parsing()

    def resume_reading(self) -> None:
        self._connection.resume_parsing()
