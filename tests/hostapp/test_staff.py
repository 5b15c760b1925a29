"""The staff pages provision enterprises, as the command does."""

import re

import pytest
import responses
from django.utils import timezone

from enterprises.models import Enterprise, Membership
from hostapp.models import User
from tests.conftest import signed_in
from tests.deliveries import deliver
from tests.enterprises.test_provisioning import Answers
from tests.gateway.test_gateway import API
from webhooks.inbox import apply_waiting

pytestmark = pytest.mark.django_db

FORM = {
    "name": "Acme Inc.",
    "slug": "",
    "domains": "acme.example\nhttps://b.example/",
    "it_admin": "ada@acme.example",
}


@pytest.fixture
def api(workos_api: responses.RequestsMock) -> Answers:
    return Answers(workos_api)


def test_staff_form_provisions_an_enterprise(api: Answers, sam: User) -> None:
    response = signed_in(sam).post("/staff/provision-enterprise/", FORM, follow=True)

    enterprise = Enterprise.objects.get()
    assert enterprise.requested_domains == ["acme.example", "b.example"]
    assert enterprise.provisioning == Enterprise.Provisioning.READY
    assert Membership.objects.get().is_it_admin
    assert "Acme Inc. is provisioned" in response.text


def test_taken_slug_and_invalid_domain_show_form_errors(api: Answers, sam: User, acme: Enterprise) -> None:
    client = signed_in(sam)

    invalid = client.post("/staff/provision-enterprise/", FORM | {"domains": "gmail.com"})
    taken = client.post("/staff/provision-enterprise/", FORM | {"slug": "acme-inc", "name": "Another"})

    assert "public mail provider" in invalid.text
    assert "is already Acme Inc." in taken.text
    assert api.created == 0


def test_form_submitted_while_workos_is_unavailable_offers_to_provision_again(
    workos_api: responses.RequestsMock, sam: User
) -> None:
    workos_api.get(re.compile(f"{API}/.*"), status=503)

    response = signed_in(sam).post("/staff/provision-enterprise/", FORM, follow=True)

    assert "try again" in response.text
    assert Enterprise.objects.get().provisioning == Enterprise.Provisioning.PROVISIONING
    assert "/staff/enterprises/acme-inc/provision/" in response.text


def test_provision_again_button_provisions_the_enterprise(api: Answers, sam: User) -> None:
    Enterprise.objects.create(name="Acme Inc.", slug="acme-inc")

    signed_in(sam).post("/staff/enterprises/acme-inc/provision/")

    assert Enterprise.objects.get().provisioning == Enterprise.Provisioning.READY


@pytest.mark.parametrize("path", ["/staff/enterprises/", "/staff/provision-enterprise/"])
def test_it_admin_cannot_open_the_staff_pages(path: str, ada: User) -> None:
    assert signed_in(ada).get(path).status_code == 403


def test_superuser_opens_every_admin_list_and_cannot_add_mirrored_rows(
    sam: User, acme: Enterprise, ada: User
) -> None:
    sam.is_superuser = True
    sam.save()
    for event in ("connection.activated", "dsync.activated", "organization_domain.verified"):
        deliver(event, event_id=f"event_{event}")
    apply_waiting(now=timezone.now())
    client = signed_in(sam)

    for page in (
        "enterprises/enterprise",
        "mirror/connection",
        "mirror/directory",
        "mirror/organizationdomain",
        "portal/portalsession",
        "webhooks/webhookevent",
        "hostapp/user",
    ):
        assert client.get(f"/admin/{page}/").status_code == 200, page
    assert client.get(f"/admin/enterprises/enterprise/{acme.pk}/change/").status_code == 200
    assert client.get("/admin/mirror/connection/add/").status_code == 403
