"""What deliveries notice of visitors who wait for a WorkOS that takes connections and never answers.

    python -m bench isolation

24 visitors launch the Admin Portal, again and again; each launch waits until our timeout. Meanwhile, and
without them, 32 senders post deliveries to the same server, the receiver in front of the site. Ratios are of
the same round.
"""

import argparse
import contextlib
import http.client
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.commands import main
from bench.database import run_database
from bench.load import write_requests
from bench.processes import RunningProcess, run_server
from bench.receivers import WITH_SITE, Received, describe_failures, measure_receiver
from bench.report import Report, Table, format_range, report_progress

SMOKE = ("--rounds", "1", "--seconds", "1", "--visitors", "8", "--no-warming-up")

_SENDERS = 32
_PREPARED_PER_SECOND = 16_000
# Longer than the timeout of a launch.
_PATIENCE = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement (default: 3)")
    parser.add_argument("--visitors", type=int, default=24, help="(default: 24)")
    parser.add_argument("--no-warming-up", action="store_true")


def run(options: argparse.Namespace) -> Report:
    alone: list[Received] = []
    beside: list[Received] = []
    waiting: list[int] = []
    with (
        run_silent_server() as silent,
        # No visitor is to be turned away.
        run_database(
            PORTAL_LIMIT_PERSON="100000", WORKOS_API_KEY="sk_test_bench", WORKOS_BASE_URL=silent
        ) as database,
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
    ):
        launches = [create_launch(number) for number in range(options.visitors)]
        with (
            run_server(WITH_SITE.arguments, database.build_environment()) as server,
            database.connect() as connection,
        ):
            requests = Path(folder) / "requests"

            def measure(run: int, visitors: Visitors | None = None) -> Received:
                connection.execute("TRUNCATE webhooks_webhookevent")
                prepared = int(_PREPARED_PER_SECOND * options.seconds)
                write_requests(requests, run, prepared, "dsync.user.created")
                if visitors:
                    visitors.start()
                return measure_receiver(
                    server,
                    connection,
                    requests,
                    table=WITH_SITE.table,
                    prepared=prepared,
                    senders=_SENDERS,
                    seconds=options.seconds,
                )

            if not options.no_warming_up:
                # The first launch imports WorkOS's SDK.
                first = Visitors(server, launches)
                measure(1, first)
                first.stop()
            for number in range(options.rounds):
                report_progress(f"isolation: round {number + 1} of {options.rounds}")
                alone.append(measure(10 + 2 * number))
                visitors = Visitors(server, launches)
                beside.append(measure(11 + 2 * number, visitors))
                waiting.append(visitors.count_waiting())
                visitors.stop()
    return _build_report(alone, beside, waiting, options.visitors)


def _build_report(alone: list[Received], beside: list[Received], waiting: list[int], visitors: int) -> Report:
    table = Table("Isolation", ["", "per second", "p50 ms", "p99 ms", "waiting", "failed", "lost"])
    for name, rounds, counts in (
        ("nobody waits", alone, [0]),
        (f"{visitors} visitors wait for WorkOS", beside, waiting),
    ):
        table.rows.append(
            [
                name,
                format_range([one.rate for one in rounds]),
                format_range([one.p50_ms for one in rounds]),
                format_range([one.p99_ms for one in rounds]),
                min(counts),
                max(one.failed for one in rounds),
                max(one.lost for one in rounds),
            ]
        )
    pairs = list(zip(alone, beside, strict=True))
    if all(a.rate and a.p99_ms for a in alone):
        table.rows.append(
            [
                "ratio",
                median(b.rate / a.rate for a, b in pairs),
                median(b.p50_ms / a.p50_ms for a, b in pairs),
                median(b.p99_ms / a.p99_ms for a, b in pairs),
                *["", "", ""],
            ]
        )
    problems = [problem for one in (*alone, *beside) for problem in describe_failures("isolation", one)]
    if min(waiting) < visitors:
        problems.append(f"only {min(waiting)} of {visitors} visitors waited for WorkOS")
    figures = {
        "alone": [vars(one) for one in alone],
        "beside": [vars(one) for one in beside],
        "waiting": waiting,
    }
    return Report([table], figures=figures, problems=problems)


@contextlib.contextmanager
def run_silent_server() -> Iterator[str]:
    """A WorkOS that takes connections and never answers. Yields its URL."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        # A connection that is not accepted is established all the same, and its request is taken.
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def create_launch(number: int) -> tuple[str, dict[str, str]]:
    """An IT admin of an enterprise of their own, signed in: path and headers of a launch."""
    from django.test import Client
    from django.utils import timezone

    from enterprises.models import Enterprise, Membership
    from hostapp.models import User
    from mirror.models import Organization

    organization = Organization.objects.create(organization_id=f"org_{number}", as_of=timezone.now())
    enterprise = Enterprise.objects.create(
        name=f"Visitor {number}", slug=f"visitor-{number}", organization=organization
    )
    user = User.objects.create_user(f"it@visitor-{number}.example")
    Membership.objects.create(user=user, enterprise=enterprise, role=Membership.Role.IT_ADMIN)
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    token = "t" * 32
    return f"/enterprises/{enterprise.slug}/portal/sso/", {
        "Cookie": f"sessionid={client.cookies['sessionid'].value}; csrftoken={token}",
        "X-CSRFToken": token,
        "Content-Type": "application/x-www-form-urlencoded",
    }


class Visitors:
    """People who launch the Admin Portal, and launch it again each time WorkOS has not answered."""

    def __init__(self, server: RunningProcess, launches: list[tuple[str, dict[str, str]]]) -> None:
        self._port = server.port
        self._ended = threading.Event()
        self._since: dict[int, float] = {}
        self._threads = [
            threading.Thread(target=self._visit, args=(number, path, headers))
            for number, (path, headers) in enumerate(launches)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        # Until each of them waits, and no longer for a page that says why not.
        deadline = time.monotonic() + _PATIENCE
        while self.count_waiting() < len(self._threads) and time.monotonic() < deadline:
            time.sleep(0.05)

    def count_waiting(self) -> int:
        """How many have waited for half a second or more."""
        now = time.monotonic()
        return sum(now - since > 0.5 for since in list(self._since.values()))

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _visit(self, number: int, path: str, headers: dict[str, str]) -> None:
        while not self._ended.is_set():
            self._since[number] = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE)
            with contextlib.closing(connection):
                connection.request("POST", path, "", {**headers, "Host": "localhost"})
                connection.getresponse().read()


if __name__ == "__main__":
    main("isolation")
