"""A page that was open while the session ended, or while its reader lost access."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.actor import COMMAND_LINE
from enterprises.memberships import change_role, remove_member
from enterprises.models import Enterprise, Membership, Role
from hostapp.models import User
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db

OVERVIEW = "/enterprises/acme-inc/"
CONFIGURE = f"{OVERVIEW}portal/sso/"
SIGN_IN = f"/account/login/?next={OVERVIEW}"
PASSWORD = "correct horse battery"


def press(
    client: Client, button: str = "Configure SSO", referrer: str = f"http://testserver{OVERVIEW}"
) -> Any:
    return client.post(CONFIGURE, {"pressed_button": button}, headers={"referer": referrer})


def sign_in(client: Client, user: User, next_url: str = OVERVIEW) -> Any:
    fields = {"username": user.email, "password": PASSWORD, "next": next_url}
    return client.post("/account/login/", fields, follow=True)


def test_form_sent_after_the_session_ended_is_offered_again_after_sign_in(ada: User) -> None:
    client = Client()

    response = press(client)
    assert response["Location"] == SIGN_IN
    assert "Your session ended. Sign in to continue." in client.get(SIGN_IN).text

    page = sign_in(client, ada)
    assert page.request["PATH_INFO"] == OVERVIEW
    assert "You’re signed in again. Select <strong>Configure SSO</strong> to continue." in page.text
    # Once.
    assert "signed in again" not in client.get(OVERVIEW).text


def test_words_of_the_button_are_escaped(ada: User) -> None:
    client = Client()
    press(client, "<script>x</script>")

    assert "<script>x" not in sign_in(client, ada).text


@pytest.mark.parametrize("button", ["", "x" * 61])
def test_action_without_a_known_button_is_said_to_be_undone(ada: User, button: str) -> None:
    client = Client()
    press(client, button)

    assert "Your last action was not carried out." in sign_in(client, ada).text


@pytest.mark.parametrize(
    "referrer",
    [
        "",
        "https://evil.example/enterprises/acme-inc/",
        "http://testserver//evil.example/",
        "http://testserver/nowhere/",
    ],
)
def test_sign_in_leads_only_to_a_page_of_ours(acme: Enterprise, referrer: str) -> None:
    assert press(Client(), referrer=referrer)["Location"] == "/account/login/?next=/"


def test_another_person_is_not_told_what_the_first_one_selected(ada: User, ben: User) -> None:
    client = Client()
    sign_in(client, ada)
    client.post("/account/logout/")
    press(client)

    assert "signed in again" not in sign_in(client, ben).text


def test_forged_cookie_says_nothing(ada: User) -> None:
    client = Client()
    client.cookies["interrupted"] = "forged"

    assert "signed in again" not in sign_in(client, ada).text


def test_get_without_a_session_is_a_plain_sign_in(acme: Enterprise) -> None:
    page = Client().get(OVERVIEW, follow=True)

    assert "Your session ended" not in page.text


def test_form_without_session_and_csrf_cookie_says_that_the_session_expired(acme: Enterprise) -> None:
    page = press(Client(enforce_csrf_checks=True))

    assert page.status_code == 403
    assert "Your session has expired" in page.text
    assert f'href="{SIGN_IN.replace(OVERVIEW, "/enterprises/acme-inc/")}"' in page.text.replace("%2F", "/")
    assert "Sign in again" in page.text


def test_out_of_date_form_of_a_signed_in_person_offers_to_reload(ada: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)

    page = press(client)

    assert page.status_code == 403
    assert "This page is out of date" in page.text
    assert f'href="{OVERVIEW}"' in page.text


def test_removed_person_is_told_so_at_the_next_click(ada: User, ben: User) -> None:
    client = signed_in(ben)
    remove_member(Membership.objects.get(user=ben), COMMAND_LINE, timezone.now())

    for response in (client.get(OVERVIEW), client.get(f"{OVERVIEW}members/"), press(client)):
        assert response.status_code == 403
        assert "You no longer have access to Acme Inc." in response.text
        assert ada.email not in response.text


def test_former_member_is_not_told_of_a_deprovisioned_enterprise(ada: User, ben: User) -> None:
    client = signed_in(ben)
    remove_member(Membership.objects.get(user=ben), COMMAND_LINE, timezone.now())
    Enterprise.objects.update(deprovisioned_at=timezone.now() - timedelta(days=1))

    assert client.get(OVERVIEW).status_code == 404


def test_stranger_gets_404_as_for_an_enterprise_that_does_not_exist(acme: Enterprise, dan: User) -> None:
    client = signed_in(dan)

    for path in (OVERVIEW, "/enterprises/nowhere/"):
        page = client.get(path)
        assert page.status_code == 404
        assert "Page not found" in page.text


def test_demoted_it_admin_is_told_so_and_whom_to_ask(ada: User, ben: User) -> None:
    membership = Membership.objects.get(user=ben)
    change_role(membership, Role.IT_ADMIN, COMMAND_LINE, timezone.now())
    client = signed_in(ben)
    change_role(membership, Role.MEMBER, COMMAND_LINE, timezone.now())

    page = press(client)

    assert page.status_code == 403
    assert "You’re no longer an IT admin of Acme Inc." in page.text
    assert "Ask Ada Adeyemi (ada@acme.example)." in page.text


def test_member_who_never_was_an_it_admin_is_told_whom_to_ask(ada: User, ben: User) -> None:
    page = press(signed_in(ben))

    assert "You don’t have permission" in page.text
    assert "no longer" not in page.text
    assert "Only IT admins of Acme Inc. can do this. Ask Ada Adeyemi (ada@acme.example)." in page.text
