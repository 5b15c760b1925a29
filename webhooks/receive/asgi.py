"""The receiver as an ASGI application: answers what the view answers, and records in batches.

It loads no Django app. `python -m hostapp.receiver` runs it alone; in `manage.py serve` it stands before the
site.
"""

import asyncio
import hmac
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import psycopg

from telemetry.context import LIMITED
from webhooks.receive.accept import MAX_BODY_BYTES, NotAnEvent, accept, check_source
from webhooks.receive.batches import BatchRecorder, Connection
from webhooks.receive.config import ReceiverConfig
from webhooks.receive.metrics import DELIVERIES
from webhooks.receive.reasons import Reason, Refused
from webhooks.receive.record import Cursor, describe_unstorable
from webhooks.receive.refusals import NotWritten, RefusalTally, build_sample, log_signed_refusal
from webhooks.receive.url import PATH
from webhooks.receive.waiting import QueueFull, Unavailable, Unstorable

logger = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_PATH = re.compile(f"/{PATH}")
# Seconds after which a sender may try again when more arrives than the database takes.
_RETRY_AFTER = 30


class SenderConnection(Protocol):
    """What the web server is told about a request, so that it can bound what a sender holds."""

    def head_received(self) -> None: ...
    def body_received(self, count: int, /) -> None: ...
    def request_received(self) -> None: ...
    def response_sent(self) -> None: ...
    async def wait_until_writable(self) -> None: ...


@dataclass(frozen=True)
class _Answer:
    status: int
    text: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()


_OK = _Answer(200)
_UNAVAILABLE = _Answer(503)
_NOT_FOUND = _Answer(404)
_CLOSE = (b"connection", b"close")
_RECORDED = DELIVERIES.labels("recorded")


@dataclass(frozen=True)
class _Request:
    """The parts of a request that decide about it. Headers with an underscore are other headers."""

    remote_addr: str
    headers: dict[str, str]
    content_length: int


class Receiver:
    """Answers the requests to the path of `url.py`, and 404 to all others.

    `connection_parameters` returns psycopg's arguments; it is called in a thread, before each connection.
    """

    def __init__(self, config: ReceiverConfig, connection_parameters: Callable[[], dict[str, Any]]) -> None:
        self._config = config
        self._connection_parameters = connection_parameters
        self._recorder = BatchRecorder(self._connect)
        self._tally = RefusalTally(config.refusals_interval, self._open_transaction)

    async def start(self) -> None:
        """Connect to the database, or begin to try."""
        await self._recorder.start()

    async def stop(self) -> None:
        """Record what waits, and disconnect."""
        await self._recorder.stop()
        await asyncio.to_thread(self._tally.write)

    @property
    def is_ready(self) -> bool:
        """Whether deliveries can be recorded now."""
        return self._recorder.is_ready

    @staticmethod
    def takes(path: str) -> bool:
        """Whether this path is the receiver's."""
        return path.startswith("/webhooks/") and _PATH.fullmatch(path) is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Another server than ours, such as a test's, has no bounds.
        connection: SenderConnection | None = scope.get("state", {}).get("connection")
        if connection:
            connection.head_received()
        try:
            request = _parse_request(scope)
            body = await _read_body(request, receive, connection)
            if connection:
                connection.request_received()
                await connection.wait_until_writable()
            answer = await self._answer(scope, request, body)
            headers = [
                (b"content-length", b"%d" % len(answer.text.encode())),
                *answer.headers,
                *([(b"content-type", b"text/plain; charset=utf-8")] if answer.text else []),
                # The rest of the request is still to come, and nobody will read it.
                *([_CLOSE] if isinstance(body, Refused) else []),
            ]
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await send({"type": "http.response.body", "body": answer.text.encode()})
        finally:
            if connection:
                connection.response_sent()

    async def _answer(self, scope: Scope, request: _Request, body: "bytes | Refused") -> _Answer:
        match = _PATH.fullmatch(scope["path"])
        if match is None:
            return _NOT_FOUND
        if scope["method"] != "POST":
            return _Answer(405, headers=((b"allow", b"POST"),))
        if not hmac.compare_digest((match["token"] or "").encode(), self._config.token.encode()):
            return _NOT_FOUND
        now = datetime.now(UTC)
        try:
            check_source(
                request.remote_addr,
                request.headers,
                sources=self._config.sources,
                trusted_proxies=self._config.trusted_proxies,
            )
            if not self._config.secrets:
                logger.error("A webhook arrived, but WORKOS_WEBHOOK_SECRET is not set.", extra=LIMITED)
                return _Answer(503, "WORKOS_WEBHOOK_SECRET is not set")
            if isinstance(body, Refused):
                raise body
            return await self._accept(request, body, now)
        except Refused as refused:
            return await self._refuse(request, refused, now)

    async def _accept(self, request: _Request, body: bytes, now: datetime) -> _Answer:
        """Record a delivery. Raises Refused."""
        delivery = accept(
            request.headers, body, secrets=self._config.secrets, tolerance=self._config.tolerance, now=now
        )
        try:
            await self._recorder.record(delivery, now)
        except Unstorable as error:
            raise describe_unstorable(delivery, str(error), body_length=len(body)) from error
        except Unavailable as error:
            # What is not recorded is not received: WorkOS must send it again.
            return _answer_unavailable(f"Webhook {delivery.event_id}", error)
        _RECORDED.inc()
        return _OK

    async def _refuse(self, request: _Request, refused: Refused, now: datetime) -> _Answer:
        """Count and answer a refusal; keep what WorkOS signed. The tally logs how many there were."""
        if isinstance(refused, NotAnEvent):
            try:
                await self._recorder.record(refused, now)
            except Unavailable as error:
                return _answer_unavailable("Signed webhook", error)
        if refused.status == 200:
            log_signed_refusal(refused)
        sample = build_sample(refused, signature=request.headers.get("workos-signature"), now=now)
        if self._tally.count(sample):
            await asyncio.to_thread(self._tally.write)
        return _Answer(refused.status, "" if refused.status == 200 else refused.reason.label)

    async def _connect(self) -> Connection:
        parameters = await asyncio.to_thread(self._connection_parameters)
        # No prepared statements: a pooler in transaction mode has other connections behind it each time.
        return await psycopg.AsyncConnection.connect(**parameters, autocommit=True, prepare_threshold=None)

    @contextmanager
    def _open_transaction(self) -> Iterator[Cursor]:
        """A transaction, as the tally needs it: in its thread, and rarely."""
        try:
            with (
                psycopg.connect(**self._connection_parameters()) as connection,
                connection.cursor() as cursor,
            ):
                yield cursor
        except psycopg.Error as error:
            raise NotWritten(type(error).__name__) from error


def _answer_unavailable(what: str, error: Unavailable) -> _Answer:
    logger.error("%s not recorded: %s", what, error, extra=LIMITED)
    DELIVERIES.labels("unavailable").inc()
    if isinstance(error, QueueFull):
        return _Answer(503, headers=((b"retry-after", b"%d" % _RETRY_AFTER),))
    return _UNAVAILABLE


def _parse_request(scope: Scope) -> _Request:
    headers: dict[str, str] = {}
    content_length = 0
    for name, value in scope["headers"]:
        if name in (b"workos-signature", b"x-forwarded-for"):
            key, text = name.decode("ascii"), value.decode("latin-1")
            headers[key] = f"{headers[key]},{text}" if key in headers else text
        elif name == b"content-length":
            content_length = int(value)
    # A unix socket has no address.
    client = scope.get("client") or ("", 0)
    return _Request(client[0], headers, content_length)


async def _read_body(
    request: _Request, receive: Receive, connection: SenderConnection | None
) -> "bytes | Refused":
    """The body, or why it is refused: then it has not been read to its end."""
    if request.content_length > MAX_BODY_BYTES:
        return Refused(Reason.TOO_LARGE, body_length=request.content_length)
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return Refused(Reason.CUT_OFF)
        if chunk := message.get("body", b""):
            body += chunk
            if connection:
                connection.body_received(len(chunk))
        if len(body) > MAX_BODY_BYTES:
            return Refused(Reason.TOO_LARGE, body_length=len(body))
        if not message.get("more_body"):
            return body
