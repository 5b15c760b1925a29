"""IT admins get one mail for each state change and for each certificate reminder."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from enterprises.models import Enterprise, Membership
from hostapp.models import User
from mirror.models import Connection
from outbox.models import Task
from outbox.runner import run_due_tasks
from tests.deliveries import deliver
from webhooks.inbox import apply_waiting

pytestmark = pytest.mark.django_db


def process_event(event: str, **data: Any) -> None:
    assert deliver(event, **data).status_code == 200
    apply_waiting(now=timezone.now())
    run_due_tasks(now=timezone.now())


@pytest.mark.parametrize(
    ("event", "subject"),
    [
        ("connection.activated", "Single sign-on is active"),
        ("connection.deactivated", "Single sign-on was turned off"),
        ("connection.deleted", "Single sign-on was removed"),
        ("dsync.activated", "Directory sync is active"),
        ("dsync.deleted", "Directory sync was removed"),
    ],
)
def test_state_change_is_mailed_to_it_admins(
    ada: User, ben: User, cleo: User, event: str, subject: str
) -> None:
    process_event(event)

    assert [(message.subject, message.to) for message in mail.outbox] == [
        (f"{subject} · Acme Inc.", ["ada@acme.example"])
    ]
    assert "http://localhost:8000/enterprises/acme-inc/" in mail.outbox[0].body
    assert "If you or a colleague did this" in mail.outbox[0].body


def test_repeated_state_sends_no_second_mail(ada: User) -> None:
    process_event("connection.activated", event_id="event_1")
    process_event("connection.activated", event_id="event_2")
    process_event("connection.activated", event_id="event_3", name="Renamed")

    assert len(mail.outbox) == 1
    assert Connection.objects.get().name == "Renamed"


def test_each_state_change_sends_its_own_mail(ada: User) -> None:
    start = timezone.now()
    for number, event in enumerate(("activated", "deactivated", "activated")):
        process_event(
            f"connection.{event}", event_id=f"e{number}", updated_at=(start + timedelta(number)).isoformat()
        )

    assert len(mail.outbox) == 3


def test_each_it_admin_gets_a_separate_mail(acme: Enterprise, ada: User, ben: User) -> None:
    Membership.objects.update(role="it_admin")
    process_event("connection.deactivated")

    assert sorted(message.to for message in mail.outbox) == [["ada@acme.example"], ["ben@acme.example"]]


def test_late_delivery_sends_no_mail(ada: User) -> None:
    yesterday = timezone.now() - timedelta(hours=25)
    process_event("connection.deactivated", created_at=yesterday.isoformat())

    assert Connection.objects.get().state == "inactive"
    assert mail.outbox == []


def test_certificate_learned_late_is_mailed_at_the_next_reminder(ada: User) -> None:
    expires_at = timezone.now() + timedelta(days=10)
    process_event(
        "connection.saml_certificate_renewal_required",
        created_at=(timezone.now() - timedelta(days=2)).isoformat(),
        certificate={"certificate_type": "ResponseSigning", "expiry_date": expires_at.isoformat()},
    )
    assert mail.outbox == []

    with time_machine.travel(expires_at - timedelta(days=7) + timedelta(minutes=1)):
        run_due_tasks(now=timezone.now())

    assert [one.subject for one in mail.outbox] == ["Certificate expires in 7 days · Acme Inc."]


def deliver_renewal_required(days: float, **certificate: Any) -> None:
    expires_at = timezone.now() + timedelta(days=days)
    process_event(
        "connection.saml_certificate_renewal_required",
        event_id=f"event_{timezone.now().timestamp()}",
        created_at=timezone.now().isoformat(),
        certificate={"certificate_type": "ResponseSigning", "expiry_date": expires_at.isoformat()},
    )


def test_certificate_reminder_is_sent_and_the_next_one_scheduled(ada: User) -> None:
    deliver_renewal_required(8.5)
    assert [message.subject for message in mail.outbox] == ["Certificate expires in 9 days · Acme Inc."]
    assert "Renew certificate" in mail.outbox[0].body

    later = Task.objects.get()
    # The next reminder is due a week before the certificate expires.
    assert abs(later.due_at - timezone.now() - timedelta(days=1.5)) < timedelta(minutes=1)


def test_certificate_reminder_task_run_early_sends_no_second_mail(ada: User) -> None:
    deliver_renewal_required(6.9)
    assert len(mail.outbox) == 1
    # The task for the next threshold runs early and must not send a second mail.
    run_due_tasks(now=timezone.now() + timedelta(days=6))

    assert len(mail.outbox) == 1


def test_certificate_reminders_are_sent_at_every_threshold_until_it_has_expired(ada: User) -> None:
    start = timezone.now()
    reminders = []
    # Nine and a half weeks, with the worker running three times a day.
    for step in range(3 * 67):
        with time_machine.travel(start + timedelta(hours=8 * step), tick=False):
            if step == 0:
                deliver_renewal_required(65)
            run_due_tasks(now=timezone.now())
            reminders += [
                (step // 3, message.subject.removeprefix("Certificate ").removesuffix(" · Acme Inc."))
                for message in mail.outbox
            ]
            mail.outbox.clear()

    assert reminders == [
        (5, "expires in 60 days"),
        (35, "expires in 30 days"),
        (51, "expires in 14 days"),
        (58, "expires in 7 days"),
        (64, "expires within a day"),
        (65, "has expired"),
    ]
    assert not Task.objects.exists()


def test_late_certificate_renewal_stops_the_remaining_reminders(ada: User) -> None:
    start = timezone.now()
    for day in range(40):
        with time_machine.travel(start + timedelta(days=day, minutes=1), tick=False):
            if day == 0:
                deliver_renewal_required(35)
            if day == 30:
                process_event("connection.saml_certificate_renewed", created_at=timezone.now().isoformat())
            run_due_tasks(now=timezone.now())

    assert [
        message.subject.removesuffix(" · Acme Inc.").rpartition("expires ")[2] for message in mail.outbox
    ] == [
        "in 35 days", "in 30 days", "in 14 days", "in 7 days",
    ]  # fmt: skip


def test_certificate_renewal_cancels_the_scheduled_reminder(ada: User) -> None:
    deliver_renewal_required(8)
    process_event(
        "connection.saml_certificate_renewed", created_at=(timezone.now() + timedelta(1)).isoformat()
    )
    run_due_tasks(now=timezone.now() + timedelta(days=30))

    assert len(mail.outbox) == 1
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("days", "remaining"), [(0.5, "expires within a day"), (-2, "has expired"), (30, "expires in 30 days")]
)
def test_certificate_reminder_subject_states_the_remaining_time(
    ada: User, days: float, remaining: str
) -> None:
    deliver_renewal_required(days)

    assert mail.outbox[0].subject == f"Certificate {remaining} · Acme Inc."
    assert not (Task.objects.exists() and days < 0)
