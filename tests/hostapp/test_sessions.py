"""Sessions end with a deactivation, and expired ones are deleted."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from audit.actor import COMMAND_LINE
from enterprises.memberships import deactivate_user
from hostapp.models import User
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db


def set_active(user: User, is_active: bool) -> None:
    user.is_active = is_active
    user.save()


def update_by_sql(user: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE hostapp_user SET is_active = false WHERE id = %s", [user.pk])


def is_signed_in(client: Client) -> bool:
    return bool(client.get("/account/password_change/").status_code == 200)


@pytest.mark.parametrize(
    "deactivate",
    [
        lambda user: deactivate_user(user, COMMAND_LINE, timezone.now()),
        lambda user: set_active(user, False),
        lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
        update_by_sql,
    ],
    ids=["action", "save", "bulk update", "SQL"],
)
def test_session_of_a_deactivated_person_does_not_work_after_a_reactivation(
    ada: User, ben: User, deactivate: Callable[[User], object]
) -> None:
    client, of_ben = signed_in(ada), signed_in(ben)
    assert is_signed_in(client)
    read_before = User.objects.get(pk=ada.pk)

    deactivate(ada)
    # A row that was read before does not bring the sessions back.
    set_active(read_before, True)

    assert not is_signed_in(client)
    assert client.get("/")["Location"] == "/account/login/?next=/"
    assert is_signed_in(of_ben)
    new = Client()
    new.post("/account/login/", {"username": ada.email, "password": "correct horse battery"})
    assert is_signed_in(new)


def test_session_goes_on_when_the_person_is_changed_otherwise(ada: User) -> None:
    client = signed_in(ada)
    ada.name = "Another name"
    ada.is_staff = True
    ada.save()

    assert is_signed_in(client)
