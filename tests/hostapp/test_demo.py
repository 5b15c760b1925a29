"""The demo recognizes a database that an older version of the code has left, and ends with its terminal."""

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from devtools.mailbox.files import list_names, save_mail
from hostapp.demo_output import format_line, is_colored
from hostapp.management.commands.demo import Command, has_unknown_migrations
from tests.browser.app import find_free_port
from tests.processes import ROOT, create_open_folder

pytestmark = pytest.mark.django_db


def test_current_migrations_are_known() -> None:
    assert not has_unknown_migrations()


def test_some_of_the_current_migrations_are_known() -> None:
    MigrationRecorder(connection).record_unapplied("portal", "0001_initial")

    assert not has_unknown_migrations()


def test_empty_database_has_no_unknown_migrations() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE django_migrations")

    assert not has_unknown_migrations()


@pytest.mark.parametrize(("app", "name"), [("enterprises", "0001_older"), ("removed_app", "0001_initial")])
def test_migration_that_the_code_lacks_is_unknown(app: str, name: str) -> None:
    MigrationRecorder(connection).record_applied(app, name)

    assert has_unknown_migrations()


@pytest.fixture(scope="module")
def demo_folder() -> Iterator[Path]:
    with create_open_folder("demo-") as folder:
        yield folder / "demo"


@dataclass
class RunningDemo:
    """A demo in a terminal of its own. `terminal` is the descriptor, `output` what it printed so far."""

    process: "subprocess.Popen[bytes]"
    terminal: int
    url: str
    sandbox_url: str
    output: str = ""

    def find_processes(self) -> list[psutil.Process]:
        found = psutil.Process(self.process.pid).children(recursive=True)
        # Web server, sandbox, worker, the database and its guardian.
        assert len(found) >= 5
        return found

    def read_until(self, text: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.output:
            remaining = deadline - time.monotonic()
            assert remaining > 0, f"{text!r} is not in {self.output}"
            if select.select([self.terminal], [], [], remaining)[0]:
                self.output += os.read(self.terminal, 10_000).decode(errors="replace")


@contextmanager
def run_demo(
    folder: Path, ports: tuple[int, int], *arguments: str, **environment: str
) -> Iterator[RunningDemo]:
    terminal, inside = pty.openpty()
    port, sandbox_port = ports
    process = subprocess.Popen(
        [
            *(sys.executable, "manage.py", "demo", *arguments),
            *("--port", str(port), "--sandbox-port", str(sandbox_port)),
        ],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "", "DEMO_FOLDER": str(folder), **environment},
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
        # So the terminal is the one that the process belongs to.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
    )
    os.close(inside)
    demo = RunningDemo(process, terminal, f"http://localhost:{port}", f"http://localhost:{sandbox_port}")
    try:
        demo.read_until("Ctrl-C stops everything")
        yield demo
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(30)
        with contextlib.suppress(OSError):
            os.close(terminal)


@contextmanager
def check_that_nothing_is_left(demo: RunningDemo) -> Iterator[None]:
    """The block ends the demo."""
    processes = demo.find_processes()
    yield
    demo.process.wait(30)
    assert psutil.wait_procs(processes, timeout=30)[1] == []


def test_demo_begins_without_failed_deliveries_and_shows_no_secret(demo_folder: Path) -> None:
    with run_demo(demo_folder, (find_free_port(), find_free_port())) as demo:
        settle = urllib.request.Request(f"{demo.sandbox_url}/_sandbox/settle", data=b"{}")  # noqa: S310
        urllib.request.urlopen(settle, timeout=20).close()  # noqa: S310
        with urllib.request.urlopen(f"{demo.sandbox_url}/_sandbox/deliveries", timeout=20) as response:  # noqa: S310
            deliveries = json.load(response)["data"]
        commands = " ".join(" ".join(process.cmdline()) for process in demo.find_processes())
        demo.read_until("Subject  You're now an IT admin")

        with check_that_nothing_is_left(demo):
            os.write(demo.terminal, b"\x03")
            demo.read_until("Run the same command to start again.")

        assert len(deliveries) >= 4
        assert {tuple(item["status"] for item in row["attempts"]) for row in deliveries} == {(200,)}
        for name in ("secret_key", "webhook_secret"):
            secret = (demo_folder / name).read_text()
            assert secret not in commands
            assert secret not in demo.output
        assert not re.search("GET|POST|Traceback|whsec_", demo.output)


def test_killed_demo_leaves_nothing_behind_and_starts_again(demo_folder: Path) -> None:
    ports = (find_free_port(), find_free_port())
    with run_demo(demo_folder, ports) as demo, check_that_nothing_is_left(demo):
        demo.process.kill()
    # The same folder, database and ports.
    with run_demo(demo_folder, ports) as demo, check_that_nothing_is_left(demo):
        os.close(demo.terminal)


def test_demo_logs_requests_in_color_when_asked_to_and_ends_on_a_hangup(demo_folder: Path) -> None:
    with run_demo(demo_folder, (find_free_port(), find_free_port()), "-v") as demo:
        urllib.request.urlopen(f"{demo.url}/account/login/", timeout=20).close()  # noqa: S310
        demo.read_until("GET /account/login/")
        with check_that_nothing_is_left(demo):
            demo.process.send_signal(signal.SIGHUP)

        line = next(line for line in demo.output.splitlines() if "GET /account/login/" in line)
        assert re.match(r"\d\d:\d\d:\d\d \x1b\[36m     web\x1b\[0m \| ", line)
        assert not re.search(r"\d\d:\d\d:\d\d", line[9:])


def test_output_has_no_colors_without_a_terminal_or_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_colored(io.StringIO())
    terminal, inside = pty.openpty()
    with open(inside, "w") as stream:
        monkeypatch.setenv("NO_COLOR", "1")
        assert not is_colored(stream)
        monkeypatch.delenv("NO_COLOR")
        assert is_colored(stream)
    os.close(terminal)


@pytest.mark.parametrize("line", ["12:00:00 GET 200", "2026-01-15 12:00:00,123 GET 200", "GET 200"])
def test_line_has_one_time_only(line: str) -> None:
    now = datetime(2026, 1, 15, 13, 0, 0)  # noqa: DTZ001 - local, as the demo shows it

    assert format_line("web", line, now, colored=False) == "13:00:00      web | GET 200"


def test_demo_shows_new_mails_in_boxes_without_their_links(
    tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.DEV_MAILBOX = str(tmp_path / "mailbox")
    folder, shown, command = tmp_path / "mailbox", set[str](), Command()
    for address in ("ada@acme.example", "ben@acme.example"):
        content = f"To: {address}\nSubject: Hello\n\nhttp://localhost:8000/account/reset/MQ/secret/\n"
        save_mail(folder, content.encode())

    for _ in range(2):
        command._show_new_mails(shown)

    output = capsys.readouterr().out
    assert output.count("Subject  Hello") == 2
    assert output.index("ada@") < output.index("ben@")
    assert "secret" not in output
    for name in list_names(folder):
        assert output.count(f"http://localhost:8000/dev/mailbox/{name}/") == 1
    widths = {len(line) for line in output.splitlines()}
    assert len(widths) == 1
