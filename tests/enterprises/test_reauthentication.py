"""Irreversible actions need a recent sign-in: the password is asked for, then the action continues."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import responses
from django.test import Client
from django.utils import timezone

from enterprises.models import Enterprise, Invitation, Membership, Role
from hostapp.models import User
from portal.models import PortalSession
from tests.conftest import signed_in
from tests.gateway.test_gateway import API

pytestmark = pytest.mark.django_db

PATH = "/enterprises/acme-inc/portal/sso/"
LINK = "https://setup.workos.com?token=t"


@pytest.fixture
def old_client(workos_api: responses.RequestsMock, ada: User) -> Client:
    """Ada, who signed in an hour ago."""
    workos_api.post(f"{API}/portal/generate_link", status=201, json={"link": LINK})
    return with_old_sign_in(signed_in(ada))


def with_old_sign_in(client: Client) -> Client:
    session = client.session
    session["reauthenticated_at"] = (timezone.now() - timedelta(hours=1)).isoformat()
    session.save()
    return client


def test_old_sign_in_must_reauthenticate_and_mints_no_link(old_client: Client) -> None:
    response = old_client.post(PATH)

    assert (response.status_code, "Confirm your password" in response.text) == (200, True)
    assert not PortalSession.objects.exists()


def test_correct_password_launches_the_portal_and_renews_the_sign_in(old_client: Client) -> None:
    before = old_client.session.session_key
    response = old_client.post(PATH, {"current_password": "correct horse battery"})

    assert (response.status_code, response["Location"]) == (303, LINK)
    assert old_client.session.session_key != before
    assert old_client.post(PATH).status_code == 303


def test_reauthentication_form_keeps_the_fields_but_not_the_password(old_client: Client) -> None:
    page = old_client.post(
        PATH, {"nonce": "0b9d4a36-3c4e-4f7b-9a51-2f6f0a6b7c1d", "current_password": "wrong one"}
    )

    assert page.status_code == 422
    assert 'name="nonce" value="0b9d4a36-3c4e-4f7b-9a51-2f6f0a6b7c1d"' in page.text
    assert "wrong one" not in page.text


def test_password_of_another_user_is_rejected(old_client: Client, ben: User) -> None:
    ben.set_password("another horse battery")
    ben.save()

    assert old_client.post(PATH, {"current_password": "another horse battery"}).status_code == 422
    assert not PortalSession.objects.exists()


def test_password_guessing_is_rate_limited(old_client: Client) -> None:
    for _ in range(8):
        response = old_client.post(PATH, {"current_password": "a guess"})
    last = old_client.post(PATH, {"current_password": "correct horse battery"})

    assert response.status_code in (422, 429)
    assert last.status_code in (422, 429)
    assert not PortalSession.objects.exists()


def test_session_without_a_sign_in_time_must_reauthenticate(old_client: Client) -> None:
    session = old_client.session
    del session["reauthenticated_at"]
    session.save()

    assert "Confirm your password" in old_client.post(PATH).text


def test_strangers_and_members_are_refused_before_reauthentication(
    old_client: Client, ben: User, cleo: User
) -> None:
    assert with_old_sign_in(signed_in(ben)).post(PATH).status_code == 403
    assert with_old_sign_in(signed_in(cleo)).post(PATH).status_code == 404


MEMBERS = "/enterprises/acme-inc/members/"
INVITATION = {"email": "eve@acme.example", "role": "it_admin"}


@pytest.fixture
def second_it_admin(ben: User) -> Membership:
    membership = Membership.objects.get(user=ben)
    Membership.objects.filter(user=ben).update(role=Role.IT_ADMIN)
    return membership


def assert_asks_for_the_password_first(
    client: Client, path: str, data: dict[str, str], was_done: Callable[[], bool]
) -> None:
    page = client.post(path, data)
    assert "enter your password again" in page.text
    for name, value in data.items():
        assert f'name="{name}" value="{value}"' in page.text
    assert client.post(path, {**data, "current_password": "a guess"}).status_code == 422
    assert not was_done()

    client.post(path, {**data, "current_password": "correct horse battery"})
    assert was_done()


def test_invitation_of_an_it_admin_needs_a_recent_sign_in(old_client: Client) -> None:
    assert_asks_for_the_password_first(old_client, f"{MEMBERS}invite/", INVITATION, Invitation.objects.exists)
    with_old_sign_in(old_client)
    invitation = Invitation.objects.get()
    assert_asks_for_the_password_first(
        old_client,
        f"/enterprises/acme-inc/invitations/{invitation.pk}/resend/",
        {},
        lambda: Invitation.objects.get().invited_at > invitation.invited_at,
    )


def test_invitation_of_a_member_needs_no_recent_sign_in(old_client: Client) -> None:
    old_client.post(f"{MEMBERS}invite/", {**INVITATION, "role": "member"})

    assert Invitation.objects.get().role == Role.MEMBER


@pytest.mark.parametrize("role", [Role.IT_ADMIN, Role.MEMBER])
def test_role_change_needs_a_recent_sign_in(old_client: Client, ben: User, role: Role) -> None:
    other = Role.MEMBER if role == Role.IT_ADMIN else Role.IT_ADMIN
    membership = Membership.objects.get(user=ben)
    Membership.objects.filter(user=ben).update(role=other)

    assert_asks_for_the_password_first(
        old_client,
        f"{MEMBERS}{membership.pk}/role/",
        {"role": role.value},
        lambda: Membership.objects.filter(user=ben, role=role).exists(),
    )


def test_removal_of_an_it_admin_needs_a_recent_sign_in(
    old_client: Client, second_it_admin: Membership
) -> None:
    assert_asks_for_the_password_first(
        old_client,
        f"{MEMBERS}{second_it_admin.pk}/remove/",
        {},
        lambda: not Membership.objects.filter(pk=second_it_admin.pk).exists(),
    )


def test_removal_of_a_member_needs_no_recent_sign_in(old_client: Client, ben: User) -> None:
    old_client.post(f"{MEMBERS}{Membership.objects.get(user=ben).pk}/remove/")

    assert not Membership.objects.filter(user=ben).exists()


def test_deprovisioning_by_staff_needs_a_recent_sign_in(sam: User, acme: Enterprise) -> None:
    assert_asks_for_the_password_first(
        with_old_sign_in(signed_in(sam)),
        "/staff/enterprises/acme-inc/deprovision/",
        {"typed": "acme-inc"},
        lambda: Enterprise.objects.get().deprovisioned_at is not None,
    )


def test_it_admin_made_by_staff_needs_a_recent_sign_in(
    sam: User, acme: Enterprise, workos_api: responses.RequestsMock
) -> None:
    """The form of an enterprise that exists adds an IT admin to it."""
    workos_api.get(re.compile(f"{API}/.*"), status=503)
    assert_asks_for_the_password_first(
        with_old_sign_in(signed_in(sam)),
        "/staff/provision-enterprise/",
        {"name": acme.name, "slug": acme.slug, "domains": "", "it_admin": "eve@acme.example"},
        lambda: Membership.objects.filter(user__email="eve@acme.example").exists(),
    )
