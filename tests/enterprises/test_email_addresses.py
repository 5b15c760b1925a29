"""Two spellings of an e-mail address are one person, wherever it is typed."""

import pytest
from django.db import IntegrityError, connection
from django.test import Client
from django.utils import timezone

from audit.actor import COMMAND_LINE
from enterprises import invitations
from enterprises.email_addresses import normalize_email
from enterprises.memberships import add_it_admin
from enterprises.models import Enterprise, Invitation, Membership
from hostapp.models import User
from tests.conftest import signed_in

PASSWORD = "correct horse battery"
SPELLINGS = [
    "ada@bücher.example",
    " Ada@BÜCHER.example ",
    "ada@xn--bcher-kva.example",
    "ADA@XN--BCHER-KVA.EXAMPLE",
    "ada@bücher。example",
    "ada@bu\u0308cher.example",
]


@pytest.mark.parametrize("typed", SPELLINGS)
def test_spellings_of_an_international_domain_are_one_address(typed: str) -> None:
    assert normalize_email(typed) == "ada@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Ada@Acme.Example", "ada@acme.example"),
        ("", ""),
        ("nobody", "nobody"),
        ("@", "@"),
        ("a@b@ü.example", "a@b@xn--tda.example"),
        ("a@_ü_.example", "a@_ü_.example"),
        ("a@" + "ü" * 500, "a@" + "ü" * 500),
        ("a@\u0000ü", "a@\u0000ü"),
        ("a@..ü", "a@..ü"),
    ],
)
def test_text_that_is_no_address_is_only_lowered(typed: str, expected: str) -> None:
    assert normalize_email(typed) == expected


@pytest.mark.django_db
@pytest.mark.parametrize("stored", SPELLINGS)
@pytest.mark.parametrize("typed", SPELLINGS)
def test_person_signs_in_with_any_spelling_and_exists_once(stored: str, typed: str) -> None:
    User.objects.create_user(stored, PASSWORD)

    response = Client().post("/account/login/", {"username": typed, "password": PASSWORD})

    assert response.status_code == 302
    assert User.objects.get(email=typed).email == "ada@xn--bcher-kva.example"
    with pytest.raises(IntegrityError):
        User.objects.create(email=typed)


@pytest.mark.django_db
@pytest.mark.parametrize("typed", SPELLINGS)
def test_it_admin_is_found_in_any_spelling(acme: Enterprise, typed: str) -> None:
    user = User.objects.create_user("ada@bücher.example", PASSWORD)

    add_it_admin(acme, typed, COMMAND_LINE, timezone.now())

    assert User.objects.get() == user
    assert Membership.objects.get().is_it_admin
    with pytest.raises(invitations.AlreadyMember):
        invitations.invite(acme, typed, "member", COMMAND_LINE, timezone.now())


@pytest.mark.django_db
def test_it_admin_is_found_where_the_user_model_keeps_capitals(acme: Enterprise) -> None:
    """Another project's user model may store the address as it was typed."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE hostapp_user DROP CONSTRAINT user_email_is_lowercase")
        user = User.objects.create_user("ada@acme.example", PASSWORD)
        cursor.execute("UPDATE hostapp_user SET email = 'Ada@Acme.example'")

    add_it_admin(acme, "ada@acme.example", COMMAND_LINE, timezone.now())

    assert User.objects.get() == user


@pytest.mark.django_db
def test_two_spellings_are_one_invitation_that_its_person_accepts(acme: Enterprise, ada: User) -> None:
    client = signed_in(ada)
    for typed in SPELLINGS[:3]:
        client.post("/enterprises/acme-inc/members/invite/", {"email": typed, "role": "member"})

    assert Invitation.objects.get().email == "ada@xn--bcher-kva.example"


@pytest.mark.django_db
def test_domain_that_is_too_long_in_ascii_is_a_form_error(ada: User) -> None:
    email = f"{'a' * 60}@{'.'.join(['一龥' * 8] * 8)}.example"
    assert len(email) < 254 < len(normalize_email(email))

    page = signed_in(ada).post("/enterprises/acme-inc/members/invite/", {"email": email, "role": "member"})

    assert page.status_code == 200
    assert not Invitation.objects.exists()
