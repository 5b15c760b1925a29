"""Changes to an enterprise reach WorkOS, with retries until they succeed."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

import gateway
from enterprises import changing, errands, history, provisioning
from enterprises.models import Connection, Enterprise, Errand, Invitation, Membership
from hostapp.models import User
from sandbox.client import Sandbox
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db

PAGE = "/staff/enterprises/acme-inc/"


@pytest.fixture
def acme(workos_sandbox: Sandbox, db: None) -> Enterprise:
    enterprise = provisioning.provision(provisioning.enroll(name="Acme Inc.", domains=["acme.example"]))
    errands.run_due(now=timezone.now())
    return enterprise


def run_due_tasks(*, times: int = 3) -> None:
    later = timezone.now()
    for _ in range(times):
        later += timedelta(hours=1)
        errands.run_due(now=later)


def list_domains(workos_sandbox: Sandbox) -> list[str]:
    (organization,) = workos_sandbox.organizations()
    return sorted(one["domain"] for one in gateway.get_organization(organization["id"]).domains)


def test_staff_change_name_domains_and_plan_on_one_page(
    workos_sandbox: Sandbox, acme: Enterprise, sam: User
) -> None:
    page = signed_in(sam).post(
        PAGE,
        {"name": "Acme Holding", "domains": "https://WWW.New.example/", "intents": ["sso", "audit_logs"]},
        follow=True,
    )
    run_due_tasks()

    acme.refresh_from_db()
    assert (acme.name, acme.slug, acme.intents) == ("Acme Holding", "acme-inc", ["sso", "audit_logs"])
    assert workos_sandbox.organizations()[0]["name"] == "Acme Holding"
    assert list_domains(workos_sandbox) == ["new.example"]
    assert not Errand.objects.exists()
    assert {entry.deed for entry in history.of(acme)} >= {
        "renamed", "domain_added", "domain_removed", "plan_changed",
    }  # fmt: skip
    assert "Audit Logs" in page.text


@pytest.mark.parametrize("kind", ["cut", "empty", "status"])
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
def test_failed_request_is_retried(
    workos_sandbox: Sandbox, acme: Enterprise, sam: User, kind: str, method: str
) -> None:
    workos_sandbox.fault(kind, method=method, path="/organization*")

    changing.rename(acme, "Acme Holding", who=sam, at=timezone.now())
    changing.change_domains(acme, ["new.example"], who=sam, at=timezone.now())
    run_due_tasks()

    assert workos_sandbox.organizations()[0]["name"] == "Acme Holding"
    assert list_domains(workos_sandbox) == ["new.example"]
    assert not Errand.objects.exists()


def test_domain_that_an_it_admin_added_at_workos_is_kept(
    workos_sandbox: Sandbox, acme: Enterprise, sam: User
) -> None:
    gateway.add_domain(str(acme.organization_id), "theirs.example")

    changing.change_domains(acme, ["new.example"], who=sam, at=timezone.now())
    run_due_tasks()

    assert list_domains(workos_sandbox) == ["new.example", "theirs.example"]


def test_domain_of_another_organization_is_reported_on_the_staff_page(
    workos_sandbox: Sandbox, acme: Enterprise, sam: User
) -> None:
    gateway.create_organization(name="Other", external_id="other", domains=["other.example"])

    changing.change_domains(acme, ["acme.example", "other.example"], who=sam, at=timezone.now())
    errands.run_due(now=timezone.now())

    assert "belongs to another organization" in signed_in(sam).get(PAGE).text


def test_several_renames_send_only_the_newest_name(
    workos_sandbox: Sandbox, acme: Enterprise, sam: User
) -> None:
    for name in ("One", "Two", "Three"):
        changing.rename(acme, name, who=sam, at=timezone.now())

    assert Errand.objects.count() == 1
    run_due_tasks()
    assert workos_sandbox.organizations()[0]["name"] == "Three"


def test_saving_unchanged_values_writes_no_audit_entry_and_no_task(
    workos_sandbox: Sandbox, acme: Enterprise, sam: User
) -> None:
    before = history.of(acme).count()

    signed_in(sam).post(PAGE, {"name": "Acme Inc.", "domains": "acme.example", "intents": ["sso", "dsync"]})

    assert history.of(acme).count() == before
    assert not Errand.objects.exists()


def test_deprovisioning_requires_the_slug_to_be_typed(
    workos_sandbox: Sandbox, acme: Enterprise, sam: User
) -> None:
    page = signed_in(sam).post(f"{PAGE}deprovision/", {"typed": "acme"})

    acme.refresh_from_db()
    assert "That is not acme-inc" in page.text
    assert acme.deprovisioned_at is None


@pytest.mark.parametrize("kind", ["cut", "status", "empty", None])
def test_deprovisioning_ends_access_deletes_the_organization_and_keeps_the_audit_log(
    workos_sandbox: Sandbox, acme: Enterprise, birch: Enterprise, ada: User, sam: User, kind: str | None
) -> None:
    now = timezone.now()
    for enterprise, name in ((acme, "conn_1"), (birch, "conn_2")):
        Connection.objects.create(enterprise=enterprise, connection_id=name, state="active", as_of=now)
    Invitation.objects.create(
        enterprise=acme,
        email="eve@acme.example",
        role="member",
        token_hash="x",
        invited_at=now,
        expires_at=now,
    )
    assert signed_in(ada).get("/enterprises/acme-inc/").status_code == 200
    if kind:
        workos_sandbox.fault(kind, method="DELETE")

    signed_in(sam).post(f"{PAGE}deprovision/", {"typed": "acme-inc"})

    assert signed_in(ada).get("/enterprises/acme-inc/").status_code == 404
    run_due_tasks()
    assert not workos_sandbox.organizations()
    assert Connection.objects.get(connection_id="conn_1").state == "deleted"
    assert Connection.objects.get(connection_id="conn_2").state == "active"
    assert not Invitation.objects.exists()
    assert not Errand.objects.exists()
    assert history.of(acme)[0].deed == "deprovisioned"
    assert "Deprovisioned" in signed_in(sam).get(PAGE).text
    assert Membership.objects.filter(enterprise=acme).exists()


def test_organization_created_during_deprovisioning_is_deleted(workos_sandbox: Sandbox, db: None) -> None:
    enterprise = provisioning.enroll(name="Acme Inc.")
    changing.deprovision(enterprise, who="staff", at=timezone.now())
    run_due_tasks()
    # A creation that was already under way completes now.
    gateway.create_organization(name="Acme Inc.", external_id=str(enterprise.external_id), domains=[])
    (organization,) = workos_sandbox.organizations()

    from enterprises import facts

    adopted = facts.adopt_organization(
        organization_id=organization["id"], external_id=str(enterprise.external_id)
    )
    run_due_tasks()

    assert not adopted
    assert not workos_sandbox.organizations()


def test_deprovisioned_enterprise_cannot_be_provisioned_again(
    workos_sandbox: Sandbox, acme: Enterprise, sam: User
) -> None:
    changing.deprovision(acme, who=sam, at=timezone.now())
    run_due_tasks()

    with pytest.raises(gateway.Refused):
        provisioning.provision(acme)
    assert not workos_sandbox.organizations()


def test_verified_domain_has_one_owner_while_pending_domains_can_be_shared(
    acme: Enterprise, birch: Enterprise
) -> None:
    from django.db import IntegrityError, transaction

    from enterprises.models import OrganizationDomain

    def create_domain(enterprise: Enterprise, number: int, state: str) -> Any:
        return OrganizationDomain.objects.create(
            enterprise=enterprise,
            domain_id=f"d{number}",
            domain="shared.example",
            state=state,
            as_of=timezone.now(),
        )

    create_domain(acme, 1, "verified")
    create_domain(birch, 2, "pending")
    with pytest.raises(IntegrityError, match="one_owner"), transaction.atomic():
        create_domain(birch, 3, "verified")
