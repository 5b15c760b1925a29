"""The site as an ASGI application: Django's WSGI handler in a pool of threads.

A thread never waits for a client: it gets a request that is complete, and the response is kept in memory
until the client takes it. Only a response that is larger than `_MAX_UNSENT_BYTES` makes its thread wait.
Threads live as long as the process, and keep their database connections.
"""

import asyncio
import io
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Any
from urllib.parse import unquote_to_bytes

from hostapp.server.connections import BoundedProtocol

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Environ = dict[str, Any]
_ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType]

# A larger body is not read further: the application says what that means. Django takes no larger form.
MAX_BODY_BYTES = 2_621_440
_MAX_UNSENT_BYTES = 1024 * 1024
_FILE_BLOCK_BYTES = 256 * 1024


class ThreadedSite:
    """Answers ASGI's HTTP requests by calling a WSGI application in one of `threads` threads."""

    def __init__(self, wsgi_application: Callable[..., Iterable[bytes]], *, threads: int) -> None:
        self._wsgi_application = wsgi_application
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="site")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Another server than ours, such as a test's, has no bounds.
        connection: BoundedProtocol | None = scope.get("state", {}).get("connection")
        if connection:
            connection.head_received()
        body, is_whole = await _read_body(scope, receive, connection)
        if connection:
            connection.request_received()
            await connection.wait_until_writable()
        environ = build_environ(scope, body)
        response = _Response()
        # Not `run_in_executor`: the response itself says when it has ended. The loop is woken once less.
        self._executor.submit(response.run, self._wsgi_application, environ)
        try:
            while (message := await response.get_message()) is not None:
                if message["type"] == "http.response.start" and not is_whole:
                    # The rest of the request is still to come, and nobody will read it.
                    message["headers"].append((b"connection", b"close"))
                await send(message)
            if response.error is not None:
                raise response.error
        finally:
            response.close()
            if connection:
                connection.response_sent()


async def _read_body(
    scope: Scope, receive: Receive, connection: BoundedProtocol | None
) -> tuple[io.IOBase, bool]:
    """The body as a file, and whether it is all that the client sends.

    Raises nothing: the file of a body that was cut off raises OSError when it is read.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > MAX_BODY_BYTES:
            return io.BytesIO(), False
    body = bytearray()
    while len(body) <= MAX_BODY_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return _CutOff(), False
        if chunk := message.get("body", b""):
            body += chunk
            if connection:
                connection.body_received(len(chunk))
        if not message.get("more_body"):
            return io.BytesIO(body), True
    return io.BytesIO(body), False


class _CutOff(io.RawIOBase):
    """The body of a request that ended early."""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        raise ConnectionResetError("the request did not arrive completely")

    def readline(self, size: int | None = -1, /) -> bytes:
        return self.read(size)


def build_environ(scope: Scope, body: io.IOBase) -> Environ:
    server = scope.get("server") or ("localhost", None)
    # A unix socket has no address.
    client = scope.get("client") or ("", "")
    path = unquote_to_bytes(scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 80),
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        # The body ends where the file ends, also if it came in chunks and has no length.
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": _FileBlocks,
    }
    for name, value in scope["headers"]:
        # X_Forwarded_For and X-Forwarded-For would be one: only the second is what a proxy sets.
        if b"_" in name:
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_LENGTH", "CONTENT_TYPE"):
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        if key in environ:
            text = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
        environ[key] = text
    return environ


class _FileBlocks:
    """A file as an iterable, in larger blocks than Django's."""

    def __init__(self, file: Any, block_size: int = _FILE_BLOCK_BYTES) -> None:
        self._file = file
        self.close = getattr(file, "close", lambda: None)

    def __iter__(self) -> "_FileBlocks":
        return self

    def __next__(self) -> bytes:
        if data := self._file.read(_FILE_BLOCK_BYTES):
            return bytes(data)
        raise StopIteration


class _ClientGone(ConnectionError):
    """Ends the application's work on a response that nobody takes."""


class _Response:
    """One response, on its way from a thread to the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wakeup = asyncio.Event()
        # Guards what follows; the thread waits on it.
        self._changed = threading.Condition()
        self._start: Message | None = None
        self._unsent = bytearray()
        self._is_complete = False
        self._is_closed = False
        self._is_started = False
        self._is_ended = False
        # What the application has raised.
        self.error: BaseException | None = None

    # --- In the event loop

    async def get_message(self) -> Message | None:
        """The next message for the server, or None after the last one or if the application failed."""
        while not self._is_ended:
            self._wakeup.clear()
            if message := self._take_message():
                return message
            if self._is_closed:
                return None
            await self._wakeup.wait()
        return None

    def _take_message(self) -> Message | None:
        with self._changed:
            if self._start is not None and not self._is_started:
                self._is_started = True
                return self._start
            if self._is_started and (self._unsent or self._is_complete):
                body = bytes(self._unsent)
                self._unsent.clear()
                self._changed.notify()
                self._is_ended = self._is_complete
                return {"type": "http.response.body", "body": body, "more_body": not self._is_ended}
            return None

    def close(self) -> None:
        """Take no more: the client has gone, or the server stops."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    # --- In the thread

    def run(self, wsgi_application: Callable[..., Iterable[bytes]], environ: Environ) -> None:
        try:
            iterable = wsgi_application(environ, self._start_response)
            try:
                for chunk in iterable:
                    if chunk:
                        self._write(chunk)
            finally:
                getattr(iterable, "close", lambda: None)()
            with self._changed:
                self._is_complete = True
        except _ClientGone:
            pass
        except BaseException as error:
            self.error = error
        finally:
            with self._changed:
                self._is_closed = self._is_closed or not self._is_complete or self._start is None
            # The loop is closed if the server has stopped without waiting for this thread.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wakeup.set)

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: _ExceptionInfo | None = None
    ) -> Callable[[bytes], None]:
        if exc_info and self._is_started:
            raise exc_info[1].with_traceback(exc_info[2])
        with self._changed:
            self._start = {
                "type": "http.response.start",
                "status": int(status[:3]),
                "headers": [
                    (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
                ],
            }
        return self._write

    def _write(self, data: bytes) -> None:
        with self._changed:
            while len(self._unsent) > _MAX_UNSENT_BYTES and not self._is_closed:
                self._changed.wait()
            if self._is_closed:
                raise _ClientGone
            wake = not self._unsent
            self._unsent += data
        if wake:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wakeup.set)
