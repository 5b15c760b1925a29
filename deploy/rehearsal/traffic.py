"""Deliver signed events through the proxy, and fetch pages, while things happen."""

import hashlib
import hmac
import http.client
import json
import ssl
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

ORGANIZATION = "org_01REHEARSALAAAAAAAAAAAAAAA"
_SENDERS = 6
# WorkOS waits longer; a shorter pause tries the application harder.
_SECONDS_BEFORE_REPEAT = 0.25
_SECONDS_BETWEEN_PAGES = 0.05
_TIMEOUT = 60.0
# A delivery that is not accepted for so long is lost. The longest thing that is rehearsed takes less.
_SECONDS_BEFORE_GIVING_UP = 60.0


@dataclass
class Measured:
    """What was seen while one thing happened."""

    name: str
    deliveries: int = 0
    # First answers other than 200, by status; 0 is none at all.
    refusals: Counter[int] = field(default_factory=Counter)
    pages: int = 0
    failed_pages: Counter[int] = field(default_factory=Counter)
    longest_page: float = 0.0
    longest_delivery: float = 0.0


class Traffic:
    """Sends deliveries 0, 1, 2 … at a steady rate, each again until it is answered with 200."""

    def __init__(self, port: int, context: ssl.SSLContext, secret: str, *, per_second: float) -> None:
        self._port = port
        self._context = context
        self._secret = secret.encode()
        self._per_second = per_second
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._began = 0.0
        self._next = 0
        self._threads: list[threading.Thread] = []
        self.stages: list[Measured] = []

    @property
    def sent(self) -> int:
        return self._next

    def enter(self, name: str) -> None:
        """From now on, what is seen belongs to this stage."""
        self.stages.append(Measured(name))

    def reaches_the_site(self) -> bool:
        status, client = self._request(self._connect(), "GET", "/account/login/")
        client.close()
        return status == 200

    def start(self) -> None:
        self._began = time.monotonic()
        self._threads = [threading.Thread(target=self._send_deliveries) for _ in range(_SENDERS)]
        self._threads.append(threading.Thread(target=self._fetch_pages))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send no new ones, and wait until each is answered with 200, or given up."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _take_number(self) -> int:
        with self._lock:
            number = self._next
            self._next += 1
        return number

    def _send_deliveries(self) -> None:
        client = self._connect()
        while not self._stop.is_set():
            number = self._take_number()
            # No sender hurries after a pause: a steady rate tries every moment alike.
            due = self._began + number / self._per_second
            time.sleep(max(0.0, due - time.monotonic()))
            stage = self.stages[-1]
            body = build_event(number)
            started = time.monotonic()
            status, client = self._request(client, "POST", "/webhooks/workos/", body)
            with self._lock:
                stage.deliveries += 1
                stage.longest_delivery = max(stage.longest_delivery, time.monotonic() - started)
                if status != 200:
                    stage.refusals[status] += 1
            while status != 200 and time.monotonic() - started < _SECONDS_BEFORE_GIVING_UP:
                time.sleep(_SECONDS_BEFORE_REPEAT)
                status, client = self._request(client, "POST", "/webhooks/workos/", body)
        client.close()

    def _fetch_pages(self) -> None:
        client = self._connect()
        while not self._stop.wait(_SECONDS_BETWEEN_PAGES):
            stage = self.stages[-1]
            started = time.monotonic()
            status, client = self._request(client, "GET", "/account/login/")
            stage.longest_page = max(stage.longest_page, time.monotonic() - started)
            stage.pages += 1
            if status != 200:
                stage.failed_pages[status] += 1
        client.close()

    def _connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("localhost", self._port, context=self._context, timeout=_TIMEOUT)

    def _request(
        self, client: http.client.HTTPSConnection, method: str, path: str, body: bytes = b""
    ) -> tuple[int, http.client.HTTPSConnection]:
        """The status, or 0 if there was no answer; and the connection for the next request."""
        headers = {"Content-Type": "application/json", "WorkOS-Signature": self._sign(body)} if body else {}
        try:
            client.request(method, path, body or None, headers)
            response = client.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            with suppress(OSError):
                client.close()
            return 0, self._connect()
        return response.status, client

    def _sign(self, body: bytes) -> str:
        stamp = str(int(time.time() * 1000))
        digest = hmac.new(self._secret, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        return f"t={stamp}, v1={digest}"


def build_event(number: int) -> bytes:
    """A connection of its own becomes active: one row and one entry of the audit log, if applied once."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    data = {
        "object": "connection",
        "id": f"conn_{number:026d}",
        "organization_id": ORGANIZATION,
        "connection_type": "OktaSAML",
        "name": f"Connection {number}",
        "state": "active",
        "created_at": now,
        "updated_at": now,
    }
    event = {"id": f"event_{number:026d}", "event": "connection.activated", "data": data, "created_at": now}
    return json.dumps(event).encode()
