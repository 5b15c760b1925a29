"""Rehearse restarts, crashes and an upgrade, while webhooks arrive and pages are read.

    make rehearse                   # or: python -m deploy.rehearsal --proxy caddy

Starts PostgreSQL, two processes of the site, a receiver and two workers behind nginx with deploy/nginx.conf
and TLS, all on loopback and in a temporary folder, and sends signed deliveries through the proxy. Prints for
each thing that is done to them: first answers to deliveries that were not 200 (such a delivery is repeated,
as WorkOS does), the longest pause of a page, and pages that failed. At the end: events that were lost, and
events that took effect twice.

Exits with 1 if one is lost or doubled, or if graceful restarts refuse more than five deliveries.
"""

import argparse
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.rehearsal.outcome import count_waiting, read_outcome
from deploy.rehearsal.processes import (
    Database,
    ManagedProcess,
    find_free_ports,
    run_manage_command,
    wait_until,
)
from deploy.rehearsal.proxy import Addresses, build_proxy, find_missing
from deploy.rehearsal.traffic import ORGANIZATION, Measured, Traffic

_MOST_REFUSALS = 5
# Of graceful restarts: an ordinary day's work, which nobody should notice.
_GRACEFUL = "gracefully"
_CREATE_ENTERPRISE = f"""
from django.utils import timezone
from enterprises.models import Enterprise
from mirror.models import Organization
organization = Organization.objects.create(
    organization_id={ORGANIZATION!r}, name="Acme Inc.", as_of=timezone.now()
)
Enterprise.objects.create(name="Acme Inc.", slug="acme-inc", organization=organization, environment="live")
"""


@dataclass(frozen=True)
class Deployment:
    database: Database
    environment: Mapping[str, str]
    receiver: ManagedProcess
    webs: list[ManagedProcess]
    workers: list[ManagedProcess]

    @property
    def processes(self) -> list[ManagedProcess]:
        return [self.receiver, *self.webs, *self.workers]

    def restart_webs(self) -> None:
        for web in self.webs:
            web.restart()

    def restart_workers(self) -> None:
        for worker in self.workers:
            worker.restart()

    def reload(self) -> None:
        """New processes one by one, under the same parents."""
        for process in (self.receiver, *self.webs):
            process.signal(signal.SIGHUP)
        # Nothing says when a reload is over. Each process needs about two seconds for its start.
        time.sleep(8)

    def upgrade(self) -> None:
        """In the order of docs/deploying.md."""
        run_manage_command(self.environment, "migrate")
        self.receiver.restart()
        self.restart_webs()
        self.restart_workers()

    def kill_webs(self) -> None:
        for web in self.webs:
            web.kill_and_start()

    def kill_workers(self) -> None:
        for worker in self.workers:
            worker.kill()
        for worker in self.workers:
            worker.start()

    def list_actions(self) -> list[tuple[str, Callable[[], None]]]:
        return [
            ("nothing happens", lambda: time.sleep(4)),
            (f"each web restarted {_GRACEFUL}", self.restart_webs),
            (f"the receiver restarted {_GRACEFUL}", self.receiver.restart),
            (f"each worker restarted {_GRACEFUL}", self.restart_workers),
            (f"all reloaded {_GRACEFUL} (SIGHUP)", self.reload),
            (f"upgraded {_GRACEFUL}: migrate, receiver, webs, workers", self.upgrade),
            ("each web killed in turn", self.kill_webs),
            ("the receiver killed", self.receiver.kill_and_start),
            ("both workers killed at once", self.kill_workers),
            ("PostgreSQL restarted", self.database.restart),
        ]


@contextmanager
def run_deployment(folder: Path, addresses: Addresses, secret: str) -> Iterator[Deployment]:
    database = Database(folder)
    environment = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": "",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "SITE_URL": f"https://localhost:{addresses.proxy}",
        "DATABASE_URL": database.url,
        "WORKOS_API_KEY": "sk_live_of_the_rehearsal",
        "WORKOS_WEBHOOK_SECRET": secret,
        # Nothing is asked of WorkOS, and no mail is sent.
        "CATCH_UP_INTERVAL": "0",
        "RECONCILE_INTERVAL": "0",
        "EMAIL_URL": "consolemail://",
        "BEHIND_TLS_PROXY": "on",
        "TRUSTED_PROXIES": "127.0.0.1/32",
        "LOG_LEVEL": "WARNING",
    }
    run_manage_command(environment, "migrate")
    run_manage_command(environment, "collectstatic", "--noinput")
    run_manage_command(environment, "shell", "--command", _CREATE_ENTERPRISE)

    def build(name: str, *arguments: str, port: int = 0) -> ManagedProcess:
        return ManagedProcess(
            name, [sys.executable, *arguments], environment, folder / f"{name}.log", port=port
        )

    port = addresses.receiver
    deployment = Deployment(
        database,
        environment,
        receiver=build("receiver", "-m", "hostapp.receiver", "--port", str(port), port=port),
        webs=[
            build(f"web-{number}", "manage.py", "serve", "--port", str(port), port=port)
            for number, port in enumerate(addresses.webs, 1)
        ],
        workers=[build(f"worker-{number}", "manage.py", "worker") for number in (1, 2)],
    )
    try:
        for process in deployment.processes:
            process.start()
        for process in deployment.processes:
            process.wait_until_ready()
        yield deployment
    finally:
        for process in reversed(deployment.processes):
            process.stop()


def print_stages(stages: list[Measured]) -> None:
    print(f"\n{'':<56}{'deliveries':>11}{'not 200':>9}{'longest':>9}{'pages':>7}{'failed':>8}{'longest':>9}")
    for one in stages:
        statuses = " ".join(
            f"{count} × {status or 'no answer'}" for status, count in sorted(one.refusals.items())
        )
        print(
            f"{one.name:<56}{one.deliveries:>11,}{one.refusals.total():>9,}{one.longest_delivery:>7.1f} s"
            f"{one.pages:>7,}{one.failed_pages.total():>8,}{one.longest_page:>7.1f} s"
            + (f"   {statuses}" if statuses else "")
        )


def rehearse(kind: str, folder: Path, *, count: int, per_second: float) -> bool:
    """Rehearse in `folder`, and print what came of it. Returns whether it was good."""
    first, second, receiver, proxy_port, plain = find_free_ports(5)
    addresses = Addresses([first, second], receiver, proxy_port, plain)
    secret = secrets.token_hex(32)
    with ExitStack() as stack:
        deployment = stack.enter_context(run_deployment(folder, addresses, secret))
        proxy = build_proxy(kind, folder, addresses)
        front = ManagedProcess(kind, proxy.command, os.environ, folder / f"{kind}.log")
        front.start()
        stack.callback(front.stop)
        traffic = Traffic(proxy_port, proxy.context, secret, per_second=per_second)
        wait_until(traffic.reaches_the_site, f"the site answers through {kind}", seconds=20)
        _run_actions(traffic, deployment, count)
        memory = {process.name: process.measure_memory() for process in deployment.processes}
        wait_until(lambda: count_waiting(deployment.database.url) == 0, "the workers apply what waits")
        outcome = read_outcome(deployment.database.url)
    sent = traffic.sent
    lost, doubled = outcome.count_lost(sent), outcome.count_doubled(sent)
    graceful = sum(one.refusals.total() for one in traffic.stages if _GRACEFUL in one.name)
    print_stages(traffic.stages)
    print("\nMemory (PSS): " + " · ".join(f"{name} {size:.0f} MB" for name, size in memory.items()))
    print(f"\nDeliveries sent: {sent:,} · lost: {lost} · doubled: {doubled}")
    print(f"First answers other than 200 while restarted {_GRACEFUL}: {graceful} (at most {_MOST_REFUSALS})")
    print(f"Longest pause of a page: {max(one.longest_page for one in traffic.stages):.1f} s")
    return not lost and not doubled and graceful <= _MOST_REFUSALS


def _run_actions(traffic: Traffic, deployment: Deployment, count: int) -> None:
    actions = deployment.list_actions()
    traffic.enter(actions[0][0])
    traffic.start()
    try:
        for name, act in actions:
            if name != traffic.stages[-1].name:
                traffic.enter(name)
            print(f"  {name} …", flush=True)
            act()
            # What follows from it belongs to it.
            time.sleep(1)
        traffic.enter("nothing else happens")
        wait_until(lambda: traffic.sent >= count, f"{count} deliveries", seconds=300)
    finally:
        traffic.stop()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--proxy", choices=["nginx", "caddy"], default="nginx", help="(default: nginx)")
    parser.add_argument("--count", type=int, default=5000, help="deliveries, at least (default: 5000)")
    parser.add_argument("--per-second", type=float, default=60, help="deliveries a second (default: 60)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    options = parser.parse_args()
    # So that it stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if missing := find_missing(options.proxy):
        print(f"SKIPPED: {missing}. Nothing was rehearsed.")
        return
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="rehearsal-"))
        if not options.keep:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        # For root, PostgreSQL runs as a user of its own.
        folder.chmod(0o711)
        print(f"Rehearsing behind {options.proxy} in {folder} …", flush=True)
        try:
            is_good = rehearse(options.proxy, folder, count=options.count, per_second=options.per_second)
        except (RuntimeError, TimeoutError, subprocess.CalledProcessError) as error:
            raise SystemExit(f"The rehearsal could not be finished: {error}") from None
    if not is_good:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
