"""Provisioning creates exactly one Organization, also after lost responses, races and outages."""

import json
import re
from io import StringIO
from typing import Any

import pytest
import responses
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone

import gateway
from enterprises import provisioning
from enterprises.models import Enterprise, Membership
from hostapp.models import User
from mirror.models import OrganizationDomain
from outbox.runner import run_due_tasks
from tests.gateway.test_gateway import API, organization

pytestmark = pytest.mark.django_db


def provision(*arguments: str) -> str:
    out = StringIO()
    call_command("provision_enterprise", *arguments, stdout=out)
    return out.getvalue()


class Answers:
    """A stub of WorkOS that holds one organization, which `create` makes."""

    def __init__(self, api: responses.RequestsMock) -> None:
        self.made: dict[str, Any] | None = None
        self.created = 0
        api.add_callback("GET", re.compile(f"{API}/organizations/external_id/"), self.get)
        api.add_callback("POST", f"{API}/organizations", self.create)

    def get(self, request: Any) -> tuple[int, dict[str, str], str]:
        return (200, {}, json.dumps(self.made)) if self.made else (404, {}, "{}")

    def create(self, request: Any) -> tuple[int, dict[str, str], str]:
        sent = json.loads(request.body)
        self.created += 1
        self.made = organization(
            external_id=sent["external_id"],
            name=sent["name"],
            domains=[
                {
                    "object": "organization_domain",
                    "id": f"org_domain_{number}",
                    "organization_id": organization()["id"],
                    "domain": domain["domain"],
                    "state": domain["state"],
                    "verification_strategy": "dns",
                    "created_at": "2026-01-15T12:00:00.000Z",
                    "updated_at": "2026-01-15T12:00:00.000Z",
                }
                for number, domain in enumerate(sent.get("domain_data", []))
            ],
        )
        return 201, {}, json.dumps(self.made)


@pytest.fixture
def api(workos_api: responses.RequestsMock) -> Answers:
    return Answers(workos_api)


def test_command_provisions_an_enterprise_and_prints_its_url(api: Answers) -> None:
    output = provision("Acme Inc.", "--domain", "https://WWW.Acme.example/", "--it-admin", "ada@acme.example")

    enterprise = Enterprise.objects.get()
    assert (enterprise.name, enterprise.slug) == ("Acme Inc.", "acme-inc")
    assert enterprise.organization_id == organization()["id"]
    assert enterprise.provisioning == Enterprise.Provisioning.READY
    assert "http://localhost:8000/enterprises/acme-inc/" in output
    domain = OrganizationDomain.objects.get()
    assert (domain.domain, domain.state) == ("acme.example", "pending")


def test_repeated_command_changes_nothing(api: Answers) -> None:
    for _ in range(3):
        provision("Acme Inc.", "--domain", "acme.example", "--it-admin", "ada@acme.example")

    assert api.created == 1
    assert (Enterprise.objects.count(), Membership.objects.count(), User.objects.count()) == (1, 1, 1)


def test_new_it_admin_is_mailed_a_link_to_set_a_password(api: Answers, client: Any) -> None:
    provision("Acme Inc.", "--it-admin", "Ada@ACME.example")
    run_due_tasks(now=timezone.now())

    (message,) = mail.outbox
    assert message.to == ["ada@acme.example"]
    (path,) = [
        line.removeprefix("http://localhost:8000") for line in message.body.splitlines() if "http" in line
    ]
    page = client.get(path, follow=True)
    client.post(
        page.request["PATH_INFO"],
        {"new_password1": "correct horse battery", "new_password2": "correct horse battery"},
    )
    assert client.login(username="ada@acme.example", password="correct horse battery")
    assert Membership.objects.get().role == Membership.Role.IT_ADMIN


def test_existing_user_who_becomes_it_admin_gets_no_link(api: Answers, dan: User) -> None:
    provision("Dune Ltd", "--it-admin", "dan@dune.example")

    assert Membership.objects.get().user == dan
    run_due_tasks(now=timezone.now())
    (message,) = mail.outbox
    assert message.subject == "You're now an IT admin · Dune Ltd"
    assert "/account/reset/" not in message.body


@pytest.mark.parametrize(
    "other", [("Acme Holding", "--slug", "acme-inc"), ("Acme Inc.", "--domain", "other.example")]
)
def test_taken_slug_with_other_data_is_rejected_and_changes_nothing(
    api: Answers, other: tuple[str, ...]
) -> None:
    provision("Acme Inc.", "--domain", "acme.example")

    with pytest.raises(CommandError, match="acme-inc") as raised:
        provision(*other)

    assert raised.value.returncode == 1
    assert Enterprise.objects.get().name == "Acme Inc."


def test_organization_left_by_a_lost_response_is_adopted(api: Answers) -> None:
    enterprise = provisioning.enroll(name="Acme Inc.")
    api.made = organization(external_id=str(enterprise.external_id))

    provision("Acme Inc.")

    assert api.created == 0
    assert Enterprise.objects.get().organization_id == organization()["id"]


def test_caller_that_loses_a_race_adopts_the_winner_s_organization(
    workos_api: responses.RequestsMock,
) -> None:
    enterprise = provisioning.enroll(name="Acme Inc.")
    address = f"{API}/organizations/external_id/{enterprise.external_id}"
    workos_api.get(address, status=404, json={})
    workos_api.post(f"{API}/organizations", status=400, json={"code": "external_id_already_used"})
    workos_api.get(address, json=organization(external_id=str(enterprise.external_id)))

    assert provisioning.provision(enterprise).organization_id == organization()["id"]


def test_organization_with_another_external_id_is_not_adopted(workos_api: responses.RequestsMock) -> None:
    enterprise = provisioning.enroll(name="Acme Inc.")
    workos_api.get(
        f"{API}/organizations/external_id/{enterprise.external_id}", json=organization(external_id="another")
    )

    with pytest.raises(gateway.Refused):
        provisioning.provision(enterprise)

    enterprise.refresh_from_db()
    assert enterprise.organization_id is None


def test_domain_of_another_organization_sets_needs_attention(
    workos_api: responses.RequestsMock,
) -> None:
    enterprise = provisioning.enroll(name="Acme Inc.", domains=["acme.example"])
    workos_api.get(f"{API}/organizations/external_id/{enterprise.external_id}", status=404, json={})
    workos_api.post(f"{API}/organizations", status=409, json={"message": "taken"})

    with pytest.raises(CommandError, match="belongs to another organization"):
        provision("Acme Inc.", "--domain", "acme.example")

    enterprise.refresh_from_db()
    assert enterprise.provisioning == Enterprise.Provisioning.NEEDS_ATTENTION
    assert "belongs to another organization" in enterprise.attention


def test_command_run_again_after_an_outage_completes_provisioning(
    workos_api: responses.RequestsMock,
) -> None:
    enterprise = provisioning.enroll(name="Acme Inc.")
    address = f"{API}/organizations/external_id/{enterprise.external_id}"
    outage = workos_api.get(address, status=503)

    with pytest.raises(CommandError, match="again"):
        provision("Acme Inc.")
    workos_api.remove(outage)
    workos_api.get(address, json=organization(external_id=str(enterprise.external_id)))
    provision("Acme Inc.")

    enterprise.refresh_from_db()
    assert enterprise.provisioning == Enterprise.Provisioning.READY


@pytest.mark.parametrize(
    "arguments",
    [
        ("Acme", "--domain", "gmail.com"),
        ("Acme", "--domain", "no domain"),
        ("Acme", "--it-admin", "ada"),
        ("—",),
    ],
)
def test_invalid_arguments_are_rejected_before_anything_is_written(
    api: Answers, arguments: tuple[str, ...]
) -> None:
    with pytest.raises(CommandError):
        provision(*arguments)

    assert not Enterprise.objects.exists()
