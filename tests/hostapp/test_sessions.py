"""Sessions end with a deactivation, and expired ones are deleted."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from audit.actor import COMMAND_LINE
from enterprises.memberships import deactivate_user
from enterprises.models import Enterprise
from hostapp.models import Session, User
from hostapp.sessions import delete_expired_sessions
from hostapp.tasks import PERIODIC_JOBS
from hostapp.triggers import SessionsEndWithDeactivation
from tests.conftest import signed_in
from tests.enterprises.test_memberships import mailed_link

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


PUBLIC_PATHS = [
    "/",
    "/account/login/",
    "/account/password_reset/",
    "/account/reset/MQ/cs5u1x-0f3a8c6d2e4b5a697887969594/",
    "/account/reset/MQ/set-password/",
    "/invitations/accept/",
    f"/invitations/{'x' * 3000}/",
    "/invitations/0f3a8c6d2e4b5a697887969594/",
    "/enterprises/acme-inc/",
    "/admin/",
    "/nowhere/",
]


@pytest.mark.parametrize("path", PUBLIC_PATHS)
def test_stranger_leaves_no_session_behind(acme: Enterprise, path: str) -> None:
    for _ in range(3):
        Client().get(path, follow=True)

    assert not Session.objects.exists()


def test_wrong_passwords_and_refused_forms_leave_no_session_behind(ada: User) -> None:
    Client().post("/account/login/", {"username": ada.email, "password": "wrong"})
    Client().post("/account/password_reset/", {"email": "nobody@acme.example"})
    Client(enforce_csrf_checks=True).post("/account/login/", {"username": ada.email})

    assert not Session.objects.exists()


def test_invalid_link_clears_the_stored_token(acme: Enterprise, ada: User) -> None:
    signed_in(ada).post("/enterprises/acme-inc/members/invite/", {"email": "e@x.example", "role": "member"})
    link, client = mailed_link(), Client()
    assert client.get(link, follow=True).status_code == 200

    assert client.get("/invitations/another/", follow=True).status_code == 404
    assert client.get("/invitations/accept/").status_code == 404


def test_worker_deletes_expired_sessions_daily(ada: User) -> None:
    kept, expired = signed_in(ada), signed_in(ada)
    now = timezone.now()
    Session.objects.filter(pk=expired.session.session_key).update(expire_date=now - timedelta(seconds=1))
    (job,) = [job for job in PERIODIC_JOBS if job.run is delete_expired_sessions]

    assert job.interval == 86_400
    assert job.run(now) == 1
    assert is_signed_in(kept)


def sign_in_in_a_second_tab(user: User) -> tuple[Client, dict[str, str]]:
    """A browser in which a second tab signed in, and the form of its first tab."""
    client = Client(enforce_csrf_checks=True)
    first = client.get("/account/login/?next=/account/password_change/")
    fields = {"username": "ada@acme.example", "password": "correct horse battery"}
    fields |= {"csrfmiddlewaretoken": str(first.context["csrf_token"]), "next": first.context["next"]}
    second = client.get("/account/login/")
    token = str(second.context["csrf_token"])
    response = client.post(
        "/account/login/",
        {"username": user.email, "password": "correct horse battery", "csrfmiddlewaretoken": token},
    )
    assert response.status_code == 302
    return client, fields


def test_sign_in_of_the_first_tab_leads_on_after_a_sign_in_in_a_second_one(ada: User) -> None:
    client, form = sign_in_in_a_second_tab(ada)

    page = client.post("/account/login/", form, follow=True)

    assert page.redirect_chain == [("/account/password_change/", 302)]
    assert "You’re already signed in as ada@acme.example." in page.text


def test_sign_in_of_the_first_tab_as_another_person_says_who_is_signed_in(ada: User, ben: User) -> None:
    client, form = sign_in_in_a_second_tab(ben)

    page = client.post("/account/login/", form, follow=True)

    assert "You’re already signed in as ben@acme.example." in page.text


def test_sign_in_of_the_first_tab_can_be_repeated_after_the_second_signed_out(ada: User) -> None:
    client, form = sign_in_in_a_second_tab(ada)
    token = str(client.get("/account/password_change/").context["csrf_token"])
    assert client.post("/account/logout/", {"csrfmiddlewaretoken": token}).status_code == 302

    page = client.post("/account/login/", form, follow=True)

    assert page.redirect_chain == [("/account/login/?next=/account/password_change/", 302)]
    assert "That sign-in form was out of date. Try again." in page.text
    form["csrfmiddlewaretoken"] = str(page.context["csrf_token"])
    assert client.post("/account/login/", form)["Location"] == "/account/password_change/"


@pytest.mark.parametrize("next_url", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_outdated_sign_in_form_leads_to_no_other_site(ada: User, next_url: str) -> None:
    client, form = sign_in_in_a_second_tab(ada)

    assert client.post("/account/login/", form | {"next": next_url})["Location"] == "/"


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({"Origin": "https://evil.example"}, {}),
        ({"Origin": "null"}, {}),
        ({}, {"csrfmiddlewaretoken": ""}),
    ],
)
def test_forged_sign_in_is_refused(ada: User, headers: dict[str, str], fields: dict[str, str]) -> None:
    client, form = sign_in_in_a_second_tab(ada)

    assert client.post("/account/login/", form | fields, headers=headers).status_code == 403


def test_outdated_token_of_another_form_is_refused(ada: User) -> None:
    client, form = sign_in_in_a_second_tab(ada)

    assert client.post("/account/password_change/", form).status_code == 403


def test_trigger_is_removed_and_created_with_its_constraint(ada: User) -> None:
    (constraint,) = [one for one in User._meta.constraints if isinstance(one, SessionsEndWithDeactivation)]
    with connection.schema_editor() as editor:
        editor.remove_constraint(User, constraint)
        editor.add_constraint(User, constraint)
    client = signed_in(ada)

    set_active(ada, False)
    set_active(ada, True)

    assert not is_signed_in(client)
