"""Send deliveries to either receiver within the test's process."""

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from django.db import connection
from django.test import Client

from hostapp.asgi import get_connection_parameters
from tests.deliveries import encode, signed
from webhooks import conf
from webhooks.receive.asgi import Receiver


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    # By lower-case name.
    headers: Mapping[str, str]


class Sender(Protocol):
    def send(self, body: bytes, *, method: str, path: str, headers: Mapping[str, str]) -> Answer: ...


class ViewSender:
    """Calls the Django view through all middleware."""

    def send(self, body: bytes, *, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        client = Client(enforce_csrf_checks=True)
        response = client.generic(method, path, body, "application/json", headers=headers)
        names = {name.lower(): value for name, value in response.headers.items()}
        if response.cookies:
            names["set-cookie"] = response.cookies.output()
        return Answer(response.status_code, response.content, names)


class ReceiverSender:
    """Calls the ASGI receiver, which has connections of its own to the test's database."""

    def send(self, body: bytes, *, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        # In a thread, because the tests' own may run the event loop of a browser.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, _send(body, method, path, headers)).result()


async def _send(body: bytes, method: str, path: str, headers: Mapping[str, str]) -> Answer:
    receiver = Receiver(conf.receiver_config(), get_connection_parameters)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "client": ("127.0.0.1", 50_000),
        "headers": [*raw, (b"content-length", b"%d" % len(body))],
    }
    await receiver.start()
    try:
        await receiver(scope, receive, send)
    finally:
        await receiver.stop()
    start, content = sent
    names = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], content["body"], names)


@dataclass(frozen=True)
class Deliveries:
    """Posts to one of the receivers."""

    sender: Sender

    def post(
        self,
        body: bytes,
        header: str | None,
        *,
        path: str = "/webhooks/workos/",
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        signature = {} if header is None else {"WorkOS-Signature": header}
        return self.sender.send(body, method=method, path=path, headers={**signature, **(headers or {})})

    def deliver(self, event: str, **changes: Any) -> Answer:
        """Deliver a recorded event, signed as WorkOS does."""
        body = encode(event, **changes)
        return self.post(body, signed(body))


@contextmanager
def events_refused(event_id: str) -> Iterator[None]:
    """Let the database refuse to store the event with this id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE webhooks_webhookevent ADD CONSTRAINT refuse CHECK (event_id <> %s)", [event_id]
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE webhooks_webhookevent DROP CONSTRAINT refuse")
