"""A password reset does not reveal who has an account, sends no mail in a request, and is rate-limited."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from enterprises.models import RateLimitCount
from enterprises.rate_limits import count_action, prune_counts
from hostapp.models import User
from hostapp.password_reset import MAX_PER_ADDRESS, MAX_PER_NETWORK
from outbox.models import Task
from outbox.runner import run_due_tasks

pytestmark = pytest.mark.django_db

PATH = "/account/password_reset/"


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


def test_worker_mails_the_link_to_known_people_only(ada: User, ben: User) -> None:
    User.objects.filter(pk=ben.pk).update(is_active=False)
    for email in (ada.email.upper(), ben.email, "nobody@acme.example"):
        request_reset(email)

    run_due_tasks(now=timezone.now())

    (message,) = mail.outbox
    assert (message.to, message.subject) == ([ada.email], "Reset your password · Portal Host")
    assert "http://localhost:8000/account/reset/" in message.body
    assert not Task.objects.exists()


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
