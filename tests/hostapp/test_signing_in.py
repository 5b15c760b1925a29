"""People sign in by e-mail, whatever the case."""

import pytest
from django.core import mail
from django.db import IntegrityError
from django.test import Client

from enterprises.models import Enterprise, Membership
from hostapp.models import User
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.mark.parametrize("typed", ["ada@acme.example", "ADA@Acme.Example"])
def test_the_case_of_the_address_does_not_matter(ada: User, typed: str) -> None:
    response = Client().post("/account/login/", {"username": typed, "password": PASSWORD})

    assert (response.status_code, response["Location"]) == (302, "/")


def test_two_accounts_cannot_differ_by_case_alone(ada: User) -> None:
    with pytest.raises(IntegrityError):
        User.objects.create_user("ADA@acme.example", PASSWORD)


def test_the_database_itself_keeps_addresses_in_lower_case(ada: User) -> None:
    from django.db import connection

    with pytest.raises(IntegrityError, match="user_email_is_lowercase"), connection.cursor() as cursor:
        cursor.execute("UPDATE hostapp_user SET email = 'ADA@acme.example'")


def test_a_wrong_password_and_a_deactivated_person_are_refused_alike(ada: User, ben: User) -> None:
    User.objects.filter(pk=ben.pk).update(is_active=False)

    wrong = Client().post("/account/login/", {"username": ada.email, "password": "wrong"})
    gone = Client().post("/account/login/", {"username": ben.email, "password": PASSWORD})

    for response in (wrong, gone):
        assert response.status_code == 200
        assert "This address and password do not belong together." in response.text


def test_signing_in_leads_on_to_where_one_wanted_to_go(ada: User) -> None:
    client = Client()
    asked = client.get("/enterprises/acme-inc/")

    page = client.get(asked["Location"])
    response = client.post(
        asked["Location"],
        {"username": ada.email, "password": PASSWORD, "next": page.context["next"]},
    )

    assert response["Location"] == "/enterprises/acme-inc/"


def test_signing_in_leads_to_no_other_site(ada: User) -> None:
    response = Client().post(
        "/account/login/?next=https://evil.example/", {"username": ada.email, "password": PASSWORD}
    )

    assert response["Location"] == "/"


def test_signing_out_takes_a_button(ada: User) -> None:
    client = signed_in(ada)

    assert client.get("/account/logout/").status_code == 405
    assert client.post("/account/logout/")["Location"] == "/account/login/"
    assert client.get("/").status_code == 302


def test_a_password_is_changed(ada: User) -> None:
    new = "another good battery"
    signed_in(ada).post(
        "/account/password_change/",
        {"old_password": PASSWORD, "new_password1": new, "new_password2": new},
    )

    assert Client().login(username=ada.email, password=new)


def test_a_reset_mail_leads_to_the_site_of_the_settings_whatever_the_request_says(ada: User) -> None:
    Client(headers={"host": "127.0.0.1"}).post("/account/password_reset/", {"email": "ADA@acme.example"})

    (message,) = mail.outbox
    assert "http://localhost:8000/account/reset/" in message.body
    assert "127.0.0.1" not in message.body


def test_a_reset_for_nobody_says_the_same_and_sends_nothing(db: None) -> None:
    response = Client().post("/account/password_reset/", {"email": "nobody@acme.example"}, follow=True)

    assert "If the address is known here" in response.text
    assert not mail.outbox


def test_home_leads_straight_on_if_there_is_one_enterprise(ada: User) -> None:
    assert signed_in(ada).get("/")["Location"] == "/enterprises/acme-inc/"


def test_home_lists_several_and_only_one_s_own(ada: User, birch: Enterprise) -> None:
    Enterprise.objects.create(name="Cedar GmbH", slug="cedar")
    Membership.objects.create(user=ada, enterprise=birch, role=Membership.Role.MEMBER)

    page = signed_in(ada).get("/")

    assert "Acme Inc." in page.text
    assert "Birch Ltd" in page.text
    assert "Cedar" not in page.text


def test_home_tells_someone_of_nowhere_what_to_do(dan: User) -> None:
    page = signed_in(dan).get("/")

    assert "You belong to no enterprise yet" in page.text
    assert "dan@dune.example" in page.text


@pytest.mark.parametrize(
    "path", ["/", "/enterprises/acme-inc/", "/account/password_change/", "/staff/enterprises/"]
)
def test_a_view_is_public_only_where_it_says_so(path: str, db: None) -> None:
    assert Client().get(path)["Location"] == f"/account/login/?next={path}"


@pytest.mark.parametrize("path", ["/account/login/", "/account/password_reset/"])
def test_signing_in_and_resetting_are_public(path: str, db: None) -> None:
    assert Client().get(path).status_code == 200


def test_not_found_and_forbidden_have_plain_pages(ada: User, ben: User) -> None:
    missing = signed_in(ada).get("/nowhere/")
    forbidden = signed_in(ben).post("/enterprises/acme-inc/portal/sso/")

    assert (missing.status_code, forbidden.status_code) == (404, 403)
    assert "There is nothing here" in missing.text
    assert "You may not do this" in forbidden.text


def test_an_error_has_a_plain_page(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*args: object) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr("hostapp.views.access.memberships", breaks)
    client = signed_in(ada)
    client.raise_request_exception = False

    response = client.get("/")

    assert response.status_code == 500
    assert "Something went wrong on our side" in response.text
    assert "broken on purpose" not in response.text
