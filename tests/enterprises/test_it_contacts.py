"""WorkOS's IT contacts are the IT admins, and everyone else's contacts are left alone."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import responses
from django.utils import timezone

import gateway
from audit.actor import COMMAND_LINE, Actor
from enterprises import it_contacts, lifecycle, memberships, provisioning
from enterprises.models import Enterprise, ITContact, Membership, Role
from enterprises.tasks import TaskKind
from hostapp.models import User
from mirror.models import Organization
from outbox.models import Task
from outbox.runner import run_due_tasks
from portal.models import SetupLink
from portal.setup_links.revoking import end_contacts_of_ended_links
from sandbox.client import Sandbox
from tests.conftest import ACME_ORGANIZATION, signed_in
from tests.factories import create_setup_link
from tests.gateway.test_gateway import API
from tests.processes import Manage, wait_until

pytestmark = pytest.mark.django_db

CONTACTS = f"{API}/organizations/{ACME_ORGANIZATION}/it_contacts"
ADA, BEN, INES = "ada@acme.example", "ben@acme.example", "ines@provider.example"


@pytest.fixture(autouse=True)
def synchronized(settings: Any) -> None:
    settings.WORKOS_SYNC_IT_CONTACTS = True


@pytest.fixture
def cedar(workos_sandbox: Sandbox) -> Enterprise:
    """An enterprise that the sandbox knows, with the IT admins Ada and Ben."""
    enterprise = provisioning.enroll(name="Cedar Co.", slug="cedar")
    provisioning.provision(enterprise)
    for email in (ADA, BEN):
        memberships.add_it_admin(enterprise, email, COMMAND_LINE, timezone.now())
    run_tasks()
    return enterprise


def run_tasks() -> None:
    while run_due_tasks(now=timezone.now()):
        pass


def emails_at_workos(enterprise: Enterprise) -> list[str]:
    return sorted(one.email for one in gateway.list_it_contacts(str(enterprise.organization_id)))


def purposes(enterprise: Enterprise) -> list[tuple[str, str]]:
    rows = ITContact.objects.filter(enterprise=enterprise, ended_at=None).order_by("email", "purpose")
    return list(rows.values_list("email", "purpose"))


def membership_of(email: str) -> Membership:
    return Membership.objects.select_related("user", "enterprise").get(user__email=email)


def create_at_workos(enterprise: Enterprise, email: str) -> None:
    gateway.get_client().organizations.create_it_contact(str(enterprise.organization_id), email=email)


def send_setup_link(enterprise: Enterprise, email: str = INES) -> SetupLink:
    user = User.objects.get(email=ADA)
    signed_in(user).post(f"/enterprises/{enterprise.slug}/setup-links/", {"email": email, "intents": ["sso"]})
    link: SetupLink = SetupLink.objects.get(email=email)
    assert link.state == "sent"
    return link


def revoke(link: SetupLink) -> None:
    path = f"/enterprises/{link.enterprise.slug}/setup-links/{link.pk}/revoke/"
    signed_in(User.objects.get(email=ADA)).post(path)
    end_contacts_of_ended_links(timezone.now())
    run_tasks()


def test_new_it_admins_become_contacts(cedar: Enterprise) -> None:
    assert emails_at_workos(cedar) == [ADA, BEN]
    assert purposes(cedar) == [(ADA, "alerts"), (BEN, "alerts")]


def test_member_becomes_no_contact(cedar: Enterprise, dan: User) -> None:
    Membership.objects.create(enterprise=cedar, user=dan, role=Role.MEMBER)
    run_tasks()

    assert emails_at_workos(cedar) == [ADA, BEN]


def demote(membership: Membership) -> None:
    memberships.change_role(membership, Role.MEMBER, Actor("Ada"), timezone.now())


def remove(membership: Membership) -> None:
    memberships.remove_member(membership, Actor("Ada"), timezone.now())


def deactivate(membership: Membership) -> None:
    memberships.deactivate_user(membership.user, Actor("Sam"), timezone.now())


def delete(membership: Membership) -> None:
    membership.user.delete()


@pytest.mark.parametrize("end", [demote, remove, deactivate, delete])
def test_contact_of_a_former_it_admin_is_deleted(
    cedar: Enterprise, end: Callable[[Membership], None]
) -> None:
    end(membership_of(BEN))
    run_tasks()

    assert emails_at_workos(cedar) == [ADA]
    assert purposes(cedar) == [(ADA, "alerts")]


def test_reactivated_it_admin_becomes_a_contact_again(cedar: Enterprise) -> None:
    deactivate(membership_of(BEN))
    run_tasks()
    user = User.objects.get(email=BEN)
    user.is_active = True
    user.save()
    run_tasks()

    assert emails_at_workos(cedar) == [ADA, BEN]


def test_sync_repeated_changes_nothing(cedar: Enterprise) -> None:
    before = list(ITContact.objects.order_by("pk").values())
    it_contacts.sync(cedar, timezone.now())

    assert list(ITContact.objects.order_by("pk").values()) == before
    assert emails_at_workos(cedar) == [ADA, BEN]


@pytest.mark.parametrize(
    "change",
    [
        lambda: User.objects.filter(email=BEN).update(email="benjamin@acme.example"),
        lambda: User.objects.filter(email=BEN).update(is_active=False),
        lambda: Membership.objects.filter(user__email=BEN).update(role=Role.MEMBER),
    ],
    ids=["address", "deactivation", "role"],
)
def test_periodic_job_finds_changes_by_bulk_updates(cedar: Enterprise, change: Callable[[], object]) -> None:
    assert it_contacts.enqueue_missed_syncs(timezone.now()) == 0
    change()

    assert it_contacts.enqueue_missed_syncs(timezone.now()) == 1
    # What waits is not enqueued again.
    assert it_contacts.enqueue_missed_syncs(timezone.now()) == 0
    run_tasks()
    admins = Membership.objects.filter(role=Role.IT_ADMIN, user__is_active=True)
    assert emails_at_workos(cedar) == sorted(admins.values_list("user__email", flat=True))
    assert it_contacts.enqueue_missed_syncs(timezone.now()) == 0


def test_changed_address_of_a_saved_user_moves_the_contact(cedar: Enterprise) -> None:
    user = User.objects.get(email=BEN)
    user.email = "benjamin@acme.example"
    user.save()
    it_contacts.enqueue_missed_syncs(timezone.now())
    run_tasks()

    assert emails_at_workos(cedar) == [ADA, "benjamin@acme.example"]


def test_contact_that_was_deleted_at_workos_is_created_again_within_a_day(cedar: Enterprise) -> None:
    for contact in gateway.list_it_contacts(str(cedar.organization_id)):
        gateway.delete_it_contact(str(cedar.organization_id), contact.contact_id)
    it_contacts.enqueue_missed_syncs(timezone.now() + timedelta(days=1, seconds=1))
    run_tasks()

    assert emails_at_workos(cedar) == [ADA, BEN]


def test_contact_that_others_created_is_left_alone_and_shown(cedar: Enterprise, dan: User) -> None:
    create_at_workos(cedar, INES)
    create_at_workos(cedar, dan.email)
    memberships.add_it_admin(cedar, dan.email, COMMAND_LINE, timezone.now())
    run_tasks()
    remove(membership_of(dan.email))
    run_tasks()

    assert emails_at_workos(cedar) == [ADA, BEN, dan.email, INES]
    assert purposes(cedar)[2:] == [(dan.email, "other"), (INES, "other")]
    page = signed_in(User.objects.get(email=ADA)).get("/enterprises/cedar/setup-links/").text
    assert page.index(INES) < page.index("Added in WorkOS", page.index(INES))
    # They are forgotten once they are gone.
    for contact in gateway.list_it_contacts(str(cedar.organization_id)):
        gateway.delete_it_contact(str(cedar.organization_id), contact.contact_id)
    it_contacts.sync(cedar, timezone.now())
    assert purposes(cedar) == [(ADA, "alerts"), (BEN, "alerts")]


def test_contact_for_a_setup_link_is_deleted_when_the_link_ends(cedar: Enterprise) -> None:
    link = send_setup_link(cedar)
    it_contacts.sync(cedar, timezone.now())
    assert emails_at_workos(cedar) == [ADA, BEN, INES]
    assert purposes(cedar)[2:] == [(INES, "setup_link")]

    revoke(link)

    assert emails_at_workos(cedar) == [ADA, BEN]
    assert not ITContact.objects.filter(email=INES).exists()


def test_contact_for_an_expired_setup_link_is_deleted(cedar: Enterprise) -> None:
    send_setup_link(cedar)
    assert end_contacts_of_ended_links(timezone.now()) == 0

    assert end_contacts_of_ended_links(timezone.now() + timedelta(days=31)) == 1
    run_tasks()
    assert emails_at_workos(cedar) == [ADA, BEN]


def test_contact_with_both_purposes_stays_until_both_end(cedar: Enterprise) -> None:
    link = send_setup_link(cedar, BEN)
    assert purposes(cedar)[1:] == [(BEN, "alerts"), (BEN, "setup_link")]

    remove(membership_of(BEN))
    run_tasks()
    assert emails_at_workos(cedar) == [ADA, BEN]
    assert purposes(cedar)[1:] == [(BEN, "setup_link")]

    revoke(link)
    assert emails_at_workos(cedar) == [ADA]


def test_it_admin_stays_a_contact_when_their_setup_link_ends(cedar: Enterprise) -> None:
    revoke(send_setup_link(cedar, BEN))
    it_contacts.sync(cedar, timezone.now())

    assert emails_at_workos(cedar) == [ADA, BEN]
    assert list(ITContact.objects.filter(email=BEN).values_list("purpose", flat=True)) == ["alerts"]


def test_setup_link_sent_again_keeps_its_contact(cedar: Enterprise, workos_sandbox: Sandbox) -> None:
    link = send_setup_link(cedar)
    signed_in(User.objects.get(email=ADA)).post(f"/enterprises/cedar/setup-links/{link.pk}/resend/")
    end_contacts_of_ended_links(timezone.now())
    run_tasks()

    assert list(SetupLink.objects.order_by("pk").values_list("state", flat=True)) == ["revoked", "sent"]
    assert purposes(cedar)[2:] == [(INES, "setup_link")]
    assert emails_at_workos(cedar) == [ADA, BEN, INES]


def test_setup_link_to_a_contact_of_others_leaves_the_contact(cedar: Enterprise) -> None:
    create_at_workos(cedar, INES)

    revoke(send_setup_link(cedar))

    assert emails_at_workos(cedar) == [ADA, BEN, INES]
    assert purposes(cedar)[2:] == [(INES, "other")]


def test_setup_link_is_refused_while_its_contact_is_being_deleted(cedar: Enterprise) -> None:
    ITContact.objects.filter(email=BEN).update(removal_started_at=timezone.now())
    page = signed_in(User.objects.get(email=ADA)).post(
        "/enterprises/cedar/setup-links/", {"email": BEN, "intents": ["sso"]}, follow=True
    )

    assert "WorkOS is removing ben@acme.example as an IT contact" in page.text
    assert not SetupLink.objects.exists()


def test_it_admin_of_an_unprovisioned_enterprise_becomes_a_contact_after_provisioning(
    workos_sandbox: Sandbox,
) -> None:
    enterprise = provisioning.enroll(name="Cedar Co.", slug="cedar")
    memberships.add_it_admin(enterprise, ADA, COMMAND_LINE, timezone.now())
    assert not Task.objects.filter(kind=TaskKind.SYNC_IT_CONTACTS).exists()
    assert it_contacts.enqueue_missed_syncs(timezone.now()) == 0

    provisioning.provision(enterprise)
    run_tasks()

    assert emails_at_workos(enterprise) == [ADA]


def test_plan_without_any_intent_does_not_change_the_contacts(cedar: Enterprise) -> None:
    lifecycle.change_plan(cedar, [], COMMAND_LINE, timezone.now())
    it_contacts.sync(cedar, timezone.now())

    assert emails_at_workos(cedar) == [ADA, BEN]


def test_deprovisioned_enterprise_has_no_contacts_left(cedar: Enterprise) -> None:
    lifecycle.deprovision(cedar, COMMAND_LINE, timezone.now())
    run_tasks()

    assert not ITContact.objects.exists()
    assert it_contacts.enqueue_missed_syncs(timezone.now() + timedelta(days=2)) == 0


def test_enterprise_whose_organization_was_deleted_is_not_synchronized(cedar: Enterprise) -> None:
    Organization.objects.update(deleted_at=timezone.now())
    remove(membership_of(BEN))
    run_tasks()

    assert not Task.objects.exists()
    assert it_contacts.enqueue_missed_syncs(timezone.now() + timedelta(days=2)) == 0


def test_setting_switched_off_leaves_the_contacts_as_they_are(cedar: Enterprise, settings: Any) -> None:
    settings.WORKOS_SYNC_IT_CONTACTS = False
    remove(membership_of(BEN))
    run_tasks()

    assert emails_at_workos(cedar) == [ADA, BEN]
    settings.WORKOS_SYNC_IT_CONTACTS = True
    it_contacts.enqueue_missed_syncs(timezone.now())
    run_tasks()
    assert emails_at_workos(cedar) == [ADA]


def test_two_enterprises_do_not_share_contacts(cedar: Enterprise) -> None:
    other = provisioning.enroll(name="Dune", slug="dune")
    provisioning.provision(other)
    memberships.add_it_admin(other, BEN, COMMAND_LINE, timezone.now())
    run_tasks()
    Membership.objects.get(enterprise=other).delete()
    run_tasks()

    assert emails_at_workos(cedar) == [ADA, BEN]
    assert emails_at_workos(other) == []


def contact(contact_id: str, email: str) -> dict[str, Any]:
    at = "2026-01-15T12:00:00.000Z"
    return {"object": "it_contact", "id": contact_id, "email": email, "created_at": at, "updated_at": at}


def lists(api: responses.RequestsMock, *contacts: dict[str, Any]) -> None:
    api.upsert(responses.GET, CONTACTS, json={"object": "list", "data": list(contacts)})


def sync_task() -> Task:
    return Task.objects.get(kind=TaskKind.SYNC_IT_CONTACTS)


def test_concurrent_request_is_repeated(
    workos_api: responses.RequestsMock, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.it_contacts._PAUSE_SECONDS", 0)
    lists(workos_api)
    workos_api.post(CONTACTS, status=503, json={"code": "concurrent_request", "message": "Again."})
    workos_api.post(CONTACTS, status=201, json=contact("it_contact_1", ADA))
    run_tasks()

    assert ITContact.objects.get().contact_id == "it_contact_1"


def test_creation_that_keeps_colliding_is_retried_by_the_worker(
    workos_api: responses.RequestsMock, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.it_contacts._PAUSE_SECONDS", 0)
    lists(workos_api)
    workos_api.post(CONTACTS, status=503, json={"code": "concurrent_request", "message": "Again."})
    run_tasks()
    assert sync_task().attempts == 1

    # WorkOS had created it, so the next attempt finds it.
    workos_api.replace(responses.POST, CONTACTS, status=409, json={"code": "it_contact_already_exists"})
    lists(workos_api, contact("it_contact_1", ADA))
    Task.objects.update(due_at=timezone.now())
    run_tasks()
    assert list(ITContact.objects.values_list("purpose", "contact_id")) == [("alerts", "it_contact_1")]


def test_contact_created_by_others_in_the_meantime_is_left_alone(
    workos_api: responses.RequestsMock, ada: User
) -> None:
    workos_api.get(CONTACTS, json={"data": []})
    workos_api.get(CONTACTS, json={"data": [contact("it_contact_1", ADA)]})
    workos_api.post(CONTACTS, status=409, json={"code": "it_contact_already_exists", "message": "No."})
    run_tasks()

    assert list(ITContact.objects.values_list("purpose", "contact_id")) == [("other", "it_contact_1")]
    assert it_contacts.enqueue_missed_syncs(timezone.now()) == 0


def test_contact_created_before_a_crash_is_ours(workos_api: responses.RequestsMock, ada: User) -> None:
    """The row was saved and the contact created; then the process was killed."""
    ITContact.objects.create(enterprise=Enterprise.objects.get(), email=ADA, purpose="alerts")
    lists(workos_api, contact("it_contact_1", ADA))
    run_tasks()

    assert list(ITContact.objects.values_list("purpose", "contact_id")) == [("alerts", "it_contact_1")]


def test_refused_address_does_not_stop_the_others(
    workos_api: responses.RequestsMock, acme: Enterprise, ada: User, cleo: User
) -> None:
    Membership.objects.create(enterprise=acme, user=cleo, role=Role.IT_ADMIN)
    Task.objects.exclude(subject=acme.external_id).delete()
    lists(workos_api)
    workos_api.post(CONTACTS, status=422, json={"code": "invalid_email", "message": "No."})
    workos_api.post(CONTACTS, status=201, json=contact("it_contact_2", cleo.email))
    run_tasks()

    assert "did not accept" in sync_task().error
    assert list(ITContact.objects.order_by("email").values_list("email", "contact_id")) == [
        (ADA, ""),
        (cleo.email, "it_contact_2"),
    ]


def test_missing_permission_names_the_setting(workos_api: responses.RequestsMock, ada: User) -> None:
    workos_api.get(CONTACTS, status=403, json={"message": "Forbidden"})
    run_tasks()

    assert "WORKOS_SYNC_IT_CONTACTS=off" in sync_task().error


def test_deletion_that_fails_is_repeated_and_blocks_no_setup_link(
    workos_api: responses.RequestsMock, acme: Enterprise, ada: User
) -> None:
    ITContact.objects.create(enterprise=acme, email=ADA, purpose="alerts", contact_id="it_contact_1")
    lists(workos_api, contact("it_contact_1", ADA))
    workos_api.delete(f"{CONTACTS}/it_contact_1", status=500)
    Membership.objects.all().delete()
    run_tasks()
    assert list(ITContact.objects.values_list("email", "removal_started_at")) == [(ADA, None)]

    workos_api.replace(responses.DELETE, f"{CONTACTS}/it_contact_1", status=404)
    Task.objects.update(due_at=timezone.now())
    run_tasks()
    assert not ITContact.objects.exists()
    assert not Task.objects.filter(kind=TaskKind.SYNC_IT_CONTACTS).exists()


def test_odd_contacts_do_not_hide_the_others(workos_api: responses.RequestsMock, ada: User) -> None:
    odd = ["text", {}, {"id": 1, "email": "x"}, contact("it_contact_9", "a\0b" + "x" * 400)]
    lists(workos_api, *odd, contact("it_contact_1", ADA))  # type: ignore[arg-type]
    run_tasks()

    assert sorted(ITContact.objects.values_list("contact_id", flat=True)) == ["it_contact_1", "it_contact_9"]


def test_link_that_was_not_sent_leaves_no_contact(
    workos_api: responses.RequestsMock, acme: Enterprise, ada: User
) -> None:
    """WorkOS had another setup link: the contact was created for nothing."""
    ITContact.objects.create(enterprise=acme, email=INES, purpose="setup_link", contact_id="it_contact_2")
    create_setup_link(acme, ada, state="failed")
    Membership.objects.all().delete()
    lists(workos_api, contact("it_contact_2", INES))
    workos_api.delete(f"{CONTACTS}/it_contact_2", status=204)
    workos_api.post(f"{API}/portal/revoke_link", status=204)
    end_contacts_of_ended_links(timezone.now())
    run_tasks()

    assert not ITContact.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_worker_synchronizes_contacts_from_the_first_start(
    workos_sandbox: Sandbox, manage: Manage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installation that is upgraded has IT admins for whom no task was ever enqueued."""
    monkeypatch.setenv("TEST_SYNC_IT_CONTACTS", "on")
    enterprise = provisioning.enroll(name="Cedar Co.", slug="cedar")
    provisioning.provision(enterprise)
    memberships.add_it_admin(enterprise, ADA, COMMAND_LINE, timezone.now())
    Task.objects.all().delete()
    worker = manage("worker", "--interval", "0.05")
    wait_until(lambda: emails_at_workos(enterprise) == [ADA])
    worker.terminate()
    worker.wait(30)
