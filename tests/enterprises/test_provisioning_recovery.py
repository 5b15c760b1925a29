"""Provisioning against the sandbox creates one Organization, also after kills, faults and races."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

import gateway
from audit.actor import Actor
from audit.log import audit_entries_for
from enterprises import memberships, provisioning
from enterprises.models import Enterprise, Membership
from enterprises.tasks import TaskKind
from hostapp.models import User
from mirror.models import OrganizationDomain
from outbox import queue
from outbox.models import Task
from outbox.runner import run_due_tasks
from portal import launches
from portal.models import PortalSession
from sandbox.client import Sandbox
from tests.conftest import signed_in
from tests.factories import create_organization
from tests.processes import Manage, someone_waits_for_a_lock, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

LOOK_UP = {"method": "GET", "path": "/organizations/external_id/*"}
CREATE = {"method": "POST", "path": "/organizations"}


def enroll() -> Enterprise:
    return provisioning.enroll(name="Acme Inc.", domains=["acme.example"])


def run_tasks_for_hours() -> None:
    later = timezone.now()
    for _ in range(4):
        later += timedelta(minutes=10)
        run_due_tasks(now=later)


def assert_provisioned_once(workos_sandbox: Sandbox) -> None:
    (organization,) = workos_sandbox.organizations()
    enterprise = Enterprise.objects.get()
    assert organization["external_id"] == str(enterprise.external_id)
    assert enterprise.organization_id == organization["id"]
    assert enterprise.provisioning == Enterprise.Provisioning.READY
    assert enterprise.environment == "test"
    assert [entry.action for entry in audit_entries_for(enterprise)].count("provisioned") == 1
    assert OrganizationDomain.objects.get().domain == "acme.example"
    assert not Task.objects.exists()


def is_fault_used(workos_sandbox: Sandbox) -> bool:
    return not workos_sandbox.request("GET", "faults")["data"]


@pytest.mark.parametrize("request_", [LOOK_UP, CREATE], ids=["look-up", "creation"])
def test_command_killed_during_a_request_is_completed_by_the_worker(
    workos_sandbox: Sandbox, manage: Manage, request_: dict[str, str]
) -> None:
    workos_sandbox.fault("hang", seconds=0.5, **request_)
    process = manage("provision_enterprise", "Acme Inc.", "--domain", "acme.example")
    wait_until(lambda: is_fault_used(workos_sandbox))

    process.kill()
    process.communicate()
    # WorkOS completes the request, although no process receives the response.
    time.sleep(0.8)
    run_tasks_for_hours()

    assert_provisioned_once(workos_sandbox)


def test_command_killed_before_enrolling_can_be_run_again(workos_sandbox: Sandbox, manage: Manage) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE enterprises_enterprise IN SHARE ROW EXCLUSIVE MODE")
        process = manage("provision_enterprise", "Acme Inc.", "--domain", "acme.example")
        wait_until(someone_waits_for_a_lock)
        process.kill()
        process.communicate()
    assert not Enterprise.objects.exists()

    process = manage("provision_enterprise", "Acme Inc.", "--domain", "acme.example")
    output, _ = process.communicate(timeout=20)

    assert process.returncode == 0, output
    run_tasks_for_hours()
    assert_provisioned_once(workos_sandbox)


def test_command_killed_before_its_first_request_is_completed_by_the_worker(
    workos_sandbox: Sandbox, manage: Manage
) -> None:
    enterprise = enroll()
    with transaction.atomic():
        Enterprise.objects.select_for_update().get(pk=enterprise.pk)
        process = manage("provision_enterprise", "Acme Inc.", "--domain", "acme.example")
        wait_until(someone_waits_for_a_lock)
        process.kill()
        process.communicate()
    assert not workos_sandbox.organizations()

    run_tasks_for_hours()

    assert_provisioned_once(workos_sandbox)


def test_command_killed_before_it_saves_the_organization_id_is_completed_by_the_worker(
    workos_sandbox: Sandbox, manage: Manage
) -> None:
    enterprise = enroll()
    workos_sandbox.fault("hang", seconds=0.5, **CREATE)
    process = manage("provision_enterprise", "Acme Inc.", "--domain", "acme.example")
    wait_until(lambda: is_fault_used(workos_sandbox))
    with transaction.atomic():
        Enterprise.objects.select_for_update().get(pk=enterprise.pk)
        wait_until(someone_waits_for_a_lock)
        assert len(workos_sandbox.organizations()) == 1
        process.kill()
        process.communicate()
    enterprise.refresh_from_db()
    assert enterprise.organization_id is None

    run_tasks_for_hours()

    assert_provisioned_once(workos_sandbox)


FAULTS: dict[str, tuple[str, dict[str, float]]] = {
    "401": ("status", {"status": 401}),
    "403": ("status", {"status": 403}),
    "422": ("status", {"status": 422}),
    "429": ("status", {"status": 429, "retry_after": 7}),
    "500": ("status", {"status": 500}),
    "timeout": ("hang", {"seconds": 2}),
    "closed connection": ("cut", {}),
    "empty 200": ("empty", {}),
}


@pytest.mark.parametrize("request_", [LOOK_UP, CREATE], ids=["look-up", "creation"])
@pytest.mark.parametrize("fault", FAULTS)
def test_failed_request_is_retried_until_the_enterprise_is_provisioned(
    workos_sandbox: Sandbox, fault: str, request_: dict[str, str], settings: Any
) -> None:
    settings.WORKOS_TIMEOUT = 0.3
    enterprise = enroll()
    kind, values = FAULTS[fault]
    workos_sandbox.fault(kind, **request_, **values)

    with pytest.raises(gateway.GatewayError):
        provisioning.provision(enterprise)
    enterprise.refresh_from_db()
    # No organization id is saved, and the enterprise shows a retry or a reason.
    assert enterprise.organization_id is None
    assert enterprise.provisioning in ("provisioning", "needs_attention")
    assert Task.objects.get().kind == TaskKind.PROVISION
    if kind == "hang":
        # WorkOS completes the request after our timeout.
        time.sleep(0.5)
    settings.WORKOS_TIMEOUT = 8
    run_tasks_for_hours()

    assert_provisioned_once(workos_sandbox)


def test_organization_of_an_earlier_attempt_that_the_look_up_missed_is_adopted(
    workos_sandbox: Sandbox, settings: Any
) -> None:
    enterprise = enroll()
    gateway.create_organization(
        name="Acme Inc.", external_id=str(enterprise.external_id), domains=["acme.example"]
    )
    # The look-up does not find it yet, so the creation returns 400 external_id_already_used.
    workos_sandbox.fault("status", status=404, **LOOK_UP)

    provisioning.provision(enterprise)

    run_tasks_for_hours()
    assert_provisioned_once(workos_sandbox)


def test_organization_that_owns_our_domain_is_reported_and_not_adopted(workos_sandbox: Sandbox) -> None:
    gateway.create_organization(name="Other", external_id="other", domains=["acme.example"])
    enterprise = enroll()

    with pytest.raises(gateway.Refused):
        provisioning.provision(enterprise)
    run_tasks_for_hours()

    enterprise.refresh_from_db()
    assert enterprise.organization_id is None
    assert "belongs to another organization" in enterprise.attention
    assert [entry.action for entry in audit_entries_for(enterprise)] == ["provisioning_refused"]
    (other,) = workos_sandbox.organizations()
    assert other["external_id"] == "other"


def test_concurrent_callers_create_one_organization(workos_sandbox: Sandbox) -> None:
    enterprise = enroll()
    start = threading.Barrier(6)

    def provision() -> None:
        start.wait()
        provisioning.provision(Enterprise.objects.get(pk=enterprise.pk))
        connection.close()

    threads = [threading.Thread(target=provision) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    run_tasks_for_hours()
    assert_provisioned_once(workos_sandbox)


def test_api_key_of_another_environment_is_refused_before_any_request(
    workos_sandbox: Sandbox, settings: Any
) -> None:
    enterprise = provisioning.provision(enroll())
    Task.objects.all().delete()
    settings.WORKOS_API_KEY = "sk_live_other"
    queue.enqueue(TaskKind.PUSH_NAME, enterprise.external_id)
    # Any request would use up this fault.
    workos_sandbox.fault("cut")

    run_due_tasks(now=timezone.now())

    assert "test environment" in Task.objects.get().error
    assert not is_fault_used(workos_sandbox)
    workos_sandbox.clear_faults()


def test_provisioned_hook_is_retried_until_it_succeeds(
    workos_sandbox: Sandbox, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def hook(enterprise: Enterprise) -> None:
        calls.append(enterprise.slug)
        if len(calls) == 1:
            raise RuntimeError("the hook failed")

    monkeypatch.setattr("enterprises.conf.import_string", lambda path: hook)
    settings.ENTERPRISE_PROVISIONED_HOOK = "acme.tiers.make"

    provisioning.provision(enroll())
    run_due_tasks(now=timezone.now())
    assert "the hook failed" in Task.objects.get().error
    run_tasks_for_hours()

    assert calls == ["acme-inc", "acme-inc"]
    assert not Task.objects.exists()


def test_provision_task_of_a_killed_worker_is_completed_after_its_lease(
    workos_sandbox: Sandbox, manage: Manage
) -> None:
    enterprise = enroll()
    queue.enqueue(TaskKind.PROVISION, enterprise.external_id)
    workos_sandbox.fault("hang", seconds=0.5, **CREATE)
    worker = manage("worker", "--interval", "0.05")
    wait_until(lambda: is_fault_used(workos_sandbox))

    worker.kill()
    worker.communicate()
    time.sleep(0.8)
    # Until the lease ends, no other worker takes the task.
    assert run_due_tasks(now=timezone.now()) == {}
    run_tasks_for_hours()

    assert_provisioned_once(workos_sandbox)


def test_worker_provisions_an_enrolled_enterprise(workos_sandbox: Sandbox, manage: Manage) -> None:
    enroll()
    Task.objects.update(due_at=timezone.now())

    worker = manage("worker", "--interval", "0.05")
    wait_until(lambda: not Task.objects.exists())
    worker.terminate()
    output, _ = worker.communicate(timeout=10)

    assert worker.returncode == 0, output
    assert_provisioned_once(workos_sandbox)


def link_works(link: str) -> bool:
    """Return whether this Portal Link still opens the portal."""
    response = requests.get(link, timeout=5)
    return response.status_code == 200


def test_link_minted_while_its_user_is_removed_is_revoked_too(
    workos_sandbox: Sandbox,
    ada: User,
    ben: User,
    acme: Enterprise,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    organization = gateway.create_organization(
        name="Acme Inc.", external_id=str(acme.external_id), domains=[]
    )
    Enterprise.objects.filter(pk=acme.pk).update(
        organization=create_organization(organization.organization_id)
    )
    Membership.objects.filter(user=ben).update(role=Membership.Role.IT_ADMIN)
    settings.WORKOS_LINK_ORIGINS = [workos_sandbox.url, workos_sandbox.url.replace("127.0.0.1", "localhost")]
    address = "/enterprises/acme-inc/portal/sso/"
    earlier_link = signed_in(ben).post(address)["Location"]
    adas_link = signed_in(ada).post(address)["Location"]
    minted: list[str] = []

    def open_portal(client: Client) -> None:
        minted.append(client.post(address)["Location"])
        connection.close()

    mint_link, has_begun, may_mint = launches._mint_link, threading.Event(), threading.Event()

    def mint_late(session: PortalSession) -> str:
        has_begun.set()
        may_mint.wait(15)
        return mint_link(session)

    monkeypatch.setattr(launches, "_mint_link", mint_late)
    minting = threading.Thread(target=open_portal, args=(signed_in(ben),))
    minting.start()
    # The launch has read the role and has not called WorkOS yet.
    wait_until(has_begun.is_set)
    removed_at = timezone.now()
    memberships.remove_member(Membership.objects.get(user=ben), Actor.from_user(ada), removed_at)
    assert set(run_due_tasks(now=timezone.now())) == {"completed"}
    may_mint.set()
    minting.join()
    assert not link_works(earlier_link)
    # This link was minted too late to be revoked with the earlier one.
    assert link_works(minted[0])

    after_the_timeout = removed_at + timedelta(seconds=settings.WORKOS_TIMEOUT + 10)
    assert run_due_tasks(now=after_the_timeout) == {"completed": 1}

    assert not link_works(minted[0])
    assert link_works(adas_link)
