"""What cannot be taken back needs a young sign-in: the password is asked for, then it goes straight on."""

from datetime import timedelta

import pytest
import responses
from django.test import Client
from django.utils import timezone

from hostapp.models import User
from portal.models import PortalSession
from tests.conftest import signed_in
from tests.gateway.test_gateway import API

pytestmark = pytest.mark.django_db

PATH = "/enterprises/acme-inc/portal/sso/"
LINK = "https://setup.workos.com?token=t"


@pytest.fixture
def old(workos_api: responses.RequestsMock, ada: User) -> Client:
    """Ada's sign-in of an hour ago."""
    workos_api.post(f"{API}/portal/generate_link", status=201, json={"link": LINK})
    return grown_old(signed_in(ada))


def grown_old(client: Client) -> Client:
    session = client.session
    session["confirmed_at"] = (timezone.now() - timedelta(hours=1)).isoformat()
    session.save()
    return client


def test_an_old_sign_in_mints_nothing(old: Client) -> None:
    response = old.post(PATH)

    assert (response.status_code, "Your password, please" in response.text) == (200, True)
    assert not PortalSession.objects.exists()


def test_the_right_password_goes_straight_on_and_makes_the_sign_in_young(old: Client) -> None:
    before = old.session.session_key
    response = old.post(PATH, {"current_password": "correct horse battery"})

    assert (response.status_code, response["Location"]) == (303, LINK)
    assert old.session.session_key != before
    assert old.post(PATH).status_code == 303


def test_the_fields_of_the_form_come_along_and_the_password_does_not(old: Client) -> None:
    page = old.post(PATH, {"visit": "0b9d4a36-3c4e-4f7b-9a51-2f6f0a6b7c1d", "current_password": "wrong one"})

    assert page.status_code == 422
    assert 'name="visit" value="0b9d4a36-3c4e-4f7b-9a51-2f6f0a6b7c1d"' in page.text
    assert "wrong one" not in page.text


def test_somebody_else_s_password_is_not_hers(old: Client, ben: User) -> None:
    ben.set_password("another horse battery")
    ben.save()

    assert old.post(PATH, {"current_password": "another horse battery"}).status_code == 422
    assert not PortalSession.objects.exists()


def test_guessing_is_slowed_as_at_the_sign_in(old: Client) -> None:
    for _ in range(8):
        response = old.post(PATH, {"current_password": "a guess"})
    last = old.post(PATH, {"current_password": "correct horse battery"})

    assert response.status_code in (422, 429)
    assert last.status_code in (422, 429)
    assert not PortalSession.objects.exists()


def test_a_session_that_does_not_know_its_age_is_old(old: Client) -> None:
    session = old.session
    del session["confirmed_at"]
    session.save()

    assert "Your password, please" in old.post(PATH).text


def test_strangers_and_members_are_refused_before_any_password(old: Client, ben: User, cleo: User) -> None:
    assert grown_old(signed_in(ben)).post(PATH).status_code == 403
    assert grown_old(signed_in(cleo)).post(PATH).status_code == 404
