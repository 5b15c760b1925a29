"""Who may send a setup link, and when it is revoked."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
import responses
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client
from django.utils import timezone

from audit.actor import Actor
from audit.models import AuditEntry
from enterprises.memberships import deactivate_user, remove_member
from enterprises.models import Enterprise, Membership
from hostapp.models import User
from outbox import queue
from outbox.models import Task
from outbox.runner import run_due_tasks
from portal.models import SetupLink
from portal.setup_links.revoking import enqueue_missed_revocations
from portal.setup_links.sending import send_setup_link
from portal.tasks import REVOKE_SETUP_LINK
from tests.conftest import ACME_ORGANIZATION, signed_in
from tests.factories import create_setup_link
from tests.gateway.test_gateway import API

pytestmark = pytest.mark.django_db

PATH = "/enterprises/acme-inc/setup-links/"
CONTACTS = f"{API}/organizations/{ACME_ORGANIZATION}/it_contacts"
FORM = {"email": "ines@provider.example", "intents": ["sso", "dsync"]}


CONTACT = {
    "object": "it_contact",
    "id": "it_contact_1",
    "email": "ines@provider.example",
    "created_at": "2026-01-15T12:00:00.000Z",
    "updated_at": "2026-01-15T12:00:00.000Z",
}


@pytest.fixture
def contacts(workos_api: responses.RequestsMock) -> responses.RequestsMock:
    workos_api.post(CONTACTS, status=201, json=CONTACT)
    workos_api.post(f"{CONTACTS}/it_contact_1/invite", status=204)
    workos_api.post(f"{CONTACTS}/it_contact_1/revoke", status=204)
    return workos_api


def test_it_admin_can_send_a_setup_link(contacts: responses.RequestsMock, ada: User) -> None:
    signed_in(ada).post(PATH, FORM)

    link = SetupLink.objects.get()
    assert (link.state, link.sent_by, link.contact_id) == ("sent", ada, "it_contact_1")
    assert json.loads(contacts.calls[-1].request.body or b"") == {"intents": ["sso", "directory_sync"]}


def test_staff_can_send_a_setup_link(contacts: responses.RequestsMock, acme: Enterprise, sam: User) -> None:
    signed_in(sam).post(PATH, FORM)

    assert SetupLink.objects.get().sent_by == sam


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "WorkOS didn’t accept the request because of a problem on our side."),
        (429, "WorkOS is busy."),
        (500, "WorkOS is having problems."),
    ],
)
def test_customer_reads_why_a_setup_link_failed_and_nothing_about_our_key(
    contacts: responses.RequestsMock, ada: User, status: int, sentence: str
) -> None:
    contacts.replace(responses.POST, f"{CONTACTS}/it_contact_1/invite", status=status, json={})

    page = signed_in(ada).post(PATH, FORM, follow=True).text

    assert sentence in page
    assert "and quote" in page
    assert "API key" not in page


@pytest.mark.parametrize(("name", "status"), [("ben", 403), ("cleo", 404), ("dan", 404)])
def test_members_and_strangers_cannot_send_a_setup_link(
    contacts: responses.RequestsMock,
    request: pytest.FixtureRequest,
    acme: Enterprise,
    ada: User,
    name: str,
    status: int,
) -> None:
    client = signed_in(request.getfixturevalue(name))

    assert client.get(PATH).status_code == status
    assert client.post(PATH, FORM).status_code == status
    assert not SetupLink.objects.exists()


def test_setup_link_of_another_enterprise_cannot_be_revoked(
    contacts: responses.RequestsMock, ada: User, cleo: User
) -> None:
    signed_in(ada).post(PATH, FORM)
    pk = SetupLink.objects.get().pk

    assert signed_in(cleo).post(f"/enterprises/birch-ltd/setup-links/{pk}/revoke/").status_code == 404
    assert SetupLink.objects.get().state == "sent"


def test_old_sign_in_must_reauthenticate_before_sending(contacts: responses.RequestsMock, ada: User) -> None:
    client = old_sign_in(ada)
    page = client.post(PATH, FORM)

    assert "Confirm your password" in page.text
    assert not SetupLink.objects.exists()
    client.post(PATH, FORM | {"current_password": "correct horse battery"})
    assert SetupLink.objects.get().state == "sent"


def test_form_rejects_an_intent_outside_the_plan(contacts: responses.RequestsMock, ada: User) -> None:
    response = signed_in(ada).post(PATH, FORM | {"intents": ["log_streams"]})

    assert "log_streams is not one of the available choices" in response.text
    assert not SetupLink.objects.exists()


def test_setup_links_over_the_rate_limit_are_refused(
    contacts: responses.RequestsMock, acme: Enterprise, ada: User
) -> None:
    now = timezone.now()
    SetupLink.objects.bulk_create(
        SetupLink(
            enterprise=acme, email="x@provider.example", intents=["sso"], sent_by=ada, state="revoked",
            requested_at=now, expires_at=now,
        )
        for _ in range(30)
    )  # fmt: skip
    response = signed_in(ada).post(PATH, FORM, follow=True)

    assert "Too many attempts. You can send a setup link again at" in response.text
    assert SetupLink.objects.count() == 30


def test_setup_links_of_a_leaver_are_revoked_and_others_are_kept(
    contacts: responses.RequestsMock, acme: Enterprise, birch: Enterprise, ada: User, cleo: User
) -> None:
    now = timezone.now()
    for enterprise, user, days in ((acme, ada, 30), (birch, cleo, 30), (acme, ada, -1)):
        create_setup_link(enterprise, user, expires_at=now + timedelta(days=days))
    Membership.objects.get(user=ada).delete()
    run_due_tasks(now=timezone.now())

    assert list(SetupLink.objects.order_by("pk").values_list("state", flat=True)) == [
        "revoked",
        "sent",
        "sent",
    ]


def test_revocation_succeeds_when_workos_does_not_know_the_link(
    workos_api: responses.RequestsMock, acme: Enterprise, ada: User
) -> None:
    link = create_setup_link(acme, ada)
    workos_api.post(f"{CONTACTS}/it_contact_1/revoke", status=404, json={"message": "no"})
    signed_in(ada).post(f"{PATH}{link.pk}/revoke/")

    assert SetupLink.objects.get().state == "revoked"


def test_rate_limited_resend_does_not_revoke_the_old_link(
    contacts: responses.RequestsMock, ada: User, settings: Any
) -> None:
    settings.PORTAL_LIMIT_PERSON = 1
    client = signed_in(ada)
    client.post(PATH, FORM)
    page = client.post(f"{PATH}{SetupLink.objects.get().pk}/resend/", follow=True)

    assert "Too many attempts. You can send a setup link again at" in page.text
    assert SetupLink.objects.get().state == "sent"


def test_setup_links_that_were_not_sent_do_not_count(
    contacts: responses.RequestsMock, acme: Enterprise, ada: User, settings: Any
) -> None:
    settings.PORTAL_LIMIT_PERSON = 1
    for state in ("failed", "failed"):
        create_setup_link(acme, ada, state=state)
    signed_in(ada).post(PATH, FORM)

    assert SetupLink.objects.filter(state="sent").count() == 1


def test_possibly_sent_setup_link_is_mailed_to_it_admins_and_audited(
    contacts: responses.RequestsMock, ada: User, mailoutbox: list[Any]
) -> None:
    contacts.replace(responses.POST, f"{CONTACTS}/it_contact_1/invite", body=requests.ConnectionError("cut"))
    signed_in(ada).post(PATH, FORM)
    run_due_tasks(now=timezone.now())

    assert SetupLink.objects.get().state == "requested"
    assert [mail.subject for mail in mailoutbox] == [
        "Setup link may have been sent to ines@provider.example · Acme Inc."
    ]
    assert "we don't know whether the link was sent" in mailoutbox[0].body
    assert AuditEntry.objects.get(action="setup_link_sent").outcome.startswith("Not certain: ")


def leave_while_it_is_sent(contacts: responses.RequestsMock, leave: Callable[[], None]) -> None:
    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        leave()
        run_due_tasks(now=timezone.now())
        return 201, {}, json.dumps(CONTACT)

    contacts.remove(responses.POST, CONTACTS)
    contacts.add_callback(responses.POST, CONTACTS, callback=answer)
    contacts.post(f"{API}/portal/revoke_link", status=204)


def test_setup_link_is_revoked_when_its_sender_is_removed_during_sending(
    contacts: responses.RequestsMock, acme: Enterprise, ada: User, cleo: User
) -> None:
    Membership.objects.create(user=cleo, enterprise=acme, role=Membership.Role.IT_ADMIN)
    membership = Membership.objects.get(user=ada)
    leave_while_it_is_sent(contacts, lambda: remove_member(membership, Actor.from_user(cleo), timezone.now()))
    signed_in(ada).post(PATH, FORM)
    run_due_tasks(now=timezone.now())

    urls = [str(call.request.url) for call in contacts.calls]
    actions = [url.rpartition("/")[2] for url in urls if "it_contact" in url]
    assert actions == ["it_contacts", "invite", "revoke"]
    assert SetupLink.objects.get().state == "revoked"


@pytest.mark.parametrize("how", ["removed", "demoted", "deactivated"])
def test_sender_who_just_lost_access_cannot_send(
    contacts: responses.RequestsMock, acme: Enterprise, ada: User, how: str
) -> None:
    """The view's access check passed, then a colleague removed the sender's access."""
    if how == "removed":
        Membership.objects.all().delete()
    elif how == "demoted":
        Membership.objects.update(role=Membership.Role.MEMBER)
    else:
        User.objects.update(is_active=False)

    with pytest.raises((Http404, PermissionDenied)):
        send_setup_link(
            acme, email="x@p.example", intents=["sso"], actor=Actor.from_user(ada), now=timezone.now()
        )
    assert not SetupLink.objects.exists()
    assert not contacts.calls


def test_late_revocation_does_not_revoke_a_newer_link_to_the_same_contact(
    contacts: responses.RequestsMock, acme: Enterprise, ada: User
) -> None:
    client = signed_in(ada)
    client.post(PATH, FORM)
    first = SetupLink.objects.get()
    client.post(f"{PATH}{first.pk}/revoke/")
    client.post(PATH, FORM)
    before = len(contacts.calls)
    queue.enqueue(REVOKE_SETUP_LINK, acme.external_id, key=str(first.pk))
    run_due_tasks(now=timezone.now())

    assert len(contacts.calls) == before
    assert list(SetupLink.objects.order_by("pk").values_list("state", flat=True)) == ["revoked", "sent"]


@pytest.mark.parametrize("how", ["deactivated", "left staff", "deleted"])
def test_setup_links_sent_by_staff_are_revoked_when_they_lose_access(
    contacts: responses.RequestsMock, acme: Enterprise, ada: User, sam: User, how: str
) -> None:
    signed_in(sam).post(PATH, FORM)
    if how == "deactivated":
        deactivate_user(sam, Actor.from_user(ada), timezone.now())
    elif how == "left staff":
        sam.is_staff = False
        sam.save()
    else:
        sam.delete()
    run_due_tasks(now=timezone.now())

    assert SetupLink.objects.get().state == "revoked"


def test_it_admin_who_leaves_staff_keeps_their_setup_links(
    contacts: responses.RequestsMock, acme: Enterprise, ada: User
) -> None:
    signed_in(ada).post(PATH, FORM)
    ada.is_staff = True
    ada.save()
    ada.is_staff = False
    ada.save()
    run_due_tasks(now=timezone.now())

    assert SetupLink.objects.get().state == "sent"


@pytest.mark.parametrize("change", [{"is_staff": False}, {"is_active": False}])
def test_periodic_job_revokes_setup_links_of_staff_who_lost_access_in_bulk(
    contacts: responses.RequestsMock, birch: Enterprise, acme: Enterprise, sam: User, cleo: User,
    change: dict[str, bool],
) -> None:  # fmt: skip
    signed_in(sam).post(PATH, FORM)
    kept = create_setup_link(birch, cleo)
    assert enqueue_missed_revocations(timezone.now()) == 0

    User.objects.filter(pk=sam.pk).update(**change)

    assert enqueue_missed_revocations(timezone.now()) == 1
    # The revocation that waits is not enqueued again.
    assert enqueue_missed_revocations(timezone.now()) == 0
    run_due_tasks(now=timezone.now())
    assert SetupLink.objects.get(sent_by=sam).state == "revoked"
    kept.refresh_from_db()
    assert kept.state == "sent"


def test_saving_a_user_who_keeps_their_access_revokes_nothing(
    contacts: responses.RequestsMock, ada: User, sam: User
) -> None:
    signed_in(ada).post(PATH, FORM)
    Task.objects.all().delete()
    for user in (ada, sam):
        user.name = "Another name"
        user.save()

    assert not Task.objects.exists()


@pytest.mark.parametrize("path", [PATH, "/enterprises/acme-inc/members/invite/"])
def test_email_address_that_is_too_long_is_a_form_error(ada: User, path: str) -> None:
    address = f"{'a' * 64}@{'.'.join(['b' * 63] * 3)}.example"
    page = signed_in(ada).post(path, {**FORM, "email": address, "role": "member"})

    assert page.status_code == 200
    assert "at most 254 characters" in page.text


def old_sign_in(user: User) -> Client:
    client = signed_in(user)
    session = client.session
    session["reauthenticated_at"] = (timezone.now() - timedelta(hours=1)).isoformat()
    session.save()
    return client
