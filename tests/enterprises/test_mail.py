"""Each mail is a task of the worker: a permanent refusal ends it and is shown, everything else is retried."""

import ast
import signal
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.utils import timezone

from audit.actor import COMMAND_LINE
from enterprises import invitations
from enterprises.memberships import add_it_admin
from enterprises.models import Enterprise, Membership, Role, UndeliverableAddress
from enterprises.tasks import TaskKind
from hostapp.models import User
from outbox.models import Task
from outbox.runner import run_due_tasks
from outbox.task_threads import TaskThreads
from outbox.worker import STOP_SECONDS
from tests.conftest import signed_in
from tests.deliveries import deliver
from tests.processes import ROOT, Manage, wait_until
from tests.smtp_server import SmtpServer, run_smtp_server
from webhooks.inbox import apply_waiting

pytestmark = pytest.mark.django_db


@pytest.fixture
def smtp_server(settings: Any) -> Iterator[SmtpServer]:
    """Mails go to an SMTP server whose answers the test chooses."""
    with run_smtp_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_TIMEOUT = 5
        yield server


@pytest.fixture
def three_it_admins(ada: User, acme: Enterprise) -> None:
    for name in ("bea", "cem"):
        user = User.objects.create_user(f"{name}@acme.example", "correct horse battery")
        Membership.objects.create(user=user, enterprise=acme, role=Role.IT_ADMIN)


def refuse(address: str, answer: str) -> Any:
    return lambda command: answer if command.startswith("RCPT") and address in command else None


def process_activation() -> None:
    deliver("connection.activated")
    apply_waiting(now=timezone.now())
    run_due_tasks(now=timezone.now())


def test_refused_address_ends_its_own_mail_and_no_other(
    three_it_admins: None, acme: Enterprise, ada: User, sam: User, smtp_server: SmtpServer
) -> None:
    smtp_server.answer = refuse("bea@", "550 5.1.1 No such user")

    process_activation()
    for _ in range(3):
        run_due_tasks(now=timezone.now())

    assert sorted(smtp_server.accepted) == ["ada@acme.example", "cem@acme.example"]
    assert not Task.objects.exists()
    words = "Email to this address is rejected. The mail server said: 550 5.1.1 No such user"
    assert words in signed_in(ada).get("/enterprises/acme-inc/members/").text
    assert words in signed_in(sam).get("/staff/enterprises/acme-inc/people/").text


def test_members_do_not_see_that_an_address_is_refused(acme: Enterprise, ada: User, ben: User) -> None:
    UndeliverableAddress.objects.create(email=ada.email, reason="550 No", refused_at=timezone.now())

    assert "is refused" not in signed_in(ben).get("/enterprises/acme-inc/members/").text


def test_refused_invitation_is_shown_until_a_mail_to_its_address_is_accepted(
    acme: Enterprise, ada: User, sam: User, smtp_server: SmtpServer
) -> None:
    smtp_server.answer = refuse("eve@", "551 User not local")
    invitations.invite(acme, "eve@acme.example", Role.MEMBER, COMMAND_LINE, timezone.now())
    run_due_tasks(now=timezone.now())

    assert not Task.objects.exists()
    assert "551 User not local" in signed_in(ada).get("/enterprises/acme-inc/members/").text
    assert "551 User not local" in signed_in(sam).get("/staff/enterprises/acme-inc/people/").text

    smtp_server.answer = lambda command: None
    invitations.invite(acme, "eve@acme.example", Role.MEMBER, COMMAND_LINE, timezone.now())
    run_due_tasks(now=timezone.now())

    assert smtp_server.accepted == ["eve@acme.example"]
    assert not UndeliverableAddress.objects.exists()


def test_mail_that_is_refused_after_its_data_counts_as_refused_for_good(
    ada: User, smtp_server: SmtpServer
) -> None:
    smtp_server.answer = lambda command: "554 Looks like spam" if command == "END OF DATA" else None

    process_activation()

    assert not Task.objects.exists()
    assert UndeliverableAddress.objects.get().reason == "The mail server said: 554 Looks like spam"


@pytest.mark.parametrize(
    ("command", "answer", "reason"),
    [
        ("RCPT", "450 Try later", "The mail server said: 450 Try later"),
        ("END OF DATA", "451 Disk full", "The mail server said: 451 Disk full"),
        ("MAIL", "550 This sender may not", "The mail server said: 550 This sender may not"),
        ("MAIL", "421 Closing", "The mail server said: 421 Closing"),
        ("CONNECT", "554 Not you", "The mail server said: 554 Not you"),
        ("CONNECT", "421 Too busy", "The mail server said: 421 Too busy"),
    ],
)
def test_temporary_refusal_and_refusal_of_our_server_are_retried(
    ada: User, smtp_server: SmtpServer, command: str, answer: str, reason: str
) -> None:
    smtp_server.answer = lambda said: answer if said.startswith(command) else None

    process_activation()

    task = Task.objects.get()
    assert (task.kind, task.error) == (TaskKind.SEND_NOTIFICATION, reason)
    assert not UndeliverableAddress.objects.exists()
    smtp_server.answer = lambda said: None
    run_due_tasks(now=task.due_at)
    assert smtp_server.accepted == ["ada@acme.example"]


def test_closed_mail_port_is_retried(ada: User, smtp_server: SmtpServer, settings: Any) -> None:
    settings.EMAIL_PORT = 9

    process_activation()

    assert Task.objects.get().error == "The mail server cannot be reached: ConnectionRefusedError."


def test_mail_server_that_never_speaks_is_given_up_after_the_time_out(
    ada: User, smtp_server: SmtpServer, settings: Any
) -> None:
    smtp_server.is_silent, settings.EMAIL_TIMEOUT = True, 0.3

    started = time.monotonic()
    process_activation()

    assert time.monotonic() - started < 5
    assert Task.objects.get().error == "The mail server does not answer."


def test_notification_is_not_mailed_to_a_person_who_is_no_it_admin_any_more(
    three_it_admins: None, acme: Enterprise, smtp_server: SmtpServer
) -> None:
    smtp_server.answer = lambda command: "450 Later" if command.startswith("RCPT") else None
    process_activation()
    # Not `delete`: that would mail her and the others about it.
    Membership.objects.filter(user__email="bea@acme.example").update(role=Role.MEMBER)

    smtp_server.answer = lambda command: None
    run_due_tasks(now=max(Task.objects.values_list("due_at", flat=True)))

    assert sorted(smtp_server.accepted) == ["ada@acme.example", "cem@acme.example"]


@pytest.mark.django_db(transaction=True)
def test_mails_of_one_batch_share_a_connection_and_each_refusal_concerns_its_own_mail(
    three_it_admins: None, smtp_server: SmtpServer
) -> None:
    smtp_server.answer = refuse("bea@", "451 4.2.1 try later")
    process_activation_of_a_batch()

    assert sorted(smtp_server.accepted) == ["ada@acme.example", "cem@acme.example"]
    assert Task.objects.get().error == "The mail server said: 451 4.2.1 try later"
    # The second connection is for what followed the refusal.
    assert smtp_server.connections <= 2


@pytest.mark.django_db(transaction=True)
def test_server_that_ends_a_connection_after_one_mail_gets_the_others_through_new_ones(
    three_it_admins: None, smtp_server: SmtpServer
) -> None:
    def answer(command: str) -> str | None:
        is_second = command.startswith("MAIL") and len(smtp_server.accepted) == smtp_server.connections
        return "421 4.7.0 enough mails for one connection" if is_second else None

    smtp_server.answer = answer
    process_activation_of_a_batch()

    assert sorted(smtp_server.accepted) == ["ada@acme.example", "bea@acme.example", "cem@acme.example"]
    assert smtp_server.connections == 3
    assert not Task.objects.exists()


def process_activation_of_a_batch() -> None:
    """Run the mails as the worker does, in one thread."""
    deliver("connection.activated")
    apply_waiting(now=timezone.now())
    now = timezone.now()
    run_due_tasks(now=now, limit=1)
    threads = TaskThreads()
    due = Task.objects.filter(due_at__lte=timezone.now())
    wait_until(lambda: threads.run_due_tasks(now=timezone.now()) is not None and not due.exists())
    threads.finish(seconds=5)


@pytest.mark.django_db(transaction=True)
def test_worker_ends_on_sigterm_and_applies_events_while_the_mail_server_never_speaks(
    ada: User, manage: Manage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_smtp_server() as server:
        server.is_silent = True
        monkeypatch.setenv("TEST_SMTP_PORT", str(server.port))
        monkeypatch.setenv("TEST_STOP_SECONDS", "0.3")
        worker = manage("worker", "--interval", "0.05")
        deliver("connection.activated", event_id="event_1")
        wait_until(lambda: server.connections, seconds=20)

        deliver("connection.deactivated", event_id="event_2")
        wait_until(lambda: Task.objects.filter(kind=TaskKind.SEND_NOTIFICATION).count() == 2)
        started = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        output, _ = worker.communicate(timeout=STOP_SECONDS + 4)

    assert worker.returncode == 0, output
    assert time.monotonic() - started < STOP_SECONDS + 3


# --- Mails are tasks, in the commit of the change ---------------------------------------------------------


def enrolled(slug: str) -> Enterprise:
    return Enterprise.objects.get(slug=slug)


def assert_link_is_mailed_by_the_worker(email: str) -> None:
    assert not mail.outbox
    task = Task.objects.get(kind=TaskKind.SEND_PASSWORD_LINK)
    assert list(task.arguments) == ["user_id"]
    run_due_tasks(now=timezone.now())
    assert [message.to for message in mail.outbox] == [[email]]
    assert "/account/reset/" in mail.outbox[0].body


@pytest.fixture
def no_workos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enterprises.provisioning.provision", lambda enterprise, actor=None: enterprise)


def test_staff_form_enqueues_the_it_admin_s_mail(sam: User, no_workos: None) -> None:
    form = {"name": "Cedar", "slug": "cedar", "domains": "", "it_admin": "Ines@Cedar.example"}
    response = signed_in(sam).post("/staff/provision-enterprise/", form)

    assert response.status_code == 302
    assert_link_is_mailed_by_the_worker("ines@cedar.example")


def test_command_enqueues_the_it_admin_s_mail(db: None, no_workos: None) -> None:
    call_command("provision_enterprise", "Cedar", it_admin="ines@cedar.example", stdout=StringIO())

    assert_link_is_mailed_by_the_worker("ines@cedar.example")


def test_csv_enqueues_the_it_admin_s_mail(db: None, no_workos: None, tmp_path: Path) -> None:
    file = tmp_path / "one.csv"
    file.write_text("name,it_admin\nCedar,ines@cedar.example\n")
    call_command("provision_enterprise", csv=file, stdout=StringIO(), stderr=StringIO())

    assert_link_is_mailed_by_the_worker("ines@cedar.example")


def test_enterprise_is_not_enrolled_without_its_it_admin_and_mail(
    sam: User, no_workos: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **named: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("enterprises.memberships.queue.enqueue", fail)
    client = signed_in(sam)
    client.raise_request_exception = False
    form = {"name": "Cedar", "slug": "cedar", "domains": "", "it_admin": "ines@cedar.example"}

    assert client.post("/staff/provision-enterprise/", form).status_code == 500
    assert not Enterprise.objects.exists()
    assert not User.objects.filter(email="ines@cedar.example").exists()


def test_password_link_is_not_mailed_to_a_person_who_has_set_a_password_or_left(acme: Enterprise) -> None:
    now = timezone.now()
    for name in ("bea", "cem"):
        add_it_admin(acme, f"{name}@acme.example", COMMAND_LINE, now)
    bea = User.objects.get(email="bea@acme.example")
    bea.set_password("correct horse battery")
    bea.save()
    Membership.objects.filter(user__email="cem@acme.example").delete()

    run_due_tasks(now=timezone.now())

    assert not [message for message in mail.outbox if "/account/reset/" in message.body]
    assert not Task.objects.filter(kind=TaskKind.SEND_PASSWORD_LINK).exists()


def test_mail_with_line_breaks_in_its_subject_is_sent_on_one_line(acme: Enterprise) -> None:
    Enterprise.objects.filter(pk=acme.pk).update(name="Acme\r\nBcc: all@evil.example")
    acme.refresh_from_db()

    invitations.invite(acme, "eve@acme.example", Role.MEMBER, COMMAND_LINE, timezone.now())
    run_due_tasks(now=timezone.now())

    (message,) = mail.outbox
    assert message.subject == "You're invited · Acme Bcc: all@evil.example"


def test_only_one_module_sends_mails() -> None:
    senders = set()
    for package in ("hostapp", "portal", "webhooks", "enterprises", "mirror", "gateway", "outbox", "audit"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    names = [f"{node.module}.{one.name}" for one in node.names]
                if any(name.startswith(("django.core.mail", "smtplib")) for name in names):
                    senders.add(str(file.relative_to(ROOT)))

    assert senders == {"enterprises/mail.py"}
