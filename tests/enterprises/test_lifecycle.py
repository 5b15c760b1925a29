"""Changes to an enterprise reach WorkOS, with retries until they succeed."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

import gateway
from audit.actor import COMMAND_LINE, WORKOS, Actor
from audit.log import audit_entries_for
from enterprises import lifecycle, provisioning
from enterprises.models import Enterprise, Invitation, Membership
from hostapp.models import User
from mirror.models import Connection
from outbox.models import Task
from outbox.runner import run_due_tasks
from sandbox.client import Sandbox
from tests.conftest import signed_in
from tests.factories import create_connection, create_domain

pytestmark = pytest.mark.django_db

PAGE = "/staff/enterprises/acme-inc/"


@pytest.fixture
def acme(workos_sandbox: Sandbox, db: None) -> Enterprise:
    enterprise = provisioning.provision(provisioning.enroll(name="Acme Inc.", domains=["acme.example"]))
    run_due_tasks(now=timezone.now())
    return enterprise


def run_tasks_for_hours(*, times: int = 3) -> None:
    later = timezone.now()
    for _ in range(times):
        later += timedelta(hours=1)
        run_due_tasks(now=later)


def list_domains(workos_sandbox: Sandbox) -> list[str]:
    (organization,) = workos_sandbox.organizations()
    return sorted(one["domain"] for one in gateway.get_organization(organization["id"]).domains)


def test_staff_change_name_domains_and_plan_on_one_page(
    workos_sandbox: Sandbox, acme: Enterprise, sam: User
) -> None:
    page = signed_in(sam).post(
        f"{PAGE}settings/",
        {"name": "Acme Holding", "domains": "https://WWW.New.example/", "intents": ["sso", "audit_logs"]},
        follow=True,
    )
    run_tasks_for_hours()

    acme.refresh_from_db()
    assert (acme.name, acme.slug, acme.intents) == ("Acme Holding", "acme-inc", ["sso", "audit_logs"])
    assert workos_sandbox.organizations()[0]["name"] == "Acme Holding"
    assert list_domains(workos_sandbox) == ["new.example"]
    assert not Task.objects.exists()
    assert {entry.action for entry in audit_entries_for(acme)} >= {
        "renamed", "domain_added", "domain_removed", "plan_changed",
    }  # fmt: skip
    assert "Audit logs" in page.text


@pytest.mark.parametrize("kind", ["cut", "empty", "status"])
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
def test_failed_request_is_retried(
    workos_sandbox: Sandbox, acme: Enterprise, sam: User, kind: str, method: str
) -> None:
    workos_sandbox.fault(kind, method=method, path="/organization*")

    lifecycle.rename(acme, "Acme Holding", Actor.from_user(sam), timezone.now())
    lifecycle.change_domains(acme, ["new.example"], Actor.from_user(sam), timezone.now())
    run_tasks_for_hours()

    assert workos_sandbox.organizations()[0]["name"] == "Acme Holding"
    assert list_domains(workos_sandbox) == ["new.example"]
    assert not Task.objects.exists()


def test_domain_that_an_it_admin_added_at_workos_is_kept(
    workos_sandbox: Sandbox, acme: Enterprise, sam: User
) -> None:
    gateway.add_domain(str(acme.organization_id), "theirs.example")

    lifecycle.change_domains(acme, ["new.example"], Actor.from_user(sam), timezone.now())
    run_tasks_for_hours()

    assert list_domains(workos_sandbox) == ["new.example", "theirs.example"]


def test_domain_of_another_organization_is_reported_on_the_staff_page(
    workos_sandbox: Sandbox, acme: Enterprise, sam: User
) -> None:
    gateway.create_organization(name="Other", external_id="other", domains=["other.example"])

    lifecycle.change_domains(acme, ["acme.example", "other.example"], Actor.from_user(sam), timezone.now())
    run_due_tasks(now=timezone.now())

    assert "belongs to another organization" in signed_in(sam).get(PAGE).text


def test_several_renames_send_only_the_newest_name(
    workos_sandbox: Sandbox, acme: Enterprise, sam: User
) -> None:
    for name in ("One", "Two", "Three"):
        lifecycle.rename(acme, name, Actor.from_user(sam), timezone.now())

    assert Task.objects.count() == 1
    run_tasks_for_hours()
    assert workos_sandbox.organizations()[0]["name"] == "Three"


def test_saving_unchanged_values_writes_no_audit_entry_and_no_task(
    workos_sandbox: Sandbox, acme: Enterprise, sam: User
) -> None:
    before = audit_entries_for(acme).count()

    signed_in(sam).post(
        f"{PAGE}settings/", {"name": "Acme Inc.", "domains": "acme.example", "intents": ["sso", "dsync"]}
    )

    assert audit_entries_for(acme).count() == before
    assert not Task.objects.exists()


def test_deprovisioning_requires_the_slug_to_be_typed(
    workos_sandbox: Sandbox, acme: Enterprise, sam: User
) -> None:
    page = signed_in(sam).post(f"{PAGE}deprovision/", {"typed": "acme"})

    acme.refresh_from_db()
    assert "That doesn’t match acme-inc" in page.text
    assert acme.deprovisioned_at is None


@pytest.mark.parametrize("kind", ["cut", "status", "empty", None])
def test_deprovisioning_ends_access_deletes_the_organization_and_keeps_the_audit_log(
    workos_sandbox: Sandbox, acme: Enterprise, birch: Enterprise, ada: User, sam: User, kind: str | None
) -> None:
    now = timezone.now()
    for enterprise, name in ((acme, "conn_1"), (birch, "conn_2")):
        create_connection(enterprise, connection_id=name, as_of=now)
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
    run_tasks_for_hours()
    assert not workos_sandbox.organizations()
    assert Connection.objects.get(connection_id="conn_1").state == "deleted"
    assert Connection.objects.get(connection_id="conn_2").state == "active"
    assert not Invitation.objects.exists()
    assert not Task.objects.exists()
    assert audit_entries_for(acme)[0].action == "deprovisioned"
    assert "Deprovisioned" in signed_in(sam).get(PAGE).text
    assert Membership.objects.filter(enterprise=acme).exists()


def test_organization_created_during_deprovisioning_is_deleted(workos_sandbox: Sandbox, db: None) -> None:
    enterprise = provisioning.enroll(name="Acme Inc.")
    lifecycle.deprovision(enterprise, COMMAND_LINE, timezone.now())
    run_tasks_for_hours()
    # A creation that was already under way completes now.
    gateway.create_organization(name="Acme Inc.", external_id=str(enterprise.external_id), domains=[])
    (organization,) = workos_sandbox.organizations()

    adopted = provisioning.adopt_organization(
        organization_id=organization["id"],
        external_id=str(enterprise.external_id),
        as_of=timezone.now(),
        actor=WORKOS,
        now=timezone.now(),
    )
    run_tasks_for_hours()

    assert not adopted
    assert not workos_sandbox.organizations()


def test_deprovisioned_enterprise_cannot_be_provisioned_again(
    workos_sandbox: Sandbox, acme: Enterprise, sam: User
) -> None:
    lifecycle.deprovision(acme, Actor.from_user(sam), timezone.now())
    run_tasks_for_hours()

    with pytest.raises(gateway.Refused):
        provisioning.provision(acme)
    assert not workos_sandbox.organizations()


def test_verified_domain_has_one_owner_while_pending_domains_can_be_shared(
    acme: Enterprise, birch: Enterprise
) -> None:
    create_domain(acme, domain_id="d1", domain="shared.example", state="verified")
    create_domain(birch, domain_id="d2", domain="shared.example", state="pending")
    with pytest.raises(IntegrityError, match="one_owner"), transaction.atomic():
        create_domain(birch, domain_id="d3", domain="shared.example", state="verified")
