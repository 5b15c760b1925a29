"""A person who leaves takes along what they sent: invitations, setup links and portal links."""

import json
from typing import Any

import pytest
import responses
from django.db import connection
from django.test import Client
from django.utils import timezone

from enterprises.models import Enterprise, Invitation, Membership, Role
from hostapp.models import User
from outbox.runner import run_due_tasks
from portal.models import SetupLink
from tests.conftest import ACME_ORGANIZATION, signed_in
from tests.enterprises.test_memberships import end_it_admin_role, mailed_link
from tests.gateway.test_gateway import API

pytestmark = pytest.mark.django_db

CONTACTS = f"{API}/organizations/{ACME_ORGANIZATION}/it_contacts"
BASE = "/enterprises/acme-inc/"


@pytest.fixture
def revoke_link(workos_api: responses.RequestsMock) -> Any:
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
    return workos_api.post(f"{API}/portal/revoke_link", status=204)


def run_tasks() -> None:
    while run_due_tasks(now=timezone.now()):
        pass


def invite(user: User, email: str, role: str = "it_admin") -> str:
    """Invite as a person does on the page; returns the path of the mailed link."""
    signed_in(user).post(f"{BASE}members/invite/", {"email": email, "role": role})
    return mailed_link()


@pytest.mark.parametrize("how", ["removed", "demoted", "deactivated", "deleted"])
@pytest.mark.parametrize("role", ["it_admin", "member"])
def test_everything_a_leaver_sent_stops_working_and_the_rest_is_kept(
    acme: Enterprise, ada: User, ben: User, sam: User, revoke_link: Any, how: str, role: str
) -> None:
    Membership.objects.filter(user=ben).update(role=Role.IT_ADMIN)
    of_leaver, of_ada = invite(ben, "eve@private.example", role), invite(ada, "fay@acme.example")
    signed_in(ben).post(f"{BASE}setup-links/", {"email": "ines@provider.example", "intents": ["sso"]})
    opened_before = Client()
    opened_before.get(of_leaver)
    leaver_id = ben.pk

    if how == "deleted":
        ben.delete()
    else:
        end_it_admin_role(how, ada, ben, sam)

    # In the same commit: nothing has to run first.
    assert list(Invitation.objects.values_list("email", flat=True)) == ["fay@acme.example"]
    assert Client().get(of_leaver, follow=True).status_code == 404
    password = {"name": "Eve", "password1": "a very good battery", "password2": "a very good battery"}
    assert opened_before.post("/invitations/accept/", password).status_code == 404
    assert not User.objects.filter(email="eve@private.example").exists()
    assert Client().get(of_ada, follow=True).status_code == 200
    run_tasks()
    assert SetupLink.objects.get().state == "revoked"
    assert json.loads(revoke_link.calls[0].request.body)["external_user_id"] == str(leaver_id)


def test_invitation_resent_by_another_it_admin_is_kept(
    acme: Enterprise, ada: User, ben: User, sam: User
) -> None:
    Membership.objects.filter(user=ben).update(role=Role.IT_ADMIN)
    invite(ben, "eve@acme.example")
    signed_in(ada).post(f"{BASE}invitations/{Invitation.objects.get().pk}/resend/")
    link = mailed_link()

    end_it_admin_role("removed", ada, ben, sam)

    assert Client().get(link, follow=True).status_code == 200


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM enterprises_membership WHERE user_id = %s",
        "UPDATE enterprises_membership SET role = 'member' WHERE user_id = %s",
        "UPDATE hostapp_user SET is_active = false WHERE id = %s",
    ],
)
def test_invitation_of_a_leaver_is_refused_before_the_periodic_job_finds_the_change(
    acme: Enterprise, ada: User, ben: User, statement: str
) -> None:
    # The role was given by SQL, too, so no grant says that it was held.
    Membership.objects.filter(user=ben).update(role=Role.IT_ADMIN)
    link = invite(ben, "eve@private.example")
    with connection.cursor() as cursor:
        cursor.execute(statement, [ben.pk])

    assert Client().get(link, follow=True).status_code == 404
