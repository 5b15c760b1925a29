import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from devtools import demo_data

_STARTUP = 30.0
_SHUTDOWN = 10.0
# Held by the database as long as we are connected to it.
_ONE = 20_261_124


class Command(BaseCommand):
    help = """Show the whole journey against the sandbox: no WorkOS account, no network, nothing to install.

Starts from nothing each time, prints the addresses and sign-ins, and ends everything on Ctrl-C.

  manage.py demo
  manage.py demo --port 8001 --sandbox-port 4101
"""
    # The sandbox, the database and the settings are the demo's own: nothing of yours is to be checked.
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="of the application (default: 8000)")
        parser.add_argument("--sandbox-port", type=int, default=4100, help="of the sandbox (default: 4100)")

    def handle(self, *, port: int, sandbox_port: int, **options: Any) -> None:
        ports = (getattr(settings, "DEMO_PORT", None), getattr(settings, "DEMO_SANDBOX_PORT", None))
        if None in ports:
            raise CommandError(
                "The demo has settings of its own. Run it as `manage.py demo`, the word first."
            )
        if (port, sandbox_port) != ports:
            # Addresses follow from the settings: begin again with the ports in them.
            chosen = {"DEMO_PORT": str(port), "DEMO_SANDBOX_PORT": str(sandbox_port)}
            os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **chosen})  # noqa: S606
        for number, option in ((port, "--port"), (sandbox_port, "--sandbox-port")):
            if _taken(number):
                raise CommandError(
                    f"Port {number} is taken. Choose another with {option}, or end what uses it."
                )

        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGINT, _interrupt)
        children: dict[str, subprocess.Popen[str]] = {}
        self._started = threading.Event()
        try:
            self._run(children, port, sandbox_port)
        except KeyboardInterrupt:
            self.stdout.write("\nEnding the demo …")
        finally:
            self._started.set()
            _end(children)
        self.stdout.write("Ended. Start it again with the same command.")

    def _run(self, children: dict[str, "subprocess.Popen[str]"], port: int, sandbox_port: int) -> None:
        python, url = sys.executable, settings.SITE_URL
        started = self._started
        with self._step("Preparing the database"):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [_ONE])
                if not cursor.fetchone()[0]:
                    raise CommandError(
                        "A demo runs in this folder already. End it first, or use another clone."
                    )
                is_replaced = has_older_layout()
                cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            call_command("migrate", verbosity=0)
        if is_replaced:
            self.stdout.write("Replaced the database of an older version.")
        with self._step("Starting the sandbox"):
            children["sandbox"] = _start(
                "sandbox",
                [
                    *(python, "-m", "sandbox", "--port", str(sandbox_port)),
                    *("--webhook-url", f"{url}/webhooks/workos/"),
                    # In one word: it may begin with a dash.
                    f"--webhook-secret={settings.WORKOS_WEBHOOK_SECRETS[0]}",
                ],
                started,
            )
            _wait_for(f"{settings.WORKOS_BASE_URL}/_sandbox/health", children["sandbox"])
        with self._step("Provisioning two enterprises"):
            enterprises = demo_data.seed()
        with self._step("Starting web and worker"):
            children["worker"] = _start(
                "worker", [python, "manage.py", "worker", "--interval", "0.2"], started
            )
            children["web"] = _start(
                "web",
                [
                    *(python, "-m", "gunicorn", "hostapp.wsgi", "--bind", f"127.0.0.1:{port}"),
                    *("--log-level", "warning"),
                ],
                started,
            )
            _wait_for(f"{url}/account/login/", children["web"])

        self.stdout.write(f"\n{self.style.SUCCESS('The demo runs.')} Sign in at {url}/ with:\n")
        for enterprise, (_, _, members) in zip(enterprises, demo_data.CAST, strict=True):
            for email, _, role in members:
                self.stdout.write(f"  {email:<22} {demo_data.PASSWORD}   {role.label} of {enterprise}")
        self.stdout.write(f"  {demo_data.STAFF:<22} {demo_data.PASSWORD}   staff")
        self.stdout.write(f"\nThe sandbox, standing in for WorkOS: {settings.WORKOS_BASE_URL}/_sandbox/")
        self.stdout.write("Try: sign in as ada@acme.example, press Configure SSO. Ctrl-C ends everything.\n")
        self.stdout.flush()
        started.set()

        while True:
            for name, child in children.items():
                if child.poll() is not None:
                    raise CommandError(
                        f"The {name} ended by itself (exit code {child.returncode}); see above."
                    )
            time.sleep(0.3)

    @contextlib.contextmanager
    def _step(self, text: str) -> Iterator[None]:
        began = time.monotonic()
        self.stdout.write(f"{text} … ", ending="")
        self.stdout.flush()
        yield
        self.stdout.write(f"done ({time.monotonic() - began:.1f} s)")


def has_older_layout() -> bool:
    """Whether the database was migrated by code with other migrations than ours."""
    applied = MigrationRecorder(connection).applied_migrations()
    return not applied.keys() <= MigrationLoader(None).disk_migrations.keys()


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _start(name: str, command: list[str], started: threading.Event) -> "subprocess.Popen[str]":
    child = subprocess.Popen(  # noqa: S603 - our own commands
        command,
        cwd=settings.BASE_DIR,
        # Ctrl-C is for us: we end the children in order.
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    threading.Thread(target=_relay, args=(name, child, started), daemon=True).start()
    return child


def _relay(name: str, child: "subprocess.Popen[str]", started: threading.Event) -> None:
    # What they say while we start would tear our lines apart.
    started.wait(_STARTUP)
    if child.stdout is not None:
        for line in child.stdout:
            sys.stdout.write(f"{name:>8} | {line}")
            sys.stdout.flush()


def _wait_for(url: str, child: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + _STARTUP
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own address
                return
        except OSError as error:
            if child.poll() is not None or time.monotonic() > deadline:
                raise CommandError(f"{url} does not answer: {error}") from error
            time.sleep(0.1)


def _end(children: dict[str, "subprocess.Popen[str]"]) -> None:
    # The web first, so that nothing new comes in; the worker finishes what it has in hand.
    for name in ("web", "sandbox", "worker"):
        if (child := children.get(name)) and child.poll() is None:
            child.terminate()
    for child in children.values():
        try:
            child.wait(_SHUTDOWN)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
