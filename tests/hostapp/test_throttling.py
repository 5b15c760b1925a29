"""Guessing is slow, and locks nobody out."""

import threading
from datetime import timedelta
from urllib.parse import unquote

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from hostapp import signing_in
from hostapp.models import SignInTry, User
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db

RIGHT = "correct horse battery"


def sign_in(email: str, password: str, address: str = "192.0.2.1") -> bool:
    response = Client(REMOTE_ADDR=address).post("/account/login/", {"username": email, "password": password})
    return bool(response.status_code == 302)


def guess(email: str, times: int, address: str = "192.0.2.1") -> None:
    for _ in range(times):
        assert not sign_in(email, "wrong", address)


def test_after_five_wrong_tries_the_right_password_waits_too(ada: User) -> None:
    guess(ada.email, 5)

    assert not sign_in(ada.email, RIGHT)
    SignInTry.objects.update(at=timezone.now() - timedelta(minutes=16))
    assert sign_in(ada.email, RIGHT)


def test_an_attacker_elsewhere_locks_nobody_out(ada: User, ben: User) -> None:
    guess(ada.email, 20, "198.51.100.66")

    assert sign_in(ada.email, RIGHT)
    # And at the attacker's address the others are not held up.
    assert sign_in(ben.email, RIGHT, "198.51.100.66")


def test_signing_in_forgets_what_went_wrong_before(ada: User) -> None:
    for _ in range(3):
        guess(ada.email, 4)
        assert sign_in(ada.email, RIGHT)


def test_one_address_cannot_try_everybody(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_in, "TRIES_FOR_AN_ADDRESS", 10)
    for number in range(10):
        guess(f"person{number}@acme.example", 1)

    assert not sign_in(ada.email, RIGHT)
    assert sign_in(ada.email, RIGHT, "192.0.2.2")


def test_the_administration_has_no_way_in_of_its_own(sam: User) -> None:
    client = Client()
    leads = client.get("/admin/", follow=True)
    posted = client.post("/admin/login/?next=/admin/", {"username": sam.email, "password": RIGHT})

    assert unquote(leads.redirect_chain[-1][0]) == posted["Location"] == "/account/login/?next=/admin/"
    assert "_auth_user_id" not in client.session
    there = client.post(posted["Location"], {"username": sam.email, "password": RIGHT, "next": "/admin/"})
    assert there["Location"] == "/admin/"


def test_who_may_not_see_it_is_told_as_whom_they_are_signed_in(ada: User) -> None:
    page = signed_in(ada).get("/admin/", follow=True)

    assert "You are signed in as ada@acme.example, who may not see that page." in " ".join(page.text.split())


def test_the_words_are_the_same_whatever_was_wrong(ada: User) -> None:
    def words(email: str, password: str) -> str:
        page = Client().post("/account/login/", {"username": email, "password": password})
        return str(page.context["form"].errors)

    seen = {words(ada.email, "wrong"), words("nobody@acme.example", "wrong")}
    guess(ada.email, 5, "127.0.0.1")
    seen.add(words(ada.email, RIGHT))

    assert len(seen) == 1


def test_staff_unlock_by_deleting_the_tries(ada: User, sam: User) -> None:
    sam.is_superuser = True
    sam.save()
    guess(ada.email, 5)
    tries = list(SignInTry.objects.values_list("pk", flat=True))

    signed_in(sam).post(
        "/admin/hostapp/signintry/",
        {"action": "delete_selected", "_selected_action": tries, "post": "yes"},
    )

    assert sign_in(ada.email, RIGHT)


@pytest.mark.django_db(transaction=True)
def test_tries_that_come_all_at_once_count_each_other(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []

    def check(self: User, password: str) -> bool:
        checked.append(password)
        return False

    monkeypatch.setattr(User, "check_password", check)
    start = threading.Barrier(12)

    def go() -> None:
        start.wait()
        sign_in(ada.email, "wrong")
        connection.close()

    threads = [threading.Thread(target=go) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(checked) <= 5
