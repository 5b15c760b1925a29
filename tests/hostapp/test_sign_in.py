"""Sign-in, passwords, the home page and the error pages."""

import pytest
from django.core import mail
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone

from enterprises.models import Enterprise, Membership
from hostapp.models import User
from outbox.runner import run_due_tasks
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.mark.parametrize("typed", ["ada@acme.example", "ADA@Acme.Example"])
def test_sign_in_ignores_the_case_of_the_email(ada: User, typed: str) -> None:
    response = Client().post("/account/login/", {"username": typed, "password": PASSWORD})

    assert (response.status_code, response["Location"]) == (302, "/")


def test_second_user_whose_email_differs_only_by_case_is_rejected(ada: User) -> None:
    with pytest.raises(IntegrityError):
        User.objects.create_user("ADA@acme.example", PASSWORD)


def test_database_rejects_an_uppercase_email(ada: User) -> None:
    from django.db import connection

    with pytest.raises(IntegrityError, match="user_email_is_lowercase"), connection.cursor() as cursor:
        cursor.execute("UPDATE hostapp_user SET email = 'ADA@acme.example'")


def test_wrong_password_and_deactivated_user_get_the_same_error(ada: User, ben: User) -> None:
    User.objects.filter(pk=ben.pk).update(is_active=False)

    wrong = Client().post("/account/login/", {"username": ada.email, "password": "wrong"})
    deactivated = Client().post("/account/login/", {"username": ben.email, "password": PASSWORD})

    for response in (wrong, deactivated):
        assert response.status_code == 200
        assert "Email or password is incorrect." in response.text


def test_help_for_a_password_is_said_once_and_its_form_names_the_account(ada: User) -> None:
    page = signed_in(ada).get("/account/password_change/").text

    assert page.count("At least 12 characters. Avoid common passwords and your own name.") == 1
    assert 'name="username" value="ada@acme.example" autocomplete="username" hidden' in page
    assert (page.count('autocomplete="current-password"'), page.count('autocomplete="new-password"')) == (
        1,
        2,
    )


def test_sign_in_redirects_to_the_requested_page(ada: User) -> None:
    client = Client()
    redirect = client.get("/enterprises/acme-inc/")

    page = client.get(redirect["Location"])
    response = client.post(
        redirect["Location"],
        {"username": ada.email, "password": PASSWORD, "next": page.context["next"]},
    )

    assert response["Location"] == "/enterprises/acme-inc/"


def test_sign_in_does_not_redirect_to_another_site(ada: User) -> None:
    response = Client().post(
        "/account/login/?next=https://evil.example/", {"username": ada.email, "password": PASSWORD}
    )

    assert response["Location"] == "/"


def test_sign_out_requires_a_post_request(ada: User) -> None:
    client = signed_in(ada)

    assert client.get("/account/logout/").status_code == 405
    assert client.post("/account/logout/")["Location"] == "/account/login/"
    assert client.get("/").status_code == 302


def test_user_changes_their_password(ada: User) -> None:
    new = "another good battery"
    signed_in(ada).post(
        "/account/password_change/",
        {"old_password": PASSWORD, "new_password1": new, "new_password2": new},
    )

    assert Client().login(username=ada.email, password=new)


def test_password_reset_mail_links_to_site_url_and_not_to_the_request_s_host(ada: User) -> None:
    Client(headers={"host": "127.0.0.1"}).post("/account/password_reset/", {"email": "ADA@acme.example"})
    run_due_tasks(now=timezone.now())

    (message,) = mail.outbox
    assert "http://localhost:8000/account/reset/" in message.body
    assert "//127.0.0.1" not in message.body


def test_password_reset_for_an_unknown_email_reveals_nothing_and_sends_no_link(db: None) -> None:
    response = Client().post("/account/password_reset/", {"email": "nobody@acme.example"}, follow=True)
    run_due_tasks(now=timezone.now())

    assert "If there’s an account with this email" in response.text
    assert "/account/reset/" not in str(mail.outbox[0].body)


def test_home_redirects_to_the_user_s_only_enterprise(ada: User) -> None:
    assert signed_in(ada).get("/")["Location"] == "/enterprises/acme-inc/"


def test_home_lists_only_the_user_s_own_enterprises(ada: User, birch: Enterprise) -> None:
    Enterprise.objects.create(name="Cedar GmbH", slug="cedar")
    Membership.objects.create(user=ada, enterprise=birch, role=Membership.Role.MEMBER)

    page = signed_in(ada).get("/")

    assert "Acme Inc." in page.text
    assert "Birch Ltd" in page.text
    assert "Cedar" not in page.text


def test_home_tells_a_user_without_membership_what_to_do(dan: User) -> None:
    page = signed_in(dan).get("/")

    assert "You’re not a member of an enterprise yet" in page.text
    assert "dan@dune.example" in page.text


@pytest.mark.parametrize(
    "path", ["/", "/enterprises/acme-inc/", "/account/password_change/", "/staff/enterprises/"]
)
def test_private_page_redirects_anonymous_users_to_sign_in(path: str, db: None) -> None:
    assert Client().get(path)["Location"] == f"/account/login/?next={path}"


@pytest.mark.parametrize("path", ["/account/login/", "/account/password_reset/"])
def test_anonymous_users_can_open_sign_in_and_password_reset(path: str, db: None) -> None:
    assert Client().get(path).status_code == 200


def test_not_found_and_forbidden_responses_show_an_error_page(ada: User, ben: User) -> None:
    missing = signed_in(ada).get("/nowhere/")
    forbidden = signed_in(ben).post("/enterprises/acme-inc/portal/sso/")

    assert (missing.status_code, forbidden.status_code) == (404, 403)
    assert "Page not found" in missing.text
    assert "You don’t have permission" in forbidden.text


def test_server_error_page_does_not_show_the_exception(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_error(*args: object) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr("hostapp.views.access.memberships_of", raise_error)
    client = signed_in(ada)
    client.raise_request_exception = False

    response = client.get("/")

    assert response.status_code == 500
    assert "Something went wrong on our side" in response.text
    assert "broken on purpose" not in response.text
