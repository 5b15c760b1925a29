"""Failed sign-in attempts are rate limited, without locking other users out."""

import threading
from datetime import timedelta
from urllib.parse import unquote

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from hostapp import sign_in as sign_in_module
from hostapp.models import SignInAttempt, User
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


def sign_in(email: str, password: str, client_ip: str = "192.0.2.1") -> bool:
    response = Client(REMOTE_ADDR=client_ip).post(
        "/account/login/", {"username": email, "password": password}
    )
    return bool(response.status_code == 302)


def guess(email: str, times: int, client_ip: str = "192.0.2.1") -> None:
    for _ in range(times):
        assert not sign_in(email, "wrong", client_ip)


def test_correct_password_is_refused_after_five_failed_attempts(ada: User) -> None:
    guess(ada.email, 5)

    assert not sign_in(ada.email, PASSWORD)
    SignInAttempt.objects.update(at=timezone.now() - timedelta(minutes=16))
    assert sign_in(ada.email, PASSWORD)


def test_failed_attempts_block_only_that_account_from_that_ip(ada: User, ben: User) -> None:
    guess(ada.email, 20, "198.51.100.66")

    assert sign_in(ada.email, PASSWORD)
    # Other users at the attacker's IP address can still sign in.
    assert sign_in(ben.email, PASSWORD, "198.51.100.66")


def test_successful_sign_in_resets_the_failed_attempts(ada: User) -> None:
    for _ in range(3):
        guess(ada.email, 4)
        assert sign_in(ada.email, PASSWORD)


def test_ip_is_blocked_after_failed_attempts_on_many_accounts(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in_module, "MAX_ATTEMPTS_PER_ADDRESS", 10)
    for number in range(10):
        guess(f"person{number}@acme.example", 1)

    assert not sign_in(ada.email, PASSWORD)
    assert sign_in(ada.email, PASSWORD, "192.0.2.2")


def test_django_admin_login_redirects_to_the_sign_in_page(sam: User) -> None:
    client = Client()
    page = client.get("/admin/", follow=True)
    posted = client.post("/admin/login/?next=/admin/", {"username": sam.email, "password": PASSWORD})

    assert unquote(page.redirect_chain[-1][0]) == posted["Location"] == "/account/login/?next=/admin/"
    assert "_auth_user_id" not in client.session
    signed_in_response = client.post(
        posted["Location"], {"username": sam.email, "password": PASSWORD, "next": "/admin/"}
    )
    assert signed_in_response["Location"] == "/admin/"


def test_user_without_admin_access_sees_which_account_is_signed_in(ada: User) -> None:
    page = signed_in(ada).get("/admin/", follow=True)

    assert "You are signed in as ada@acme.example, who may not see that page." in " ".join(page.text.split())


def test_sign_in_error_is_the_same_for_every_cause(ada: User) -> None:
    def error_text(email: str, password: str) -> str:
        page = Client().post("/account/login/", {"username": email, "password": password})
        return str(page.context["form"].errors)

    errors = {error_text(ada.email, "wrong"), error_text("nobody@acme.example", "wrong")}
    guess(ada.email, 5, "127.0.0.1")
    errors.add(error_text(ada.email, PASSWORD))

    assert len(errors) == 1


def test_staff_unblock_a_user_by_deleting_the_failed_attempts(ada: User, sam: User) -> None:
    sam.is_superuser = True
    sam.save()
    guess(ada.email, 5)
    attempts = list(SignInAttempt.objects.values_list("pk", flat=True))

    signed_in(sam).post(
        "/admin/hostapp/signinattempt/",
        {"action": "delete_selected", "_selected_action": attempts, "post": "yes"},
    )

    assert sign_in(ada.email, PASSWORD)


@pytest.mark.django_db(transaction=True)
def test_concurrent_attempts_cannot_exceed_the_rate_limit(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []

    def check(self: User, password: str) -> bool:
        checked.append(password)
        return False

    monkeypatch.setattr(User, "check_password", check)
    start = threading.Barrier(12)

    def attempt() -> None:
        start.wait()
        sign_in(ada.email, "wrong")
        connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(checked) <= 5
