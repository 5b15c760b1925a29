"""Whether each delivery that was answered 200 is stored, while receivers and PostgreSQL are killed.

    python -m bench durability                           # 100,000 acknowledged, in five minutes at most
    python -m bench durability --acknowledged 1000000 --seconds 1800

32 senders post events to the receiver. Meanwhile, in turn, one of its processes gets SIGKILL, PostgreSQL is
stopped with `pg_ctl stop -m immediate` and started again, and all of the receiver's processes get SIGKILL at
once and are started again. In the end the ids of what was acknowledged are compared with those of the rows.
Nothing else may use the same PostgreSQL meanwhile.
"""

import argparse
import asyncio
import contextlib
import itertools
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import psutil

from bench.commands import main
from bench.database import Database, run_database, start_postgresql, stop_postgresql_immediately
from bench.load import build_event_id, build_requests
from bench.processes import RunningProcess, find_free_port, run_server
from bench.receivers import ALONE
from bench.report import Report, Table, report_progress

SMOKE = ("--acknowledged", "300", "--pause", "0.3", "--seconds", "60")

_SENDERS = 32
# Seconds after which a sender gives a request up.
_PATIENCE = 15.0
# Seconds that a sender waits after an answer other than 200 and after a broken connection.
_PAUSE_AFTER_FAILURE = 0.05
# Seconds that PostgreSQL stays away.
_AWAY = 0.5
_RUN = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--acknowledged", type=int, default=100_000, help="to reach (default: 100,000)")
    parser.add_argument("--seconds", type=float, default=300, help="at most (default: 300)")
    parser.add_argument("--pause", type=float, default=2, help="seconds between kills (default: 2)")


@dataclass
class Deliveries:
    """What the senders have seen."""

    requests: Iterator[tuple[int, bytes]]
    acknowledged: set[int] = field(default_factory=set)
    # Other answers by status, and connections that broke or gave no answer.
    statuses: Counter[int] = field(default_factory=Counter)
    broken: int = 0


@dataclass
class Crashes:
    counts: Counter[str] = field(default_factory=Counter)
    # Seconds from when PostgreSQL was there again to the next acknowledged delivery.
    pauses: list[float] = field(default_factory=list)


def run(options: argparse.Namespace) -> Report:
    deliveries = Deliveries(_build_numbered_requests())
    with run_database() as database:
        started = time.monotonic()
        crashes = asyncio.run(_crash(options, database, deliveries))
        seconds = time.monotonic() - started
        stored = read_stored_ids(database)
    acknowledged = {build_event_id(_RUN, number) for number in deliveries.acknowledged}
    lost = acknowledged - stored
    problems = []
    if lost:
        problems.append(f"{len(lost)} acknowledged deliveries are not stored, such as {min(lost)}")
    if len(acknowledged) < options.acknowledged:
        problems.append(f"only {len(acknowledged):,} deliveries were acknowledged in {seconds:.0f} s")
    rows: list[tuple[str, int]] = [
        ("acknowledged", len(acknowledged)),
        ("**acknowledged and not stored**", len(lost)),
        ("stored and not acknowledged (they would come again)", len(stored - acknowledged)),
        ("answered 503", deliveries.statuses.pop(503, 0)),
        *((f"answered {status}", count) for status, count in sorted(deliveries.statuses.items())),
        ("connections that broke", deliveries.broken),
        *sorted(crashes.counts.items()),
    ]
    table = Table("Durability", ["", "count"], [*rows], note=_describe_pauses(crashes, seconds))
    return Report([table], figures={"counts": dict(rows), "pauses": crashes.pauses}, problems=problems)


def _describe_pauses(crashes: Crashes, seconds: float) -> str:
    text = f"{_SENDERS} senders, {seconds:.0f} s."
    if crashes.pauses:
        text += (
            " After PostgreSQL had started, the next delivery was acknowledged within"
            f" {max(crashes.pauses) * 1000:.0f} ms."
        )
    return text


def read_stored_ids(database: Database) -> set[str]:
    with database.connect() as connection:
        return {row[0] for row in connection.execute("SELECT event_id FROM webhooks_webhookevent")}


def _build_numbered_requests() -> Iterator[tuple[int, bytes]]:
    """Each is signed when it is taken. Half of them have a handler."""
    numbers = itertools.count()
    for number in numbers:
        name = ("connection.activated", "vault.names.listed")[number % 2]
        yield number, next(build_requests(_RUN, name, range(number, number + 1)))


async def _crash(options: argparse.Namespace, database: Database, deliveries: Deliveries) -> Crashes:
    """Send until enough is acknowledged or the time is over, and kill meanwhile."""
    crashes = Crashes()
    port = find_free_port()
    deadline = time.monotonic() + options.seconds
    receiver = Receiver(database, port)
    await asyncio.to_thread(receiver.start)
    senders = [asyncio.create_task(_send(port, deliveries)) for _ in range(_SENDERS)]

    def has_ended() -> bool:
        is_enough: bool = len(deliveries.acknowledged) >= options.acknowledged
        return is_enough or time.monotonic() > deadline

    async def stop_postgresql() -> None:
        crashes.pauses.append(await _stop_postgresql(database, deliveries))

    kinds: dict[str, Callable[[], Awaitable[object]]] = {
        "receiver's process killed": lambda: asyncio.to_thread(receiver.kill_one),
        "PostgreSQL stopped at once": stop_postgresql,
        "all of the receiver's processes killed": lambda: asyncio.to_thread(receiver.kill_all),
    }
    try:
        # Each kind at least once, however soon enough is acknowledged.
        for number, (kind, crash) in enumerate(itertools.cycle(kinds.items())):
            if number >= len(kinds) and has_ended():
                break
            await asyncio.sleep(options.pause)
            for sender in senders:
                if sender.done():
                    sender.result()
            await crash()
            crashes.counts[kind] += 1
            if number % 15 == 0:
                report_progress(f"durability: {len(deliveries.acknowledged):,} acknowledged")
        while not has_ended():
            await asyncio.sleep(0.1)
    finally:
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)
        await asyncio.to_thread(receiver.stop)
    return crashes


async def _stop_postgresql(database: Database, deliveries: Deliveries) -> float:
    """Stop it at once and start it again. Returns the seconds to the next acknowledged delivery."""
    await asyncio.to_thread(stop_postgresql_immediately, database)
    await asyncio.sleep(_AWAY)
    await asyncio.to_thread(start_postgresql, database)
    began = time.monotonic()
    before = len(deliveries.acknowledged)
    while len(deliveries.acknowledged) == before and time.monotonic() - began < _PATIENCE:
        await asyncio.sleep(0.005)
    return time.monotonic() - began


async def _send(port: int, deliveries: Deliveries) -> None:
    """Send one delivery after the other until cancelled."""
    while True:
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while True:
                number, request = next(deliveries.requests)
                writer.write(request)
                async with asyncio.timeout(_PATIENCE):
                    head = await reader.readuntil(b"\r\n\r\n")
                    if length := _find_length(head):
                        await reader.readexactly(length)
                status = int(head[9:12])
                if status == 200:
                    deliveries.acknowledged.add(number)
                else:
                    deliveries.statuses[status] += 1
                    await asyncio.sleep(_PAUSE_AFTER_FAILURE)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            deliveries.broken += 1
            await asyncio.sleep(_PAUSE_AFTER_FAILURE)
        finally:
            if writer:
                writer.close()


def _find_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0


class Receiver:
    """The receiver, whose processes may be killed."""

    def __init__(self, database: Database, port: int) -> None:
        self._database = database
        self._port = port
        self._stack = contextlib.ExitStack()
        self._running: RunningProcess | None = None

    def start(self) -> None:
        self._running = self._stack.enter_context(
            run_server(
                ALONE.arguments, self._database.build_environment(WEB_CONCURRENCY="2"), port=self._port
            )
        )

    def stop(self) -> None:
        self._stack.close()

    def kill_one(self) -> None:
        """One of those that receive. The process above them replaces it."""
        _kill(random.choice(self._members()[1:] or self._members()))

    def kill_all(self) -> None:
        for process in self._members():
            _kill(process)
        self.stop()
        self.start()

    def _members(self) -> list[psutil.Process]:
        return self._running.members() if self._running else []


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGKILL)


if __name__ == "__main__":
    main("durability")
