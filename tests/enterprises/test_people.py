"""People come by invitation, change roles and go; and what they opened at WorkOS goes with them."""

import threading
from datetime import timedelta
from typing import Any

import pytest
import responses
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone

from enterprises import errands, history, invitations, people
from enterprises.models import Enterprise, Errand, Invitation, Membership
from enterprises.people import LastITAdmin, Role
from hostapp.models import User
from tests.conftest import signed_in
from tests.gateway.test_gateway import API

pytestmark = pytest.mark.django_db

MEMBERS = "/enterprises/acme-inc/members/"
STRONG = "a very good battery"


def invite(ada: User, email: str = "Eve@acme.example", role: str = "it_admin") -> Any:
    return signed_in(ada).post(f"{MEMBERS}invite/", {"email": email, "role": role}, follow=True)


def mailed_link() -> str:
    """The path of the link in the newest mail, which the worker sends."""
    while errands.run_due(now=timezone.now()):
        pass
    (line,) = [line for line in mail.outbox[-1].body.splitlines() if line.startswith("http")]
    return line.removeprefix("http://localhost:8000")


def deeds(enterprise: Enterprise) -> list[str]:
    return [entry.deed for entry in history.of(enterprise)][::-1]


def test_an_invitation_is_mailed_by_the_worker_and_stands_in_the_list(acme: Enterprise, ada: User) -> None:
    page = invite(ada)

    assert mailed_link().startswith("/invitations/")
    assert mail.outbox[-1].to == ["eve@acme.example"]
    held = Invitation.objects.get()
    assert held.expires_at - held.invited_at == timedelta(days=30)
    assert f"{held.expires_at.day} {held.expires_at:%B %Y}" in page.text


def test_only_a_hash_of_the_link_is_kept(acme: Enterprise, ada: User) -> None:
    invite(ada)
    token = mailed_link().split("/")[2]

    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(i::text, ' ') FROM enterprises_invitation i")
        held = cursor.fetchone()[0]
    assert "eve@acme.example" in held
    assert token not in held


def test_someone_new_sets_name_and_password_and_is_in(acme: Enterprise, ada: User) -> None:
    invite(ada)
    client = Client()
    page = client.get(mailed_link(), follow=True)
    assert "eve@acme.example" in page.text
    assert page.request["PATH_INFO"] == "/invitations/accept/"

    weak = client.post("/invitations/accept/", {"name": "Eve", "password1": "12345", "password2": "12345"})
    other = client.post(
        "/invitations/accept/", {"name": "Eve", "password1": STRONG, "password2": STRONG + "!"}
    )
    assert "too short" in weak.text
    assert "not the same" in other.text
    joined = client.post(
        "/invitations/accept/", {"name": "Eve Engel", "password1": STRONG, "password2": STRONG}, follow=True
    )

    assert "You now belong to Acme Inc." in joined.text
    membership = Membership.objects.get(user__email="eve@acme.example")
    assert (membership.role, membership.user.get_full_name()) == ("it_admin", "Eve Engel")
    assert client.login(username="eve@acme.example", password=STRONG)
    assert deeds(acme) == ["invited", "accepted"]


def test_someone_with_an_account_signs_in_and_accepts(acme: Enterprise, ada: User, dan: User) -> None:
    invite(ada, dan.email, "member")
    client = Client()
    page = client.get(mailed_link(), follow=True)
    assert "sign in as <strong>dan@dune.example" in page.text

    client.post(
        "/account/login/?next=/invitations/accept/",
        {"username": dan.email, "password": "correct horse battery"},
    )
    joined = client.post("/invitations/accept/", follow=True)

    assert "You now belong to Acme Inc." in joined.text
    assert Membership.objects.get(user=dan).role == Role.MEMBER


def test_someone_signed_in_as_another_is_told_what_to_do(acme: Enterprise, ada: User, ben: User) -> None:
    invite(ada)
    client = signed_in(ben)

    page = client.get(mailed_link(), follow=True)
    client.post("/invitations/accept/")

    assert "Sign out, then open the link in the mail again" in page.text
    assert not Membership.objects.filter(user__email="eve@acme.example").exists()
    assert Membership.objects.get(user=ben).role == Role.MEMBER


def test_a_link_works_once(acme: Enterprise, ada: User) -> None:
    invite(ada)
    link = mailed_link()
    form = {"name": "Eve", "password1": STRONG, "password2": STRONG}
    first, second = Client(), Client()
    for client in (first, second):
        client.get(link)
    first.post("/invitations/accept/", form)

    again = second.post("/invitations/accept/", form)

    assert again.status_code == 404
    assert "works no longer" in again.text
    assert Membership.objects.filter(user__email="eve@acme.example").count() == 1


def test_an_old_a_revoked_and_a_replaced_link_work_no_longer(acme: Enterprise, ada: User) -> None:
    invite(ada)
    replaced = mailed_link()
    held = Invitation.objects.get()
    signed_in(ada).post(f"/enterprises/acme-inc/invitations/{held.pk}/resend/")
    old = mailed_link()
    assert Client().get(replaced, follow=True).status_code == 404
    assert Client().get(old, follow=True).status_code == 200

    Invitation.objects.update(expires_at=timezone.now())
    assert Client().get(old, follow=True).status_code == 404

    Invitation.objects.update(expires_at=timezone.now() + timedelta(days=1))
    signed_in(ada).post(f"/enterprises/acme-inc/invitations/{held.pk}/revoke/")
    assert Client().get(old, follow=True).status_code == 404
    assert deeds(acme) == ["invited", "invitation_resent", "invitation_revoked"]


def test_a_member_is_not_invited_again(acme: Enterprise, ada: User, ben: User) -> None:
    page = invite(ada, "BEN@acme.example")

    assert "belongs to Acme Inc. already" in page.text
    assert not Invitation.objects.exists()


def test_an_invitation_of_another_enterprise_is_out_of_reach(
    acme: Enterprise, ada: User, birch: Enterprise, cleo: User
) -> None:
    invite(ada)
    number = Invitation.objects.get().pk

    answer = signed_in(cleo).post(f"/enterprises/birch-ltd/invitations/{number}/revoke/")

    assert answer.status_code == 404
    assert Invitation.objects.exists()


def test_roles_are_explained_where_they_are_chosen(acme: Enterprise, ada: User) -> None:
    page = signed_in(ada).get(MEMBERS)

    for role in Role:
        assert role.explanation in page.text


def test_a_role_is_changed_and_said_in_the_history(acme: Enterprise, ada: User, ben: User) -> None:
    number = Membership.objects.get(user=ben).pk

    signed_in(ada).post(f"{MEMBERS}{number}/role/", {"role": "it_admin"})

    assert Membership.objects.get(user=ben).is_it_admin
    entry = history.of(acme).get()
    assert (entry.word, entry.who, entry.for_whom, entry.outcome, entry.client_address) == (
        "Role changed",
        "Ada Adeyemi <ada@acme.example>",
        "Ben Brandt <ben@acme.example>",
        "Member → IT admin",
        "127.0.0.1",
    )


def test_asking_to_remove_somebody_removes_nobody(acme: Enterprise, ada: User, ben: User, cleo: User) -> None:
    path = f"{MEMBERS}{Membership.objects.get(user=ben).pk}/remove/"

    assert "ben@acme.example loses" in signed_in(ada).get(path).text
    assert signed_in(ben).get(path).status_code == 403
    assert signed_in(cleo).get(path).status_code == 404
    assert signed_in(ada).get(f"{MEMBERS}987654/remove/").status_code == 404
    assert Membership.objects.filter(user=ben).exists()


@pytest.mark.parametrize(("path", "data"), [("role/", {"role": "member"}), ("remove/", {})])
def test_the_last_it_admin_stays(acme: Enterprise, ada: User, ben: User, path: str, data: Any) -> None:
    number = Membership.objects.get(user=ada).pk

    page = signed_in(ada).post(f"{MEMBERS}{number}/{path}", data)

    assert page.status_code == 302
    assert Membership.objects.get(user=ada).is_it_admin
    assert not Errand.objects.exists()


def test_an_it_admin_who_cannot_sign_in_does_not_count(acme: Enterprise, ada: User, ben: User) -> None:
    Membership.objects.update(role=Role.IT_ADMIN)
    User.objects.filter(pk=ben.pk).update(is_active=False)

    with pytest.raises(LastITAdmin):
        people.remove(Membership.objects.get(user=ada), who=ada, at=timezone.now())


@pytest.mark.django_db(transaction=True)
def test_two_it_admins_cannot_remove_each_other_at_once(acme: Enterprise, ada: User, ben: User) -> None:
    for _ in range(5):
        Membership.objects.all().delete()
        held = [
            Membership.objects.create(enterprise=acme, user=user, role=Role.IT_ADMIN) for user in (ada, ben)
        ]
        start = threading.Barrier(2)
        refused: list[Membership] = []

        def go(
            mine: Membership,
            start: threading.Barrier = start,
            refused: list[Membership] = refused,
        ) -> None:
            start.wait()
            try:
                people.remove(mine, who="somebody", at=timezone.now())
            except LastITAdmin:
                refused.append(mine)
            connection.close()

        threads = [threading.Thread(target=go, args=(one,)) for one in held]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(refused) == 1
        assert Membership.objects.filter(role=Role.IT_ADMIN).count() == 1


def leave(how: str, ada: User, ben: User, sam: User) -> None:
    held = Membership.objects.get(user=ben)
    if how == "removed":
        signed_in(ada).post(f"{MEMBERS}{held.pk}/remove/")
    elif how == "demoted":
        signed_in(ada).post(f"{MEMBERS}{held.pk}/role/", {"role": "member"})
    else:
        sam.is_superuser = True
        sam.save()
        page = signed_in(sam).get(f"/admin/hostapp/user/{ben.pk}/change/")
        data = {key: value for key, value in page.context["adminform"].form.initial.items() if value}
        data |= {
            "date_joined_0": "2026-01-01",
            "date_joined_1": "00:00:00",
            "groups": [],
            "user_permissions": [],
        }
        data.pop("is_active")
        answer = signed_in(sam).post(f"/admin/hostapp/user/{ben.pk}/change/", data)
        assert answer.status_code == 302


@pytest.mark.parametrize("how", ["removed", "demoted", "deactivated"])
def test_who_stops_being_an_it_admin_loses_what_they_opened_at_workos(
    how: str, acme: Enterprise, ada: User, ben: User, sam: User, workos_api: responses.RequestsMock
) -> None:
    Membership.objects.filter(user=ben).update(role=Role.IT_ADMIN)
    asked = workos_api.post(f"{API}/portal/revoke_link", status=404, json={})
    now = timezone.now()

    leave(how, ada, ben, sam)

    # Now, and again once a link that is being minted is there; one that is gone is well.
    assert errands.run_due(now=timezone.now()) == {"done": 1}
    assert Errand.objects.get().due_at > now + timedelta(seconds=8)
    assert errands.run_due(now=now + timedelta(minutes=1)) == {"done": 1}
    assert asked.call_count == 2
    assert f'"{ben.pk}"' in str(workos_api.calls[0].request.body)
    assert deeds(acme)[-1] == "link_revoked"
    assert not Errand.objects.exists()


def test_a_revocation_that_does_not_succeed_is_tried_on_and_seen(
    acme: Enterprise, ada: User, ben: User, sam: User, workos_api: responses.RequestsMock
) -> None:
    Membership.objects.filter(user=ben).update(role=Role.IT_ADMIN)
    workos_api.post(f"{API}/portal/revoke_link", status=503)
    leave("removed", ada, ben, sam)

    errands.run_due(now=timezone.now())

    page = signed_in(sam).get("/staff/enterprises/acme-inc/")
    assert "Revoke portal links" in page.text
    assert "WorkOS has a problem of its own" in page.text


def test_a_plain_member_who_goes_leaves_nothing_to_revoke(acme: Enterprise, ada: User, ben: User) -> None:
    signed_in(ada).post(f"{MEMBERS}{Membership.objects.get(user=ben).pk}/remove/")

    assert not Membership.objects.filter(user=ben).exists()
    assert not Errand.objects.exists()


def test_the_history_is_narrowed_and_exported_without_formulas(acme: Enterprise, ada: User) -> None:
    at = timezone.now()
    ada.name = '=HYPERLINK("http://evil.example")'
    history.record(acme, deed=history.Deed.RENAMED, who=ada, at=at, outcome="+1")
    history.record(acme, deed=history.Deed.INVITED, who=history.WORKOS, at=at)
    client = signed_in(ada)

    page = client.get("/enterprises/acme-inc/history/?deed=renamed&person=hyperlink")
    text = b"".join(client.get("/enterprises/acme-inc/history/export/?deed=renamed")).decode()

    assert "Renamed" in page.text
    assert "WorkOS</td>" not in page.text
    assert "\"'=HYPERLINK" in text
    assert ",'+1," in text
    assert "Invited" not in text


def test_joining_needs_the_very_link(acme: Enterprise) -> None:
    assert invitations.find("", now=timezone.now()) is None
