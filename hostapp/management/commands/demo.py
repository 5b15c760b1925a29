import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.color import no_style
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from devtools import demo_data
from devtools.mailbox import files as mailbox
from hostapp.demo_output import format_box, format_line, is_colored
from outbox.management.base import Command as BaseCommand

_STARTUP_SECONDS = 30.0
_SHUTDOWN_SECONDS = 10.0
# Ctrl-C, a closed terminal, Ctrl-\, and `kill`.
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM)
# An advisory lock that one demo at a time holds while it is connected to the database.
_LOCK_ID = 20_261_124
_TOUR = """A minute's tour:
  1. Sign in as ada@acme.example, and select Configure SSO.
  2. Choose Okta, then Continue, Continue, Test sign-in, Finish: single sign-on is active.
  3. In the sandbox, select Expire certificates: the app asks you to renew, and mails it.
  4. Sign in as staff@saas.example to see what support sees."""


class Command(BaseCommand):
    help = """Run the application against the sandbox: no WorkOS account, no network, nothing to install.

Starts with new data each time, prints the URLs and sign-ins, and stops all its processes on Ctrl-C
or when its terminal is closed.

  manage.py demo
  manage.py demo --port 8001 --sandbox-port 4101
  manage.py demo -v                                 log every request
"""
    # The demo has its own settings, so errors in the user's settings do not matter.
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        # `-v` replaces Django's, which needs a number.
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="port of the application (default: 8000)")
        parser.add_argument(
            "--sandbox-port", type=int, default=4100, help="port of the sandbox (default: 4100)"
        )

        parser.add_argument(
            "-v",
            "--verbosity",
            type=int,
            nargs="?",
            const=2,
            default=1,
            choices=range(4),
            help="2, or -v alone: log every request (default: 1)",
        )

    def handle(self, *, port: int, sandbox_port: int, verbosity: int, **options: Any) -> None:
        ports = (getattr(settings, "DEMO_PORT", None), getattr(settings, "DEMO_SANDBOX_PORT", None))
        if None in ports:
            raise CommandError("Run the demo as `manage.py demo`: `demo` must be the first argument.")
        if (port, sandbox_port) != ports:
            # URLs in the settings contain the ports: restart with the settings of the chosen ones.
            chosen = {"DEMO_PORT": str(port), "DEMO_SANDBOX_PORT": str(sandbox_port)}
            os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **chosen})  # noqa: S606
        for number, option in ((port, "--port"), (sandbox_port, "--sandbox-port")):
            if _is_port_taken(number):
                raise CommandError(
                    f"Port {number} is in use. Choose another with {option}, "
                    "or stop the process that uses it."
                )

        self._is_verbose = verbosity > 1
        if not is_colored(sys.stdout):
            self.style = no_style()
        for signum in _ENDING_SIGNALS:
            # Under `nohup` a hangup stays ignored.
            if signal.getsignal(signum) is not signal.SIG_IGN:
                signal.signal(signum, _raise_keyboard_interrupt)
        children: dict[str, subprocess.Popen[str]] = {}
        self._started = threading.Event()
        try:
            self._run_demo(children, port, sandbox_port)
        except KeyboardInterrupt:
            self._write_if_possible("\nStopping the demo …")
        finally:
            # A second signal must not interrupt this: a closed terminal sends several.
            for signum in _ENDING_SIGNALS:
                signal.signal(signum, signal.SIG_IGN)
            self._started.set()
            _stop_children(children)
        self._write_if_possible("Stopped. Run the same command to start again.")

    def _write_if_possible(self, line: str) -> None:
        # The terminal may be closed.
        with contextlib.suppress(OSError):
            self.stdout.write(line)
            self.stdout.flush()

    def _run_demo(self, children: dict[str, "subprocess.Popen[str]"], port: int, sandbox_port: int) -> None:
        python, url = sys.executable, settings.SITE_URL
        started = self._started
        with self._step("Preparing the database"):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK_ID])
                if not cursor.fetchone()[0]:
                    raise CommandError(
                        "A demo is already running in this folder. Stop it first, or use another clone."
                    )
                is_replaced = has_unknown_migrations()
                cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            call_command("migrate", verbosity=0)
            mailbox.empty(Path(settings.DEV_MAILBOX))
        if is_replaced:
            self.stdout.write("Replaced the database of an older version.")
        # The web first: what the sandbox sends must find it.
        with self._step("Starting the web server"):
            children["web"] = _start_child(
                "web",
                [python, "manage.py", "serve", "--port", str(port), "--verbosity", "0"],
                started,
                DEMO_VERBOSE="on" if self._is_verbose else "",
            )
            _wait_until_reachable(f"{url}/account/login/", children["web"])
        with self._step("Starting the sandbox"):
            children["sandbox"] = _start_child(
                "sandbox",
                [
                    *(python, "-m", "sandbox", "--port", str(sandbox_port)),
                    *("--webhook-url", f"{url}/webhooks/workos/"),
                    *(() if self._is_verbose else ("--quiet",)),
                ],
                started,
                # Its addresses, which are among ours.
                stdout=None if self._is_verbose else subprocess.DEVNULL,
                # Other users of the machine can read the arguments, but not the environment.
                SANDBOX_WEBHOOK_SECRET=settings.WORKOS_WEBHOOK_SECRETS[0],
            )
            _wait_until_reachable(f"{settings.WORKOS_BASE_URL}/_sandbox/health", children["sandbox"])
        with self._step("Provisioning two enterprises"):
            enterprises = demo_data.create_demo_data()
        with self._step("Starting the worker"):
            children["worker"] = _start_child(
                "worker", [python, "manage.py", "worker", "--interval", "0.2"], started
            )

        self.stdout.write(f"\n{self.style.SUCCESS('The demo is running.')} Sign in at {url}/ with:\n")
        for enterprise, (_, _, members) in zip(enterprises, demo_data.ENTERPRISES, strict=True):
            for email, _, role in members:
                self.stdout.write(f"  {email:<22} {demo_data.PASSWORD}   {role.label} of {enterprise}")
        self.stdout.write(f"  {demo_data.STAFF_EMAIL:<22} {demo_data.PASSWORD}   Support staff of the SaaS")
        self.stdout.write(f"\nThe sandbox, standing in for WorkOS: {settings.WORKOS_BASE_URL}/_sandbox/")
        self.stdout.write(f"Mails, none of which is sent:        {url}/dev/mailbox/")
        self.stdout.write(f"\n{_TOUR}\n\nCtrl-C stops everything.\n\n")
        self.stdout.flush()
        started.set()

        shown: set[str] = set()
        while True:
            self._show_new_mails(shown)
            for name, child in children.items():
                if child.poll() is not None:
                    raise CommandError(
                        f"The {name} process exited by itself (exit code {child.returncode}); see above."
                    )
            time.sleep(0.3)

    def _show_new_mails(self, shown: set[str]) -> None:
        """Print a box for each mail that is not in `shown`. Its own links stay out of the terminal."""
        folder = Path(settings.DEV_MAILBOX)
        for name in reversed(mailbox.list_names(folder)):
            if name in shown:
                continue
            shown.add(name)
            if mail := mailbox.read_mail(folder, name):
                link = f"{settings.SITE_URL}/dev/mailbox/{name}/"
                self._write_if_possible(format_box(mail.to, mail.subject, link))

    @contextlib.contextmanager
    def _step(self, text: str) -> Iterator[None]:
        began = time.monotonic()
        self.stdout.write(f"{text} … ", ending="")
        self.stdout.flush()
        yield
        self.stdout.write(f"done ({time.monotonic() - began:.1f} s)")


def has_unknown_migrations() -> bool:
    """Whether the database was migrated by code with other migrations than ours."""
    applied = MigrationRecorder(connection).applied_migrations()
    return not applied.keys() <= MigrationLoader(None).disk_migrations.keys()


def _raise_keyboard_interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _is_port_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _start_child(
    name: str,
    command: list[str],
    started: threading.Event,
    *,
    stdout: int | None = None,
    **environment: str,
) -> "subprocess.Popen[str]":
    """Start the command. Its stderr is relayed, and its stdout, too, unless that goes elsewhere."""
    child = subprocess.Popen(  # noqa: S603 - our own commands
        [sys.executable, "-m", "devtools.bound_process", str(os.getpid()), *command],
        cwd=settings.BASE_DIR,
        env={**os.environ, **environment},
        # Ctrl-C must reach this process only, which stops the children in order.
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if stdout is None else stdout,
        stderr=subprocess.STDOUT if stdout is None else subprocess.PIPE,
        text=True,
    )
    threading.Thread(target=_relay_output, args=(name, child, started), daemon=True).start()
    return child


def _relay_output(name: str, child: "subprocess.Popen[str]", started: threading.Event) -> None:
    # During startup their output would break up the lines of the steps.
    started.wait()
    colored = is_colored(sys.stdout)
    if output := child.stdout or child.stderr:
        for line in output:
            # Read on after the terminal is closed, or the child would wait for its output to be read.
            with contextlib.suppress(OSError):
                sys.stdout.write(format_line(name, line, datetime.now(), colored=colored))  # noqa: DTZ005
                sys.stdout.flush()


def _wait_until_reachable(url: str, child: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + _STARTUP_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own URL
                return
        except OSError as error:
            if child.poll() is not None or time.monotonic() > deadline:
                raise CommandError(f"{url} does not answer: {error}") from error
            time.sleep(0.1)


def _stop_children(children: dict[str, "subprocess.Popen[str]"]) -> None:
    # The web server first, so that no new work arrives; the worker finishes its batch.
    for name in ("web", "sandbox", "worker"):
        if (child := children.get(name)) and child.poll() is None:
            child.terminate()
    for child in children.values():
        try:
            child.wait(_SHUTDOWN_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
