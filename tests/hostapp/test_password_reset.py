"""A password reset does not reveal who has an account, sends no mail in a request, and is rate-limited."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.actor import COMMAND_LINE
from enterprises import memberships
from enterprises.models import Enterprise, RateLimitCount
from enterprises.rate_limits import count_action, prune_counts
from hostapp.models import User
from hostapp.password_reset import MAX_PER_ADDRESS, MAX_PER_NETWORK
from outbox.models import Task
from outbox.runner import run_due_tasks
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db

PATH = "/account/password_reset/"
NEW_PASSWORD = "a very good battery"


def request_reset(email: str, client_ip: str = "203.0.113.7") -> Any:
    return Client(REMOTE_ADDR=client_ip).post(PATH, {"email": email})


@pytest.fixture
def frozen_time() -> Iterator[Any]:
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


def test_known_and_unknown_addresses_get_the_same_answer_by_the_same_statements(ada: User) -> None:
    statements = []
    for email in (ada.email, "nobody@acme.example"):
        with CaptureQueriesContext(connection) as captured:
            response = request_reset(email)
        assert (response.status_code, response["Location"]) == (302, "/account/password_reset/done/")
        statements.append([query["sql"].partition(" ")[0] for query in captured.captured_queries])

    assert statements[0] == statements[1]
    assert not mail.outbox


def test_worker_mails_the_link_to_a_person_with_a_password(ada: User) -> None:
    request_reset(ada.email.upper())

    run_due_tasks(now=timezone.now())

    (message,) = mail.outbox
    assert (message.to, message.subject) == ([ada.email], "Reset your password · Portal Host")
    assert "http://localhost:8000/account/reset/" in message.body
    assert not Task.objects.exists()


def test_mail_says_why_no_password_was_changed(ada: User, ben: User, cleo: User) -> None:
    User.objects.filter(pk=ben.pk).update(is_active=False)
    # A superuser has taken her password.
    cleo.set_unusable_password()
    cleo.last_login = timezone.now()
    cleo.save()
    causes = {
        "nobody@acme.example": "There's no account with this email, so no password was changed.",
        ben.email: "This account is deactivated, so no password was changed.",
        cleo.email: "This account can't use a password, so none was changed.",
    }
    for email in causes:
        request_reset(email)

    run_due_tasks(now=timezone.now())

    assert {message.to[0] for message in mail.outbox} == set(causes)
    for message in mail.outbox:
        assert message.subject == "No password was changed · Portal Host"
        assert causes[message.to[0]] in message.body
        assert "/account/reset/" not in message.body


def test_person_who_has_not_set_a_first_password_gets_a_link(acme: Enterprise) -> None:
    """The link of the mail that gave them access lasts three days, and its page offers a new one."""
    memberships.add_it_admin(acme, "fay@acme.example", COMMAND_LINE, timezone.now())
    run_due_tasks(now=timezone.now())
    mail.outbox.clear()
    request_reset("fay@acme.example")

    run_due_tasks(now=timezone.now())

    found = re.search(r"http://localhost:8000(/account/reset/\S+)", str(mail.outbox[0].body))
    assert found
    assert "Set a password" in Client().get(found[1], follow=True).text


def test_stranger_is_told_once_a_day_that_there_is_no_account(frozen_time: Any, db: None) -> None:
    for _ in range(2):
        request_reset("nobody@acme.example")
        run_due_tasks(now=timezone.now())
    assert len(mail.outbox) == 1

    frozen_time.shift(timedelta(days=1))
    request_reset("nobody@acme.example")
    run_due_tasks(now=timezone.now())
    assert len(mail.outbox) == 2


def test_stranger_is_told_by_the_retry_if_the_mail_server_was_down(
    monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    request_reset("nobody@acme.example")
    with monkeypatch.context() as down:
        down.setattr("enterprises.mail._deliver", Mock(side_effect=OSError))
        run_due_tasks(now=timezone.now())
    assert Task.objects.get().error

    run_due_tasks(now=timezone.now() + timedelta(hours=1))

    assert len(mail.outbox) == 1


def open_reset_link(email: str) -> str:
    request_reset(email)
    run_due_tasks(now=timezone.now())
    found = re.search(r"http://localhost:8000(/account/reset/\S+)", str(mail.outbox[-1].body))
    assert found
    return found[1]


def test_link_that_was_used_says_that_no_password_was_changed(ada: User) -> None:
    link, client = open_reset_link(ada.email), Client()
    form = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    page = client.get(link, follow=True)
    assert "Password set" in client.post(page.request["PATH_INFO"], form, follow=True).text

    again = Client().get(link, follow=True).text

    assert "This link no longer works" in again
    assert "so no password was changed" in again
    ada.refresh_from_db()
    assert ada.check_password(NEW_PASSWORD)


def test_person_is_mailed_that_a_new_password_was_set(ada: User, sam: User) -> None:
    """By the link, by themselves, and by a superuser, whose IP address is not shown."""
    User.objects.filter(pk=sam.pk).update(is_superuser=True)
    form = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    link, stranger = open_reset_link(ada.email), Client(REMOTE_ADDR="203.0.113.7")
    stranger.post(stranger.get(link, follow=True).request["PATH_INFO"], form)
    person, other = signed_in(User.objects.get(pk=ada.pk)), "another good battery"
    wrong = {"old_password": "wrong", "new_password1": other, "new_password2": other}
    for values in (wrong, {**wrong, "old_password": NEW_PASSWORD}):
        person.post("/account/password_change/", values, REMOTE_ADDR="203.0.113.8")
    by_staff = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    for password in ("short", NEW_PASSWORD):
        values = by_staff | {"password1": password, "password2": password}
        signed_in(sam).post(f"/admin/hostapp/user/{ada.pk}/password/", values, REMOTE_ADDR="203.0.113.9")
    mail.outbox.clear()

    run_due_tasks(now=timezone.now())

    assert [message.subject for message in mail.outbox] == ["A new password was set · Portal Host"] * 3
    bodies = "".join(str(message.body) for message in mail.outbox)
    assert {message.to[0] for message in mail.outbox} == {ada.email}
    assert [address in bodies for address in ("203.0.113.7", "203.0.113.8", "203.0.113.9")] == [
        True, True, False,
    ]  # fmt: skip
    assert bodies.count("Sam Staff <sam@saas.example>") == 1
    assert NEW_PASSWORD not in bodies


def test_task_holds_no_token(ada: User) -> None:
    request_reset(ada.email)

    assert set(Task.objects.get().arguments) == {"email", "client_ip", "requested_at"}


def test_one_person_gets_few_mails_however_often_a_stranger_asks(ada: User, frozen_time: Any) -> None:
    for number in range(61):
        response = request_reset(ada.email, f"198.51.100.{number}")
        assert response.status_code == 302
        run_due_tasks(now=timezone.now())
    assert len(mail.outbox) == MAX_PER_ADDRESS

    frozen_time.shift(timedelta(hours=1))
    request_reset(ada.email)
    run_due_tasks(now=timezone.now())
    assert len(mail.outbox) == MAX_PER_ADDRESS + 1


def test_sixty_one_requests_at_once_are_one_mail(ada: User) -> None:
    for number in range(61):
        request_reset(ada.email, f"198.51.100.{number}")
    run_due_tasks(now=timezone.now())

    assert len(mail.outbox) == 1


@pytest.mark.parametrize("client_ip", ["203.0.113.7", "2001:db8::{}"])
def test_one_network_may_ask_only_so_often(client_ip: str, frozen_time: Any, db: None) -> None:
    for number in range(MAX_PER_NETWORK):
        assert request_reset(f"p{number}@acme.example", client_ip.format(number)).status_code == 302

    refused = request_reset("other@acme.example", client_ip.format(99))

    assert refused.status_code == 429
    assert "Too many password resets from your network. Try again in 60 minutes." in refused.text
    assert request_reset("other@acme.example", "198.51.100.1").status_code == 302
    frozen_time.shift(timedelta(minutes=60))
    assert request_reset("other@acme.example", client_ip.format(99)).status_code == 302


def test_refused_action_is_not_counted_and_old_counts_are_deleted(db: None) -> None:
    now, window = timezone.now(), timedelta(hours=1)
    results = [count_action("a", limit=2, window=window, now=now) for _ in range(5)]

    assert results == [0, 0, 60, 60, 60]
    assert RateLimitCount.objects.get().count == 2
    assert count_action("a", limit=2, window=window, now=now + timedelta(minutes=59, seconds=30)) == 1
    assert prune_counts(now + timedelta(hours=2)) == 0
    assert prune_counts(now + timedelta(days=2)) == 1
