"""Invitations are limited per person, enterprise and address, in words that say when it is possible again."""

import threading
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from audit.actor import Actor
from enterprises import invitations
from enterprises.models import Enterprise, Invitation, Membership, Role
from enterprises.rate_limits import RateLimited
from hostapp.models import User
from outbox.models import Task
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db

MEMBERS = "/enterprises/acme-inc/members/"


def invite(user: User, email: str) -> Any:
    return signed_in(user).post(f"{MEMBERS}invite/", {"email": email, "role": "member"}, follow=True)


def test_invitations_of_one_person_are_limited(acme: Enterprise, ada: User) -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        pages = [invite(ada, f"p{number}@acme.example") for number in range(41)]
        assert Invitation.objects.count() == 20
        assert Task.objects.count() == 20
        words = "You have sent 20 invitations in an hour. Nothing was sent. Try again in 60 minutes."
        assert [words in page.text for page in pages] == [False] * 20 + [True] * 21
    with time_machine.travel(start + timedelta(hours=1), tick=False):
        assert "Invitation sent to p40@acme.example" in invite(ada, "p40@acme.example").text


def test_invitations_of_all_it_admins_together_are_limited(
    acme: Enterprise, ada: User, ben: User, settings: Any
) -> None:
    Membership.objects.update(role=Role.IT_ADMIN)
    settings.INVITATION_LIMIT_ENTERPRISE = 3
    for number in range(3):
        invite(ada, f"p{number}@acme.example")

    page = invite(ben, "other@acme.example")

    assert "The IT admins of Acme Inc. have sent 3 invitations in an hour." in page.text
    assert Invitation.objects.count() == 3


def test_one_address_is_sent_few_invitations_also_when_they_are_revoked(acme: Enterprise, ada: User) -> None:
    client = signed_in(ada)
    invite(ada, "eve@acme.example")
    (invitation,) = Invitation.objects.all()
    client.post(f"/enterprises/acme-inc/invitations/{invitation.pk}/revoke/")
    invite(ada, "eve@acme.example")
    (invitation,) = Invitation.objects.all()
    client.post(f"/enterprises/acme-inc/invitations/{invitation.pk}/resend/")
    before = Invitation.objects.values().get()

    page = client.post(f"/enterprises/acme-inc/invitations/{invitation.pk}/resend/", follow=True)

    assert "eve@acme.example was sent 3 invitations in an hour. Nothing was sent." in page.text
    assert 'class="error"' in page.text
    # The link that was sent last still works.
    assert Invitation.objects.values().get() == before


def test_command_line_is_not_limited(acme: Enterprise, settings: Any) -> None:
    settings.INVITATION_LIMIT_ENTERPRISE = 1
    for number in range(3):
        call_command("invite_it_admin", "acme-inc", f"p{number}@acme.example", verbosity=0)

    assert Invitation.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_invitations_that_are_sent_at_once_count_each_other(
    acme: Enterprise, ada: User, settings: Any
) -> None:
    settings.INVITATION_LIMIT_PERSON = 5
    actor, now = Actor.from_user(ada), timezone.now()
    refused: list[str] = []

    def work(worker: int) -> None:
        for number in range(5):
            try:
                invitations.invite(acme, f"p{worker}-{number}@acme.example", Role.MEMBER, actor, now)
            except RateLimited as refusal:
                refused.append(str(refusal))
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (Invitation.objects.count(), len(refused)) == (5, 15)
