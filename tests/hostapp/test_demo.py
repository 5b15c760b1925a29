"""The demo recognizes a database that an older version of the code has left, and ends with its terminal."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from devtools.mailbox.files import list_names, save_mail
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


@pytest.fixture
def running_demo(demo_folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """A demo in a terminal of its own, and the descriptor that is the terminal."""
    terminal, inside = pty.openpty()
    demo = subprocess.Popen(
        [
            *(sys.executable, "manage.py", "demo"),
            *("--port", str(find_free_port()), "--sandbox-port", str(find_free_port())),
        ],
        cwd=ROOT,
        env={**os.environ, "DEMO_FOLDER": str(demo_folder)},
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
        # So the terminal is the one that the process belongs to.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
    )
    os.close(inside)
    output = b""
    while b"Ctrl-C stops everything" not in output:
        output += os.read(terminal, 10_000)
    yield demo, terminal
    if demo.poll() is None:
        demo.kill()
    demo.wait()


@pytest.mark.parametrize("ending", ["terminal closed", "SIGHUP", "SIGKILL"])
def test_all_processes_of_the_demo_end_with_it(
    running_demo: tuple["subprocess.Popen[bytes]", int], ending: str
) -> None:
    demo, terminal = running_demo
    processes = psutil.Process(demo.pid).children(recursive=True)
    assert len(processes) >= 5

    if ending == "SIGKILL":
        demo.kill()
    elif ending == "SIGHUP":
        demo.send_signal(signal.SIGHUP)
    if ending != "SIGHUP":
        os.close(terminal)
    demo.wait(30)
    if ending == "SIGHUP":
        os.close(terminal)

    assert psutil.wait_procs(processes, timeout=30)[1] == []


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
