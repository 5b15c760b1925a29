"""What every command does: confirm once, and end without a traceback whatever becomes of its surroundings."""

import os
import signal
import subprocess
import sys
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from enterprises.models import Enterprise
from outbox.management.base import count_of
from tests.processes import ROOT, build_environment

INTERVALS = ["0", "-1", "0.001", "61", "nan", "inf", "often"]


@pytest.mark.parametrize(("count", "words"), [(0, "0 events"), (1, "1 event"), (2, "2 events")])
def test_counts_are_plural_when_they_are_not_one(count: int, words: str) -> None:
    assert count_of(count, "event") == words
    assert count_of(count, "person", "people") == f"{count} {'person' if count == 1 else 'people'}"


@pytest.mark.parametrize("interval", INTERVALS)
def test_worker_refuses_an_interval_that_would_not_pause(interval: str) -> None:
    with pytest.raises(CommandError, match=r"between 0\.01 and 60 seconds"):
        call_command("worker", f"--interval={interval}")


@pytest.mark.django_db
@pytest.mark.parametrize("error", [EOFError, RuntimeError("input(): lost sys.stdin")])
def test_question_without_anyone_to_ask_exits_with_2(
    acme: Enterprise, error: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        raise error

    monkeypatch.setattr("builtins.input", fail)

    with pytest.raises(CommandError, match="add --yes") as raised:
        call_command("deprovision_enterprise", "acme-inc", stdout=StringIO(), stderr=StringIO())
    assert raised.value.returncode == 2
    assert Enterprise.objects.get().deprovisioned_at is None


def run(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    command: Any = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=build_environment(), capture_output=True, text=True, timeout=60, **options
    )


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_closed_pipe_ends_a_command_without_a_traceback(acme: Enterprise) -> None:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "list_enterprises", "--json"],
        cwd=ROOT,
        env=build_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    # As a pager that was left does.
    process.stdout.close()

    assert process.wait(30) == 1
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_command_without_standard_input_exits_with_2_and_asks_nobody(acme: Enterprise) -> None:
    done = run("deprovision_enterprise", "acme-inc", stdin=subprocess.DEVNULL)

    assert done.returncode == 2
    assert "There is nobody to ask: add --yes. Nothing was done." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_unreachable_database_is_named_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "hostapp.settings")
    environment = {
        **os.environ,
        "ENV_FILE": "",
        "DEBUG": "on",
        "SECRET_KEY": "x" * 50,
        "DATABASE_URL": "postgres://user:password@127.0.0.1:9/app",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "list_enterprises"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 1
    assert "The database cannot be used: OperationalError" in done.stderr
    assert "Traceback" not in done.stderr
    assert "password" not in done.stderr


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_interrupted_command_says_so_and_exits_with_1(acme: Enterprise) -> None:
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "deprovision_enterprise", "acme-inc"],
        cwd=ROOT, env=build_environment(), stdin=read_end,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    question = os.read(process.stderr.fileno(), 4000).decode()
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=30)[1].decode()
    os.close(read_end)
    os.close(write_end)

    assert process.returncode == 1
    assert "Type acme-inc to deprovision" in question + rest
    assert "Interrupted." in rest
    assert "Traceback" not in rest
    assert Enterprise.objects.get().deprovisioned_at is None
