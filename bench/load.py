"""Signed deliveries, and two clients that post them: `wrk`, and one in Python, which can also keep a rate."""

import asyncio
import hashlib
import hmac
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.database import SECRET
from bench.report import ROOT, find_percentile

PAYLOAD_BYTES = 1471
PATH = "/webhooks/workos/"
ORGANIZATION = "org_01BENCHAAAAAAAAAAAAAAAAAAA"
DIRECTORY = "directory_01BENCHAAAAAAAAAAAAAAAAA"
_MARKER = "event_" + "0" * 26
# Seconds that the answers to the last requests may take.
_LAST_ANSWERS = 0.5


@dataclass(frozen=True)
class Measured:
    answered: int
    seconds: float
    p50_ms: float
    p99_ms: float
    # Answers with another status, and connections that broke.
    not_200: int
    broken: int

    @property
    def acknowledged(self) -> int:
        return self.answered - self.not_200


def build_event(event_id: str, name: str, *, size: int = PAYLOAD_BYTES) -> bytes:
    """An event about a person of a directory, as long as WorkOS's are."""
    event = {
        "object": "event",
        "id": event_id,
        "event": name,
        "created_at": "2026-01-15T12:00:00.000Z",
        "data": {
            "object": "directory_user",
            "id": f"directory_user_{event_id}",
            "directory_id": DIRECTORY,
            "organization_id": ORGANIZATION,
            "idp_id": f"idp_{event_id}",
            "state": "active",
            "first_name": "Ada",
            "last_name": "Davis",
            "email": "ada@acme.example",
            "emails": [{"primary": True, "type": "work", "value": "ada@acme.example"}],
            "job_title": "Engineer",
            "username": "ada@acme.example",
            "role": {"slug": "member"},
            "roles": [{"slug": "member"}],
            "raw_attributes": {},
            "custom_attributes": {"department": ""},
            "created_at": "2026-01-15T12:00:00.000Z",
            "updated_at": "2026-01-15T12:00:00.000Z",
        },
        "context": {},
    }
    missing = max(0, size - len(_dump(event)))
    event["data"]["custom_attributes"]["department"] = "x" * missing  # type: ignore[index]
    return _dump(event)


def _dump(event: dict[str, Any]) -> bytes:
    """As WorkOS writes it. Its Node SDK verifies `JSON.stringify` of what it has parsed."""
    return json.dumps(event, separators=(",", ":")).encode()


def build_request(body: bytes) -> bytes:
    """A POST of this body, signed now, as WorkOS signs it."""
    stamp = b"%d" % (time.time() * 1000)
    digest = hmac.new(SECRET.encode(), stamp + b"." + body, hashlib.sha256).hexdigest().encode()
    return (
        b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"User-Agent: WorkOS\r\nWorkOS-Signature: t=%b, v1=%b\r\nContent-Length: %d\r\n\r\n%b"
        % (PATH.encode(), stamp, digest, len(body), body)
    )


def build_requests(run: int, name: str, numbers: Iterator[int] | range) -> Iterator[bytes]:
    """Deliveries of different events. `run` tells them from those of other runs: see `build_event_id`."""
    template = build_event(_MARKER, name)
    for number in numbers:
        event_id = build_event_id(run, number)
        yield build_request(template.replace(_MARKER.encode(), event_id.encode()))


def build_event_id(run: int, number: int) -> str:
    return f"event_{run:013d}{number:013d}"


def write_requests(path: Path, run: int, count: int, name: str) -> None:
    """Write so many deliveries, each after its length."""
    with path.open("wb") as file:
        for request in build_requests(run, name, range(count)):
            file.write(b"%08d%b" % (len(request), request))


def read_requests(path: Path) -> list[bytes]:
    raw = path.read_bytes()
    requests = []
    start = 0
    while start < len(raw):
        length = int(raw[start : start + 8])
        requests.append(raw[start + 8 : start + 8 + length])
        start += 8 + length
    return requests


def send(port: int, requests: Path, *, senders: int, seconds: float) -> Measured:
    """Post the requests of a file, each sender the next one as soon as its last one is answered."""
    if shutil.which("wrk"):
        return _send_with_wrk(port, requests, senders=senders, seconds=seconds)
    return send_with_python(port, read_requests(requests), senders=senders, seconds=seconds)


def _send_with_wrk(port: int, requests: Path, *, senders: int, seconds: float) -> Measured:
    result = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(senders)),
            # It counts in whole seconds.
            *("--duration", f"{max(1, round(seconds))}s", "--timeout", "20s"),
            *("--script", str(ROOT / "bench/ingest.lua"), f"http://127.0.0.1:{port}/"),
        ],
        env={**os.environ, "REQUESTS": str(requests)},
        capture_output=True,
        text=True,
        check=True,
    )
    return Measured(**json.loads(result.stdout.splitlines()[-1]))


def send_with_python(
    port: int, requests: list[bytes], *, senders: int, seconds: float, rate: float = 0
) -> Measured:
    """The same. With a `rate`, so many a second in all; a time counts from when the request was due.

    So a server that stops for a second has a second's worth of slow answers, and not one for each sender.
    """
    import uvloop

    return uvloop.run(_send(port, requests, senders, seconds, rate))


class _Sender(asyncio.Protocol):
    def __init__(self, load: "_Load", number: int) -> None:
        self.load = load
        self.number = number
        self.sent = 0.0
        self.waits = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.send_next()

    def send_next(self) -> None:
        load = self.load
        now = load.loop.time()
        if now >= load.ends:
            self.transport.close()
            return
        if load.interval:
            # This sender's turn. One that is late sends at once, and its time counts from its turn.
            turn = load.began + (load.turns[self.number] * load.senders + self.number) * load.interval
            if turn > now:
                load.loop.call_at(turn, self.send_next)
                return
            load.turns[self.number] += 1
            now = turn
        request = load.take()
        self.sent = now
        self.waits = True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        # Answers are small, so each arrives whole.
        self.waits = False
        self.load.times.append(self.load.loop.time() - self.sent)
        self.load.statuses.append(data[9:12])
        self.send_next()

    def connection_lost(self, _: Exception | None) -> None:
        if self.waits:
            self.load.broken += 1


class _Load:
    def __init__(self, requests: list[bytes], senders: int, seconds: float, rate: float) -> None:
        self.requests = requests
        self.sent = 0
        self.senders = senders
        self.turns = [0] * senders
        self.interval = 1 / rate if rate else 0
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.ends = self.began + seconds
        self.times: list[float] = []
        self.statuses: list[bytes] = []
        self.broken = 0

    def take(self) -> bytes:
        """The next request. After the last one come the first ones again."""
        request = self.requests[self.sent % len(self.requests)]
        self.sent += 1
        return request


async def _send(port: int, requests: list[bytes], senders: int, seconds: float, rate: float) -> Measured:
    load = _Load(requests, senders, seconds, rate)
    pairs = [
        await load.loop.create_connection(lambda number=number: _Sender(load, number), "127.0.0.1", port)  # type: ignore[misc]
        for number in range(senders)
    ]
    await asyncio.sleep(max(0, load.ends - load.loop.time()))
    # The answers to the last requests; a slow server is not waited for without end.
    deadline = load.loop.time() + 20
    while any(sender.waits for _, sender in pairs) and load.loop.time() < deadline:
        await asyncio.sleep(_LAST_ANSWERS / 10)
    for transport, _ in pairs:
        transport.close()
    await asyncio.sleep(0)
    return Measured(
        answered=len(load.times),
        seconds=seconds,
        p50_ms=find_percentile(load.times, 50) * 1000,
        p99_ms=find_percentile(load.times, 99) * 1000,
        not_200=sum(status != b"200" for status in load.statuses),
        broken=load.broken,
    )
