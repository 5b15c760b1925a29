"""Who may send a setup link, and what becomes of it when they leave."""

import json
from datetime import timedelta

import pytest
import responses
from django.db import transaction
from django.test import Client
from django.utils import timezone

from enterprises import errands, setup_links
from enterprises.models import Enterprise, SetupLink
from hostapp.models import User
from tests.conftest import ACME_ORGANIZATION, signed_in
from tests.enterprises.test_gateway import API

pytestmark = pytest.mark.django_db

PATH = "/enterprises/acme-inc/setup-links/"
CONTACTS = f"{API}/organizations/{ACME_ORGANIZATION}/it_contacts"
FORM = {"email": "ines@provider.example", "intents": ["sso", "dsync"]}


@pytest.fixture
def contacts(workos_api: responses.RequestsMock) -> responses.RequestsMock:
    contact = {
        "object": "it_contact",
        "id": "it_contact_1",
        "email": "ines@provider.example",
        "created_at": "2026-01-15T12:00:00.000Z",
        "updated_at": "2026-01-15T12:00:00.000Z",
    }
    workos_api.post(CONTACTS, status=201, json=contact)
    workos_api.post(f"{CONTACTS}/it_contact_1/invite", status=204)
    workos_api.post(f"{CONTACTS}/it_contact_1/revoke", status=204)
    return workos_api


def test_an_it_admin_sends_one(contacts: responses.RequestsMock, ada: User) -> None:
    signed_in(ada).post(PATH, FORM)

    link = SetupLink.objects.get()
    assert (link.state, link.sent_by, link.contact_id) == ("sent", ada, "it_contact_1")
    assert json.loads(contacts.calls[-1].request.body or b"") == {"intents": ["sso", "directory_sync"]}


def test_staff_send_one(contacts: responses.RequestsMock, acme: Enterprise, sam: User) -> None:
    signed_in(sam).post(PATH, FORM)

    assert SetupLink.objects.get().sent_by == sam


@pytest.mark.parametrize(("who", "status"), [("ben", 403), ("cleo", 404), ("dan", 404)])
def test_nobody_else_does(
    contacts: responses.RequestsMock,
    request: pytest.FixtureRequest,
    acme: Enterprise,
    ada: User,
    who: str,
    status: int,
) -> None:
    client = signed_in(request.getfixturevalue(who))

    assert client.get(PATH).status_code == status
    assert client.post(PATH, FORM).status_code == status
    assert not SetupLink.objects.exists()


def test_somebody_else_s_enterprise_s_link_cannot_be_revoked(
    contacts: responses.RequestsMock, ada: User, cleo: User
) -> None:
    signed_in(ada).post(PATH, FORM)
    pk = SetupLink.objects.get().pk

    assert signed_in(cleo).post(f"/enterprises/birch-ltd/setup-links/{pk}/revoke/").status_code == 404
    assert SetupLink.objects.get().state == "sent"


def test_an_old_sign_in_sends_nothing_before_the_password(
    contacts: responses.RequestsMock, ada: User
) -> None:
    client = old_sign_in(ada)
    asked = client.post(PATH, FORM)

    assert "Your password, please" in asked.text
    assert not SetupLink.objects.exists()
    client.post(PATH, FORM | {"current_password": "correct horse battery"})
    assert SetupLink.objects.get().state == "sent"


def test_an_intent_outside_the_plan_is_no_choice(contacts: responses.RequestsMock, ada: User) -> None:
    response = signed_in(ada).post(PATH, FORM | {"intents": ["log_streams"]})

    assert "log_streams is not one of the available choices" in response.text
    assert not SetupLink.objects.exists()


def test_too_many_are_refused(contacts: responses.RequestsMock, acme: Enterprise, ada: User) -> None:
    now = timezone.now()
    SetupLink.objects.bulk_create(
        SetupLink(
            enterprise=acme, email="x@provider.example", intents=["sso"], sent_by=ada, state="revoked",
            asked_at=now, expires_at=now,
        )
        for _ in range(10)
    )  # fmt: skip
    response = signed_in(ada).post(PATH, FORM, follow=True)

    assert "You have sent a setup link 10 times in ten minutes" in response.text
    assert SetupLink.objects.count() == 10


def test_a_leaver_s_links_are_revoked_and_others_are_not(
    contacts: responses.RequestsMock, acme: Enterprise, birch: Enterprise, ada: User, cleo: User
) -> None:
    now = timezone.now()
    for enterprise, user, days in ((acme, ada, 30), (birch, cleo, 30), (acme, ada, -1)):
        SetupLink.objects.create(
            enterprise=enterprise, contact_id="it_contact_1", email="x@provider.example", intents=["sso"],
            sent_by=user, state="sent", asked_at=now, expires_at=now + timedelta(days=days),
        )  # fmt: skip
    with transaction.atomic():
        setup_links.revoke_of_leaver(acme, ada, now=now)
    assert errands.run_due(now=timezone.now())["done"] == 1

    assert list(SetupLink.objects.order_by("pk").values_list("state", flat=True)) == [
        "revoked",
        "sent",
        "sent",
    ]


def test_a_revocation_that_workos_does_not_know_is_done(
    workos_api: responses.RequestsMock, acme: Enterprise, ada: User
) -> None:
    now = timezone.now()
    link = SetupLink.objects.create(
        enterprise=acme, contact_id="it_contact_1", email="x@provider.example", intents=["sso"], sent_by=ada,
        state="sent", asked_at=now, expires_at=now + timedelta(days=1),
    )  # fmt: skip
    workos_api.post(f"{CONTACTS}/it_contact_1/revoke", status=404, json={"message": "no"})
    signed_in(ada).post(f"{PATH}{link.pk}/revoke/")

    assert SetupLink.objects.get().state == "revoked"


def old_sign_in(user: User) -> Client:
    client = signed_in(user)
    session = client.session
    session["confirmed_at"] = (timezone.now() - timedelta(hours=1)).isoformat()
    session.save()
    return client
