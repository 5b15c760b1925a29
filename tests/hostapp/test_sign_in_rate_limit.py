"""Failed sign-in attempts are rate limited, without locking other users out."""

import threading
from datetime import timedelta
from urllib.parse import unquote

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from hostapp import sign_in as sign_in_module
from hostapp.models import SignInAttempt, User
from hostapp.tasks import PERIODIC_JOBS
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


@pytest.mark.parametrize("email", ["ada@acme.example", "nobody@acme.example"])
def test_last_failed_attempt_says_when_to_try_again(ada: User, email: str) -> None:
    guess(email, 4)
    fields = {"username": email, "password": "wrong"}
    assert "Email or password is incorrect." not in Client().get("/account/login/").text

    page = Client(REMOTE_ADDR="192.0.2.1").post("/account/login/", fields)
    assert "Too many attempts. Try again in 15 minutes." in page.text

    SignInAttempt.objects.update(at=timezone.now() - timedelta(minutes=14, seconds=30))
    page = Client(REMOTE_ADDR="192.0.2.1").post("/account/login/", fields)
    assert "Too many attempts. Try again in 1 minute." in page.text


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
    monkeypatch.setattr(sign_in_module, "MAX_ATTEMPTS_PER_NETWORK", 10)
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

    assert "You’re signed in as <strong>ada@acme.example</strong>, which doesn’t have access." in " ".join(
        page.text.split()
    )


def test_sign_in_error_does_not_reveal_whether_the_account_exists_or_the_password_is_right(ada: User) -> None:
    def error_text(email: str, password: str) -> str:
        page = Client().post("/account/login/", {"username": email, "password": password})
        return str(page.context["form"].errors)

    errors = {error_text(ada.email, "wrong"), error_text("nobody@acme.example", "wrong")}
    assert len(errors) == 1

    for email in (ada.email, "nobody@acme.example"):
        guess(email, 5, "127.0.0.1")
    attempts = [(ada.email, PASSWORD), (ada.email, "wrong"), ("nobody@acme.example", "wrong")]
    limited = {error_text(email, password) for email, password in attempts}
    assert len(limited) == 1
    assert "Too many attempts" in limited.pop()


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


def attempts_from(client_ip: str, guesses: int, client: Client | None = None, email: str = "") -> bool:
    """Guess the password of Ada from `client_ip`; returns whether her own password is then let in."""
    client = client or Client()
    for _ in range(guesses):
        client.post(
            "/account/login/", {"username": email or "ada@acme.example", "password": "wrong"},
            REMOTE_ADDR=client_ip,
        )  # fmt: skip
    return sign_in("ada@acme.example", PASSWORD, client_ip)


def test_addresses_of_one_ipv6_network_are_counted_together(ada: User) -> None:
    for number in range(5):
        guess(ada.email, 1, f"2001:db8:1:2::{number:x}")

    assert not sign_in(ada.email, PASSWORD, "2001:db8:1:2:ffff::1")
    assert sign_in(ada.email, PASSWORD, "2001:db8:1:3::1")


@pytest.mark.parametrize("client_ip", ["::1", "fe80::1", "2001:db8::ffff:1", "192.0.2.1", ""])
def test_every_kind_of_address_is_limited_and_let_in(ada: User, client_ip: str) -> None:
    assert attempts_from(client_ip, 4)
    assert not attempts_from(client_ip, 5)


def test_spellings_of_one_email_share_a_counter(ada: User) -> None:
    for typed in (
        "ada@acme.example",
        " ADA@acme.example",
        "Ada@Acme.Example ",
        "ada@ACME。example",
        "aDA@acme.example",
    ):
        guess(typed, 1)

    assert not sign_in(ada.email, PASSWORD)


def test_unknown_addresses_share_no_counter(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy that is not named, or on a Unix socket, nobody's address may be known."""
    monkeypatch.setattr(sign_in_module, "MAX_ATTEMPTS_PER_NETWORK", 10)
    for number in range(20):
        guess(f"person{number}@acme.example", 1, "")

    assert sign_in(ada.email, PASSWORD, "")


@pytest.mark.parametrize("client_ip", ["", "192.0.2.1"])
def test_stranger_never_keeps_out_a_browser_that_signed_in_before(
    ada: User, client_ip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also from the same address, or when no address is known, and for as long as they go on."""
    monkeypatch.setattr(sign_in_module, "MAX_ATTEMPTS_PER_NETWORK", 10)
    browser = Client(REMOTE_ADDR=client_ip)
    credentials = {"username": ada.email, "password": PASSWORD}
    assert browser.post("/account/login/", credentials).status_code == 302
    browser.post("/account/logout/")

    for number in range(10):
        guess(ada.email, 1, client_ip)
        guess(f"person{number}@acme.example", 1, client_ip)

    assert not sign_in(ada.email, PASSWORD, client_ip)
    assert browser.post("/account/login/", credentials).status_code == 302


def test_known_browser_has_a_limit_of_its_own_and_no_other_account(ada: User, ben: User) -> None:
    browser = Client()
    browser.post("/account/login/", {"username": ada.email, "password": PASSWORD})
    browser.post("/account/logout/")
    for email in (ada.email, ben.email):
        for _ in range(5):
            browser.post("/account/login/", {"username": email, "password": "wrong"})
        page = browser.post("/account/login/", {"username": email, "password": PASSWORD})
        assert page.status_code == 200

    # Ben is not known in that browser, so his account is limited for the address.
    assert not sign_in(ben.email, PASSWORD, "127.0.0.1")
    assert sign_in(ada.email, PASSWORD, "127.0.0.1")


def test_people_who_share_a_browser_are_each_known(ada: User, ben: User) -> None:
    browser = Client()
    for user in (ada, ben):
        browser.post("/account/login/", {"username": user.email, "password": PASSWORD})
        browser.post("/account/logout/")
    for user in (ada, ben):
        guess(user.email, 5, "127.0.0.1")
        response = browser.post("/account/login/", {"username": user.email, "password": PASSWORD})
        assert response.status_code == 302


@pytest.mark.parametrize("cookie", ["", "x", "a:b:c", "W10:1abcde:x", "\x00"])
def test_forged_browser_cookie_makes_no_browser_known(ada: User, cookie: str) -> None:
    guess(ada.email, 5, "127.0.0.1")
    client = Client()
    client.cookies["known_browser"] = cookie

    response = client.post("/account/login/", {"username": ada.email, "password": PASSWORD})

    assert response.status_code == 200


def test_new_password_through_the_mailed_link_lets_a_person_in_while_strangers_guess(ada: User) -> None:
    token = default_token_generator.make_token(ada)
    path = f"/account/reset/{urlsafe_base64_encode(force_bytes(ada.pk))}/{token}/"
    new = "another good battery"
    browser = Client()
    form = browser.get(path)["Location"]
    guess(ada.email, 5, "127.0.0.1")

    browser.post(form, {"new_password1": new, "new_password2": new})
    guess(ada.email, 5, "127.0.0.1")

    assert not sign_in(ada.email, new, "127.0.0.1")
    response = browser.post("/account/login/", {"username": ada.email, "password": new})
    assert response.status_code == 302


def test_rate_limited_attempts_write_nothing_and_count_no_further_than_the_limit(ada: User) -> None:
    guess(ada.email, 5)
    before = SignInAttempt.objects.count()

    with CaptureQueriesContext(connection) as captured:
        guess(ada.email, 20)

    assert SignInAttempt.objects.count() == before == 5
    statements = [query["sql"] for query in captured]
    assert not [sql for sql in statements if sql.startswith(("INSERT", "UPDATE", "DELETE"))]
    assert all("LIMIT" in sql for sql in statements if "hostapp_signinattempt" in sql)


def test_limit_ends_a_quarter_of_an_hour_after_the_counted_attempts_however_many_follow(ada: User) -> None:
    guess(ada.email, 5)
    SignInAttempt.objects.update(at=timezone.now() - timedelta(minutes=14, seconds=50))
    guess(ada.email, 50)
    SignInAttempt.objects.update(at=timezone.now() - timedelta(minutes=15, seconds=1))

    assert sign_in(ada.email, PASSWORD)


def test_worker_deletes_attempts_that_no_longer_count(ada: User) -> None:
    guess(ada.email, 5)
    SignInAttempt.objects.filter(pk__in=SignInAttempt.objects.values("pk")[:3]).update(
        at=timezone.now() - timedelta(minutes=16)
    )
    (job,) = [job for job in PERIODIC_JOBS if job.run is sign_in_module.delete_old_attempts]

    assert job.run(timezone.now()) == 3
    assert SignInAttempt.objects.count() == 2


def test_attempts_are_counted_by_an_index(db: None) -> None:
    at = timezone.now()
    SignInAttempt.objects.bulk_create(
        SignInAttempt(email=f"person{n}@acme.example", source=f"192.0.{n % 200}.{n // 200}", at=at)
        for n in range(5000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE hostapp_signinattempt")
    for rows in (
        SignInAttempt.objects.filter(source="192.0.1.1", at__gt=at - timedelta(minutes=15)),
        SignInAttempt.objects.filter(
            email="person1@acme.example", source="192.0.1.1", at__gt=at - timedelta(minutes=15)
        ),
        SignInAttempt.objects.filter(at__lt=at - timedelta(minutes=15)),
    ):
        assert "Seq Scan" not in rows.values_list("pk")[:5].explain()
