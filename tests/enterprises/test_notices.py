"""A change that nobody asked for does not pass unseen: the IT admins get a mail, once."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from enterprises import errands
from enterprises.models import Connection, Enterprise, Errand, Membership
from hostapp.models import User
from tests.deliveries import deliver
from webhooks.inbox import apply_waiting

pytestmark = pytest.mark.django_db


def tell(event: str, **data: Any) -> None:
    assert deliver(event, **data).status_code == 200
    apply_waiting(now=timezone.now())
    errands.run_due(now=timezone.now())


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ("connection.activated", "Single Sign-On of Acme Inc. is active"),
        ("connection.deactivated", "Single Sign-On of Acme Inc. was deactivated"),
        ("connection.deleted", "Single Sign-On of Acme Inc. was removed"),
        ("dsync.activated", "Directory Sync of Acme Inc. is active"),
        ("dsync.deleted", "Directory Sync of Acme Inc. was removed"),
    ],
)
def test_it_admins_are_told_of_a_change(ada: User, ben: User, cleo: User, event: str, says: str) -> None:
    tell(event)

    assert [(message.subject, message.to) for message in mail.outbox] == [(says, ["ada@acme.example"])]
    assert "http://localhost:8000/enterprises/acme-inc/" in mail.outbox[0].body
    assert "If nobody of your company asked for this" in mail.outbox[0].body


def test_the_same_news_again_is_one_mail(ada: User) -> None:
    tell("connection.activated", event_id="event_1")
    tell("connection.activated", event_id="event_2")
    tell("connection.activated", event_id="event_3", name="Renamed")

    assert len(mail.outbox) == 1
    assert Connection.objects.get().name == "Renamed"


def test_off_and_on_again_is_told_each_time(ada: User) -> None:
    start = timezone.now()
    for number, event in enumerate(("activated", "deactivated", "activated")):
        tell(f"connection.{event}", event_id=f"e{number}", updated_at=(start + timedelta(number)).isoformat())

    assert len(mail.outbox) == 3


def test_every_it_admin_gets_a_mail_of_their_own(acme: Enterprise, ada: User, ben: User) -> None:
    Membership.objects.update(role="it_admin")
    tell("connection.deactivated")

    assert sorted(message.to for message in mail.outbox) == [["ada@acme.example"], ["ben@acme.example"]]


def remind(days: float, **certificate: Any) -> None:
    expires_at = timezone.now() + timedelta(days=days)
    tell(
        "connection.saml_certificate_renewal_required",
        event_id=f"event_{timezone.now().timestamp()}",
        created_at=timezone.now().isoformat(),
        certificate={"certificate_type": "ResponseSigning", "expiry_date": expires_at.isoformat()},
    )


def test_a_certificate_is_reminded_of_once_a_threshold(ada: User) -> None:
    remind(8.5)
    assert [message.subject for message in mail.outbox] == ["The certificate of Acme Inc. expires in 9 days"]
    assert "Renew certificate" in mail.outbox[0].body

    later = Errand.objects.get()
    # A week before it expires.
    assert abs(later.due_at - timezone.now() - timedelta(days=1.5)) < timedelta(minutes=1)


def test_the_next_threshold_is_told_when_it_is_reached(ada: User) -> None:
    remind(6.9)
    assert len(mail.outbox) == 1
    # The errand of the next threshold, run early: nothing is told twice.
    errands.run_due(now=timezone.now() + timedelta(days=6))

    assert len(mail.outbox) == 1


def test_until_it_is_renewed_a_certificate_is_reminded_of_at_every_threshold_to_the_end(ada: User) -> None:
    start = timezone.now()
    heard = []
    # Nine weeks and a half, three looks of the worker a day.
    for step in range(3 * 67):
        with time_machine.travel(start + timedelta(hours=8 * step), tick=False):
            if step == 0:
                remind(65)
            errands.run_due(now=timezone.now())
            heard += [
                (step // 3, message.subject.removeprefix("The certificate of Acme Inc. "))
                for message in mail.outbox
            ]
            mail.outbox.clear()

    assert heard == [
        (5, "expires in 60 days"),
        (35, "expires in 30 days"),
        (51, "expires in 14 days"),
        (58, "expires in 7 days"),
        (64, "expires within a day"),
        (65, "has expired"),
    ]
    assert not Errand.objects.exists()


def test_a_certificate_that_is_renewed_late_is_left_alone_from_then_on(ada: User) -> None:
    start = timezone.now()
    for day in range(40):
        with time_machine.travel(start + timedelta(days=day, minutes=1), tick=False):
            if day == 0:
                remind(35)
            if day == 30:
                tell("connection.saml_certificate_renewed", created_at=timezone.now().isoformat())
            errands.run_due(now=timezone.now())

    assert [message.subject.rpartition("expires ")[2] for message in mail.outbox] == [
        "in 35 days", "in 30 days", "in 14 days", "in 7 days",
    ]  # fmt: skip


def test_a_renewed_certificate_is_not_reminded_of(ada: User) -> None:
    remind(8)
    tell("connection.saml_certificate_renewed", created_at=(timezone.now() + timedelta(1)).isoformat())
    errands.run_due(now=timezone.now() + timedelta(days=30))

    assert len(mail.outbox) == 1
    assert not Errand.objects.exists()


@pytest.mark.parametrize(
    ("days", "says"), [(0.5, "expires within a day"), (-2, "has expired"), (30, "expires in 30 days")]
)
def test_the_subject_says_how_long_is_left(ada: User, days: float, says: str) -> None:
    remind(days)

    assert mail.outbox[0].subject == f"The certificate of Acme Inc. {says}"
    assert not (Errand.objects.exists() and days < 0)
