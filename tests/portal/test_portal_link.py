"""Support staff get a link once, on a terminal; the audit log says so."""

import os
import pty
import subprocess
import sys
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.actor import COMMAND_LINE
from audit.models import AuditEntry
from enterprises import lifecycle, provisioning
from enterprises.models import Enterprise
from hostapp.models import User
from portal.models import PortalSession
from sandbox.client import Sandbox
from tests.processes import ROOT, build_environment
from tests.webhooks.test_register_webhook import Terminal

pytestmark = pytest.mark.django_db


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A person at a terminal who agrees."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stdin", terminal)
    monkeypatch.setattr("builtins.input", lambda: "y")
    return terminal


@pytest.fixture
def cedar(workos_sandbox: Sandbox, settings: Any) -> Enterprise:
    settings.WORKOS_LINK_ORIGINS = [workos_sandbox.url, workos_sandbox.url.replace("127.0.0.1", "localhost")]
    enterprise = provisioning.enroll(name="Cedar Co.", slug="cedar")
    return provisioning.provision(enterprise)


def create_link(*arguments: str, out: StringIO) -> None:
    call_command("portal_link", "cedar", *arguments, stdout=out, stderr=StringIO())


def error_of(*arguments: str, out: StringIO) -> CommandError:
    with pytest.raises(CommandError) as raised:
        create_link(*arguments, out=out)
    return raised.value


def test_link_is_shown_with_its_expiry_and_audited(
    cedar: Enterprise, sam: User, terminal: Terminal, caplog: pytest.LogCaptureFixture
) -> None:
    create_link("--intent", "sso", "--staff", sam.email, out=terminal)

    link, expiry = terminal.getvalue().splitlines()
    assert link.startswith("http")
    assert "UTC, in 5 minutes" in expiry
    entry = AuditEntry.objects.get(action="portal_link_created")
    assert (entry.actor, entry.target) == ("Sam Staff <sam@saas.example>", "Single sign-on")
    # Nothing keeps it.
    assert link not in caplog.text
    assert link not in str(list(AuditEntry.objects.values()))
    assert not PortalSession.objects.exists()


def test_link_without_a_name_is_supports(cedar: Enterprise, terminal: Terminal) -> None:
    create_link("--intent", "dsync", out=terminal)

    assert AuditEntry.objects.get(action="portal_link_created").actor == "Support (command line)"


def test_link_is_not_written_into_a_pipe(cedar: Enterprise, terminal: Terminal) -> None:
    out = StringIO()

    assert error_of("--intent", "sso", out=out).returncode == 2
    assert out.getvalue() == ""
    assert not AuditEntry.objects.filter(action="portal_link_created").exists()


def test_unconfirmed_link_is_not_created(
    cedar: Enterprise, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda: "")

    assert "Nothing was done" in str(error_of("--intent", "sso", out=terminal))
    assert not AuditEntry.objects.filter(action="portal_link_created").exists()


def test_intent_outside_the_plan_is_refused(cedar: Enterprise, terminal: Terminal, sam: User) -> None:
    assert "does not include Log streams" in str(error_of("--intent", "log_streams", out=terminal))
    assert terminal.getvalue() == ""


def test_only_staff_can_be_named(cedar: Enterprise, terminal: Terminal, dan: User) -> None:
    for email in (dan.email, "nobody@saas.example"):
        assert error_of("--intent", "sso", "--staff", email, out=terminal).returncode == 2


def test_dry_run_creates_nothing(cedar: Enterprise) -> None:
    out = StringIO()
    create_link("--intent", "sso", "--dry-run", out=out)

    assert out.getvalue() == "Would create a link of Cedar Co.: Single sign-on.\n"
    assert not AuditEntry.objects.filter(action="portal_link_created").exists()


def test_deprovisioned_enterprise_gets_no_link(cedar: Enterprise, terminal: Terminal) -> None:

    lifecycle.deprovision(cedar, COMMAND_LINE, timezone.now())

    assert "was removed in WorkOS" in str(error_of("--intent", "sso", out=terminal))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_link_is_shown_on_a_real_terminal(workos_sandbox: Sandbox) -> None:
    provisioning.provision(provisioning.enroll(name="Cedar Co.", slug="cedar"))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "portal_link", "cedar", "--intent", "sso"],
        cwd=ROOT, env=build_environment(), stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, b"y\n")
    output = read_terminal(ours)

    assert process.wait(30) == 0
    assert "[y/N]" in output
    assert "UTC, in 5 minutes" in output


def read_terminal(descriptor: int) -> str:
    """All that is written until the last process closes the terminal."""
    output = b""
    while True:
        try:
            chunk = os.read(descriptor, 4096)
        except OSError:
            # How Linux reports the end of a terminal.
            chunk = b""
        if not chunk:
            os.close(descriptor)
            return output.decode()
        output += chunk
