"""Killed, cut off, refused and raced, against the sandbox over the network: exactly one Organization."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from enterprises import errands, gateway, history, people, provisioning
from enterprises.models import Enterprise, Errand, Membership, OrganizationDomain
from hostapp.models import User
from sandbox.client import Sandbox
from tests.conftest import signed_in
from tests.processes import Manage, wait_until
from tests.webhooks.test_worker import someone_waits_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)

LOOK_UP = {"method": "GET", "path": "/organizations/external_id/*"}
CREATE = {"method": "POST", "path": "/organizations"}


def enroll() -> Enterprise:
    return provisioning.enroll(name="Acme Inc.", domains=["acme.example"])


def the_worker_comes() -> None:
    later = timezone.now()
    for _ in range(4):
        later += timedelta(minutes=10)
        errands.run_due(now=later)


def all_is_well(workos_sandbox: Sandbox) -> None:
    (organization,) = workos_sandbox.organizations()
    enterprise = Enterprise.objects.get()
    assert organization["external_id"] == str(enterprise.external_id)
    assert enterprise.organization_id == organization["id"]
    assert enterprise.provisioning == Enterprise.Provisioning.READY
    assert enterprise.environment == "test"
    assert [entry.deed for entry in history.of(enterprise)].count("provisioned") == 1
    assert OrganizationDomain.objects.get().domain == "acme.example"
    assert not Errand.objects.exists()


def fault_is_used(workos_sandbox: Sandbox) -> bool:
    return not workos_sandbox.order("GET", "faults")["data"]


@pytest.mark.parametrize("request_", [LOOK_UP, CREATE], ids=["the look-up", "the creation"])
def test_killed_while_workos_is_asked(
    workos_sandbox: Sandbox, manage: Manage, request_: dict[str, str]
) -> None:
    workos_sandbox.fault("hang", seconds=0.5, **request_)
    process = manage("provision_enterprise", "Acme Inc.", "--domain", "acme.example")
    wait_until(lambda: fault_is_used(workos_sandbox))

    process.kill()
    process.communicate()
    # What was asked for is done all the same: the answer finds nobody.
    time.sleep(0.8)
    the_worker_comes()

    all_is_well(workos_sandbox)


def test_killed_before_it_is_enrolled(workos_sandbox: Sandbox, manage: Manage) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE enterprises_enterprise IN SHARE ROW EXCLUSIVE MODE")
        process = manage("provision_enterprise", "Acme Inc.", "--domain", "acme.example")
        wait_until(someone_waits_for_a_lock)
        process.kill()
        process.communicate()
    assert not Enterprise.objects.exists()

    process = manage("provision_enterprise", "Acme Inc.", "--domain", "acme.example")
    said, _ = process.communicate(timeout=20)

    assert process.returncode == 0, said
    the_worker_comes()
    all_is_well(workos_sandbox)


def test_killed_before_it_is_written_down_that_we_ask(workos_sandbox: Sandbox, manage: Manage) -> None:
    enterprise = enroll()
    with transaction.atomic():
        Enterprise.objects.select_for_update().get(pk=enterprise.pk)
        process = manage("provision_enterprise", "Acme Inc.", "--domain", "acme.example")
        wait_until(someone_waits_for_a_lock)
        process.kill()
        process.communicate()
    assert not workos_sandbox.organizations()

    the_worker_comes()

    all_is_well(workos_sandbox)


def test_killed_between_the_creation_and_the_writing_down_of_its_id(
    workos_sandbox: Sandbox, manage: Manage
) -> None:
    enterprise = enroll()
    workos_sandbox.fault("hang", seconds=0.5, **CREATE)
    process = manage("provision_enterprise", "Acme Inc.", "--domain", "acme.example")
    wait_until(lambda: fault_is_used(workos_sandbox))
    with transaction.atomic():
        Enterprise.objects.select_for_update().get(pk=enterprise.pk)
        wait_until(someone_waits_for_a_lock)
        assert len(workos_sandbox.organizations()) == 1
        process.kill()
        process.communicate()
    enterprise.refresh_from_db()
    assert enterprise.organization_id is None

    the_worker_comes()

    all_is_well(workos_sandbox)


FAULTS: dict[str, tuple[str, dict[str, float]]] = {
    "401": ("status", {"status": 401}),
    "403": ("status", {"status": 403}),
    "422": ("status", {"status": 422}),
    "429": ("status", {"status": 429, "retry_after": 7}),
    "500": ("status", {"status": 500}),
    "a time-out": ("hang", {"seconds": 2}),
    "a cut connection": ("cut", {}),
    "an empty 200": ("empty", {}),
}


@pytest.mark.parametrize("request_", [LOOK_UP, CREATE], ids=["at the look-up", "at the creation"])
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_workos_answers(
    workos_sandbox: Sandbox, fault: str, request_: dict[str, str], settings: Any
) -> None:
    settings.WORKOS_TIMEOUT = 0.3
    enterprise = enroll()
    kind, values = FAULTS[fault]
    workos_sandbox.fault(kind, **request_, **values)

    with pytest.raises(gateway.GatewayError):
        provisioning.provision(enterprise)
    enterprise.refresh_from_db()
    # Nothing is half said, and there is a reason or a retry to be seen.
    assert enterprise.organization_id is None
    assert enterprise.provisioning in ("provisioning", "needs_attention")
    assert Errand.objects.get().kind == Errand.Kind.PROVISION
    if kind == "hang":
        # It was created all the same, after we had stopped listening.
        time.sleep(0.5)
    settings.WORKOS_TIMEOUT = 8
    the_worker_comes()

    all_is_well(workos_sandbox)


def test_an_external_id_that_is_taken_by_our_own_earlier_try(workos_sandbox: Sandbox, settings: Any) -> None:
    enterprise = enroll()
    gateway.create_organization(
        name="Acme Inc.", external_id=str(enterprise.external_id), domains=["acme.example"]
    )
    # The look-up does not see it yet; the creation then says 400 external_id_already_used.
    workos_sandbox.fault("status", status=404, **LOOK_UP)

    provisioning.provision(enterprise)

    the_worker_comes()
    all_is_well(workos_sandbox)


def test_a_domain_of_another_organization_is_shown_and_never_adopted(workos_sandbox: Sandbox) -> None:
    gateway.create_organization(name="Other", external_id="other", domains=["acme.example"])
    enterprise = enroll()

    with pytest.raises(gateway.Refused):
        provisioning.provision(enterprise)
    the_worker_comes()

    enterprise.refresh_from_db()
    assert enterprise.organization_id is None
    assert "belongs to another organization" in enterprise.attention
    assert [entry.deed for entry in history.of(enterprise)] == ["needs_attention"]
    (other,) = workos_sandbox.organizations()
    assert other["external_id"] == "other"


def test_callers_who_race(workos_sandbox: Sandbox) -> None:
    enterprise = enroll()
    start = threading.Barrier(6)

    def go() -> None:
        start.wait()
        provisioning.provision(Enterprise.objects.get(pk=enterprise.pk))
        connection.close()

    threads = [threading.Thread(target=go) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    the_worker_comes()
    all_is_well(workos_sandbox)


def test_a_key_of_the_other_environment_is_refused_before_any_call(
    workos_sandbox: Sandbox, settings: Any
) -> None:
    enterprise = provisioning.provision(enroll())
    Errand.objects.all().delete()
    settings.WORKOS_API_KEY = "sk_live_other"
    Errand.objects.record(Errand.Kind.RENAME, enterprise=enterprise)
    # A call would be seen by this fault.
    workos_sandbox.fault("cut")

    errands.run_due(now=timezone.now())

    assert "test environment" in Errand.objects.get().error
    assert not fault_is_used(workos_sandbox)
    workos_sandbox.clear_faults()


def test_a_hook_of_the_host_runs_after_provisioning_until_it_returns(
    workos_sandbox: Sandbox, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def hook(enterprise: Enterprise) -> None:
        seen.append(enterprise.slug)
        if len(seen) == 1:
            raise RuntimeError("the host's own trouble")

    monkeypatch.setattr("enterprises.afterwards.import_string", lambda path: hook)
    settings.ENTERPRISE_PROVISIONED_HOOK = "acme.tiers.make"

    provisioning.provision(enroll())
    errands.run_due(now=timezone.now())
    assert "own trouble" in Errand.objects.get().error
    the_worker_comes()

    assert seen == ["acme-inc", "acme-inc"]
    assert not Errand.objects.exists()


def test_a_worker_killed_in_the_middle_of_an_errand(workos_sandbox: Sandbox, manage: Manage) -> None:
    enterprise = enroll()
    Errand.objects.record(Errand.Kind.PROVISION, enterprise=enterprise)
    workos_sandbox.fault("hang", seconds=0.5, **CREATE)
    worker = manage("worker", "--interval", "0.05")
    wait_until(lambda: fault_is_used(workos_sandbox))

    worker.kill()
    worker.communicate()
    time.sleep(0.8)
    # Until its lease ends it is nobody else's.
    assert errands.run_due(now=timezone.now()) == {}
    the_worker_comes()

    all_is_well(workos_sandbox)


def test_the_worker_provisions_what_was_enrolled_and_left(workos_sandbox: Sandbox, manage: Manage) -> None:
    enroll()
    Errand.objects.update(due_at=timezone.now())

    worker = manage("worker", "--interval", "0.05")
    wait_until(lambda: not Errand.objects.exists())
    worker.terminate()
    said, _ = worker.communicate(timeout=10)

    assert worker.returncode == 0, said
    all_is_well(workos_sandbox)


def opens(link: str) -> bool:
    """Whether this Portal Link still lets somebody in."""
    answer = requests.get(link, timeout=5)
    return answer.status_code == 200


def test_a_link_that_is_being_minted_while_its_person_is_removed_dies_too(
    workos_sandbox: Sandbox, ada: User, ben: User, acme: Enterprise, settings: Any
) -> None:
    made = gateway.create_organization(name="Acme Inc.", external_id=str(acme.external_id), domains=[])
    Enterprise.objects.filter(pk=acme.pk).update(organization_id=made.organization_id)
    Membership.objects.filter(user=ben).update(role=Membership.Role.IT_ADMIN)
    settings.WORKOS_LINK_ORIGINS = [workos_sandbox.url, workos_sandbox.url.replace("127.0.0.1", "localhost")]
    address = "/enterprises/acme-inc/portal/sso/"
    before = signed_in(ben).post(address)["Location"]
    adas = signed_in(ada).post(address)["Location"]
    minted: list[str] = []

    def open_portal(client: Client) -> None:
        minted.append(client.post(address)["Location"])
        connection.close()

    minting = threading.Thread(target=open_portal, args=(signed_in(ben),))
    with transaction.atomic():
        # The request has passed the door, and stands before writing down the visit.
        Enterprise.objects.select_for_update().get(pk=acme.pk)
        minting.start()
        wait_until(someone_waits_for_a_lock)
        removed_at = timezone.now()
        people.remove(Membership.objects.get(user=ben), who=ada, at=removed_at)
        assert errands.run_due(now=timezone.now()) == {"done": 1}
    minting.join()
    assert not opens(before)
    # This one came too late to be revoked with the others.
    assert opens(minted[0])

    after_the_timeout = removed_at + timedelta(seconds=settings.WORKOS_TIMEOUT + 6)
    assert errands.run_due(now=after_the_timeout) == {"done": 1}

    assert not opens(minted[0])
    assert opens(adas)
